import { z } from 'zod'
import { FailureError } from '../../model/failure.ts'
import type { Finding } from '../../model/finding.ts'
import type { LeftImage } from '../../model/leftovers.ts'
import type { Effect, ReleaseStore } from '../../model/platform.ts'
import type { Release } from '../../model/release.ts'
import { imagesOf } from '../../plan/cleanup.ts'
import { parseRecord } from '../local/release-record.ts'
import { currentAmong, type ReleasePointer, readPointer } from '../release-current.ts'
import { damagedPointer, isCurrent, leftOut, noRecord, taken, unreadable } from '../release-failures.ts'
import type { Engine } from './engine.ts'
import type { Owner } from './names.ts'
import { type Change, type Kept, ReleasesVolume } from './releases-volume.ts'

/** The releases of one environment in a volume of its engine. */
export type DockerReleases = ReleaseStore & {
  /** What the last `list` (or `current`) could not read. */
  findings(): Finding[]
  /** The images of releases that were removed, as far as they were not forgotten. */
  oldImages(): Promise<LeftImage[]>
  /** Forgets images that are gone. */
  forgetImages(identities: readonly string[]): Promise<void>
}

const effectSchema = z.looseObject({ op: z.string(), ended: z.enum(['begun', 'done', 'failed']), at: z.string() })
const documentSchema = z.looseObject({
  number: z.int().min(1),
  release: z.looseObject({}),
  effects: z.array(effectSchema),
})

/** A release's document: its record, and how those of its ops ended whose effect cannot be observed. */
type Document = { number: number; release: Release; effects: Effect[] }
/** Where a document lies: its slot, and which write of it was the last. */
type Placed = Document & { name: string; seq: number }
type Contents = {
  releases: Placed[]
  unreadable: Map<number, string>
  pointer: Kept | undefined
  free: Free
  images: { seq: number; old: LeftImage[] }
}
/** A slot that no release has. */
type Free = { name: string; seq: number }

const pointerName = 'current'
const imagesName = 'images'
/** The document with the key of the environment's digests; see shared-key.ts. */
export const keyName = 'key'

/**
 * Keeps the releases of an environment on its engine, so that all clones of a workspace share them: see docs/docker-platform.md. A release lies
 * in a slot, which another one gets when it was removed, since nothing can be deleted through `docker cp`. Failures are thrown as `FailureError`.
 */
export function dockerReleases(engine: Engine, owner: Owner): DockerReleases {
  const volume = new ReleasesVolume(engine, owner)
  const { environment } = owner
  const file = (name: string) => `volume ${volume.name}, ${name}`
  let left: Finding[] = []
  let writing: Promise<unknown> = Promise.resolve()

  /** One after the other: each reads what the one before has written. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = writing.then(work)
    writing = done.catch(() => {})
    return done
  }

  async function read(): Promise<Contents> {
    const kept = await volume.read()
    left = []
    const releases: Placed[] = []
    const bad = new Map<number, string>()
    let free: Free | undefined
    let slots = 0
    for (const [name, { seq, text, torn }] of kept) {
      if (name === pointerName || name === imagesName || name === keyName) continue
      slots = Math.max(slots, Number(name.replace('slot-', '')))
      // Removed; or a deploy was killed while it wrote its record for the first time.
      if (text === '' && (seq > 0 || torn === 1)) {
        free ??= { name, seq }
        continue
      }
      if (text === '') {
        left.push(neverWhole(file(name)))
        continue
      }
      const parsed = parseDocument(text, environment)
      if ('why' in parsed) {
        left.push(leftOut(file(name), parsed.number ?? 0, parsed.why))
        if (parsed.number !== undefined) bad.set(parsed.number, parsed.why)
        continue
      }
      if (torn > 0) left.push(cutOff(file(name), parsed.number))
      releases.push({ ...parsed, name, seq })
    }
    releases.sort((a, b) => a.number - b.number)
    free ??= { name: `slot-${slots + 1}`, seq: 0 }
    return { releases, unreadable: bad, pointer: kept.get(pointerName), free, images: readImages(kept.get(imagesName)) }
  }

  function find({ releases, unreadable: bad }: Contents, number: number): Placed {
    const found = releases.find((one) => one.number === number)
    if (found) return found
    const why = bad.get(number)
    throw new FailureError(why === undefined ? noRecord(environment, number) : unreadable(file(String(number)), why))
  }

  function currentIn({ releases, pointer }: Contents): number | undefined {
    const read = pointer && (pointer.seq === 0 ? 'damaged' : readPointer(pointer.text))
    const current = currentAmong(
      releases.map(({ release }) => release),
      read,
    )
    if (read === 'damaged') left.push(damagedPointer(file(pointerName), current))
    return current
  }

  return {
    findings: () => left,

    async list() {
      return (await read()).releases.map(({ release }) => release)
    },

    async current() {
      return currentIn(await read())
    },

    open: (release) =>
      inTurn(async () => {
        const { number } = release
        const before = await read()
        if (before.unreadable.has(number) || before.releases.some((one) => one.number === number)) {
          throw new FailureError(taken(environment, number))
        }
        await volume.write([change({ ...before.free, number, release, effects: [] })])
        // Two that have lost sight of each other's lock may have chosen the same slot: the last one has it.
        const after = (await read()).releases.filter((one) => one.number === number)
        if (after.length === 1 && after[0]?.release.run === release.run) return
        throw new FailureError(taken(environment, number))
      }),

    close: (number, { outcome, ended, cause, left: gone, schema, pushed }) =>
      inTurn(async () => {
        const placed = find(await read(), number)
        const release: Release = {
          ...placed.release,
          outcome,
          ...(ended === undefined ? {} : { ended }),
          ...(cause === undefined ? {} : { cause }),
          ...(gone === undefined ? {} : { left: gone }),
          ...(schema === undefined ? {} : { schema }),
          ...(pushed === undefined ? {} : { pushed }),
        }
        await volume.write([change({ ...placed, release })])
      }),

    setCurrent: (number, run) =>
      inTurn(async () => {
        const contents = await read()
        const placed = find(contents, number)
        // Gone back to although it was left once: a rollback may choose it again.
        const { left: gone, ...release } = placed.release
        const newest = Math.max(...contents.releases.map((one) => one.number))
        const pointer: ReleasePointer & { run: string; at: string } = {
          ...{ release: number, newest },
          ...{ run, at: new Date().toISOString() },
        }
        await volume.write([
          ...(gone ? [change({ ...placed, release })] : []),
          { name: pointerName, seq: contents.pointer?.seq ?? 0, text: `${JSON.stringify(pointer)}\n` },
        ])
      }),

    recordEffect: (number, effect) =>
      inTurn(async () => {
        const placed = find(await read(), number)
        await volume.write([change({ ...placed, effects: [...placed.effects, effect] })])
      }),

    async effects(number) {
      return (await read()).releases.find((one) => one.number === number)?.effects ?? []
    },

    remove: (numbers) =>
      inTurn(async () => {
        const contents = await read()
        const kept = currentIn(contents)
        const current = numbers.find((number) => number === kept)
        if (current !== undefined) throw new FailureError(isCurrent(environment, current))
        const gone = contents.releases.filter(({ number }) => numbers.includes(number))
        if (gone.length === 0) return
        // Written first: an image whose release is forgotten is nobody's for ever.
        const images = [...contents.images.old, ...gone.flatMap(({ release }) => imagesOf(release))]
        await volume.write([
          imagesChange(contents.images.seq, images),
          ...gone.map(({ name, seq }) => ({ name, seq, text: '' })),
        ])
      }),

    async oldImages() {
      const { images, releases } = await read()
      const kept = new Set(releases.flatMap(({ release }) => imagesOf(release)).map(({ identity }) => identity))
      return images.old.filter(({ identity }) => !kept.has(identity))
    },

    forgetImages: (identities) =>
      inTurn(async () => {
        const { images } = await read()
        const old = images.old.filter(({ identity }) => !identities.includes(identity))
        if (old.length < images.old.length) await volume.write([imagesChange(images.seq, old)])
      }),
  }
}

const change = ({ name, seq, number, release, effects }: Placed): Change => ({
  name,
  seq,
  text: `${JSON.stringify({ number, release, effects })}\n`,
})

const imageSchema = z.strictObject({ reference: z.string(), identity: z.string() })

function readImages(kept: Kept | undefined): Contents['images'] {
  try {
    return { seq: kept?.seq ?? 0, old: z.array(imageSchema).parse(JSON.parse(kept?.text || '[]')) }
  } catch {
    return { seq: kept?.seq ?? 0, old: [] }
  }
}

/** Each image once. */
const imagesChange = (seq: number, images: readonly LeftImage[]): Change => ({
  name: imagesName,
  seq,
  text: `${JSON.stringify([...new Map(images.map((image) => [`${image.reference} ${image.identity}`, image])).values()])}\n`,
})

function parseDocument(text: string, environment: string): Document | { why: string; number?: number } {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return { why: `it is no JSON (${(error as Error).message})` }
  }
  const parsed = documentSchema.safeParse(value)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    return { why: `${issue?.path.join('.') || 'the record'}: ${issue?.message}` }
  }
  const { number, release, effects } = parsed.data
  const record = parseRecord(JSON.stringify(release), { number, environment })
  if ('why' in record) return { why: record.why, number }
  return { number, release: record.release, effects: effects as Effect[] }
}

const neverWhole = (file: string): Finding => ({
  rule: 'release-record-unreadable',
  severity: 'warning',
  message: 'a release is left out, whose record is damaged in both of its places',
  place: { file },
})

const cutOff = (file: string, number: number): Finding => ({
  rule: 'release-record-cut-off',
  severity: 'warning',
  message: `the last write of release ${number} was cut off; what was written before it counts`,
  place: { file },
  mend: 'the next write of the record puts it right',
})
