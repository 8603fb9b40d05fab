import { type Failure, FailureError } from '../../model/failure.ts'
import type { Effect, ReleaseStore } from '../../model/platform.ts'
import type { Release } from '../../model/release.ts'
import { parseRecord } from '../local/release-record.ts'
import { currentAmong, type ReleasePointer } from '../release-current.ts'
import { isCurrent, noRecord, taken } from '../release-failures.ts'
import { ownName } from './names.ts'
import {
  changeRecord,
  createObject,
  ensureHome,
  findRecord,
  listRecords,
  packed,
  type RecordPlace,
  type RecordSecret,
  recordSecret,
  unpacked,
} from './records.ts'

/** Beyond this many characters of base64 a value goes into several Secrets: one holds 1 MiB. */
const partLength = 700_000

/** The releases of one environment: a Secret each, in the environment's namespace. Failures are thrown as `FailureError`. */
export function kubernetesReleases(place: RecordPlace): ReleaseStore {
  const what = (number: number) => `release-${number}`
  const missing = (number: number) => (): Failure => noRecord(place.environment, number)
  const read = (record: RecordSecret, number: number): Release | undefined => {
    const parsed = parseRecord(JSON.stringify(unpacked(record.data?.record) ?? null), {
      number,
      environment: place.environment,
    })
    return 'why' in parsed ? undefined : parsed.release
  }
  const change = (number: number, by: (release: Release) => Release) =>
    changeRecord(
      place,
      what(number),
      (data) => {
        const release = read({ data } as RecordSecret, number)
        return release ? { ...data, record: packed(by(release)) } : data
      },
      missing(number),
    )
  const currentOf = (record: RecordSecret | undefined) => unpacked(record?.data?.current) as ReleasePointer | undefined

  return {
    async list() {
      const records = await listRecords(place, 'release')
      return records
        .flatMap((record) => read(record, Number(record.metadata.name.split('-').at(-1))) ?? [])
        .sort((one, other) => one.number - other.number)
    },

    async current() {
      const [releases, record] = await Promise.all([this.list(), findRecord(place, 'current')])
      return currentAmong(releases, currentOf(record))
    },

    async open(release) {
      await ensureHome(place)
      const record = recordSecret(place, 'release', what(release.number), { record: packed(release) })
      const made = await createObject(place.kubectl, record)
      if (!made.ok) throw new FailureError(...made.failures)
      if (made.value) return
      throw new FailureError(taken(place.environment, release.number))
    },

    close: (number, later) => change(number, (release) => ({ ...release, ...later })),

    async setCurrent(number, run) {
      await change(number, ({ left: _, ...release }) => release)
      const newest = Math.max(...(await this.list()).map((release) => release.number))
      const current = packed({ release: number, newest, run, at: new Date().toISOString() })
      await changeRecord(
        place,
        'current',
        (data) => ({ ...data, current }),
        () => recordSecret(place, 'current', 'current', { current }),
      )
    },

    recordEffect: (number, effect) =>
      changeRecord(
        place,
        what(number),
        (data) => ({ ...data, effects: packed([...((unpacked(data.effects) as Effect[] | undefined) ?? []), effect]) }),
        missing(number),
      ),

    async effects(number) {
      return (unpacked((await findRecord(place, what(number)))?.data?.effects) as Effect[] | undefined) ?? []
    },

    async remove(numbers) {
      const current = await this.current()
      for (const number of numbers) {
        if (number === current) throw new FailureError(isCurrent(place.environment, number))
        // The record goes last: what it needs is never missing while it is there, and a second attempt finds what is left.
        const files = (await listRecords(place, 'files', { 'vital-ops.dev/release': String(number) })).map(
          ({ metadata }) => metadata.name,
        )
        await removeSecrets(place, [...files, ownName(place, what(number))])
      }
    },
  }
}

async function removeSecrets({ kubectl, home }: RecordPlace, names: string[]): Promise<void> {
  const gone = await kubectl.checked(['delete', 'secret', ...names, '-n', home, '--ignore-not-found'])
  if (!gone.ok) throw new FailureError(...gone.failures)
}

/** Keeps the rendered manifests of a release, in as many Secrets as they need. */
export async function keepFiles(place: RecordPlace, number: number, files: unknown): Promise<void> {
  const text = packed(files)
  const parts = Math.ceil(text.length / partLength)
  for (let part = 0; part < parts; part += 1) {
    // Each Secret's data is base64 of its own: what is cut in the middle of a group would be none.
    const data = {
      part: Buffer.from(text.slice(part * partLength, (part + 1) * partLength)).toString('base64'),
      of: Buffer.from(String(parts)).toString('base64'),
    }
    const record = recordSecret(place, 'files', `release-${number}.files-${part}`, data, {
      'vital-ops.dev/release': String(number),
    })
    await changeRecord(
      place,
      `release-${number}.files-${part}`,
      () => data,
      () => record,
    )
  }
}

/** The rendered manifests of a release; undefined where they are not (all) there. */
export async function readFiles(place: RecordPlace, number: number): Promise<unknown> {
  const records = await listRecords(place, 'files', { 'vital-ops.dev/release': String(number) })
  const parts = records
    .map(({ metadata, data }) => ({ at: Number(metadata.name.split('-').at(-1)), data: data ?? {} }))
    .sort((one, other) => one.at - other.at)
  const decoded = (text: string | undefined) => Buffer.from(text ?? '', 'base64').toString('utf8')
  if (parts.length === 0 || parts.length !== Number(decoded(parts[0]?.data.of))) return undefined
  return unpacked(parts.map(({ data }) => decoded(data.part)).join(''))
}
