import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readdir, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { FailureError } from '../../model/failure.ts'
import type { Finding } from '../../model/finding.ts'
import type { Effect, ReleaseStore } from '../../model/platform.ts'
import type { Release } from '../../model/release.ts'
import { errorCode, fileFailure, readText, removeTree, syncFolder, writeFileAtomic } from '../../system/files.ts'
import { openDurableAppender, readLinesTolerant } from '../../system/journal-file.ts'
import { currentAmong, readPointer } from '../release-current.ts'
import { damagedPointer, isCurrent, leftOut, noRecord, taken, unreadable } from '../release-failures.ts'
import { parseRecord } from './release-record.ts'

/** The releases of one environment as files of the workspace. */
export type LocalReleases = ReleaseStore & {
  /** What the last `list` (or `current`) could not read. */
  findings(): Finding[]
  /** The folder of a release: its record, and all that belongs to it alone. */
  folder(number: number): string
}

const effectSchema = z.looseObject({ op: z.string(), ended: z.enum(['begun', 'done', 'failed']), at: z.string() })

/** What a folder is called while it is being removed: it is no release any more. */
const removing = '.removing-'

/**
 * Keeps releases in `.ops/releases/<environment>/<n>/release.json`, effects beside it, and in `current.json` which one is current.
 * Every step is one rename or link, so that a crash leaves the state before it or after it. Failures are thrown as `FailureError`.
 *
 * @param ops the workspace's `.ops` folder
 */
export function localReleases(ops: string, environment: string): LocalReleases {
  const root = join(ops, 'releases', environment)
  const folder = (number: number) => join(root, String(number))
  const recordPath = (number: number) => join(folder(number), 'release.json')
  const effectsPath = (number: number) => join(folder(number), 'effects.jsonl')
  const currentPath = join(root, 'current.json')
  let left: Finding[] = []
  let appending: Promise<void> = Promise.resolve()

  async function read(number: number): Promise<Release> {
    const text = await readText(recordPath(number))
    if (text === undefined) throw new FailureError(noRecord(environment, number))
    const parsed = parseRecord(text, { number, environment })
    if ('why' in parsed) throw new FailureError(unreadable(recordPath(number), parsed.why))
    return parsed.release
  }

  async function names(): Promise<string[]> {
    try {
      return await readdir(root)
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return []
      throw new FailureError(fileFailure(error, 'read', root))
    }
  }

  /** What a crash left of removals. */
  async function clearRemoved(): Promise<void> {
    for (const name of await names()) if (name.startsWith(removing)) await removeTree(join(root, name))
  }

  async function list(): Promise<Release[]> {
    const numbers = (await names()).filter((name) => /^[1-9]\d*$/.test(name)).map(Number)
    const releases: Release[] = []
    left = []
    for (const number of numbers.sort((a, b) => a - b)) {
      const text = await readText(recordPath(number))
      // Made by a deploy that was killed before it wrote the record.
      if (text === undefined) continue
      const parsed = parseRecord(text, { number, environment })
      if ('release' in parsed) releases.push(parsed.release)
      else left.push(leftOut(recordPath(number), number, parsed.why))
    }
    return releases
  }

  async function current(): Promise<number | undefined> {
    const releases = await list()
    const pointer = readPointer(await readText(currentPath))
    const current = currentAmong(releases, pointer)
    if (pointer === 'damaged') left.push(damagedPointer(currentPath, current))
    return current
  }

  return {
    folder,
    findings: () => left,
    current,

    list,

    async open(release) {
      await clearRemoved()
      const path = recordPath(release.number)
      const temporary = join(folder(release.number), `.release.${process.pid}-${randomBytes(6).toString('hex')}.tmp`)
      try {
        await mkdir(folder(release.number), { recursive: true })
        await writeDurably(temporary, text(release))
        // link, not rename: it fails when the name is taken.
        await link(temporary, path)
        await syncFolder(folder(release.number))
        await syncFolder(root)
      } catch (error) {
        if (errorCode(error) === 'EEXIST') throw new FailureError(taken(environment, release.number))
        throw error instanceof FailureError ? error : new FailureError(fileFailure(error, 'written', path))
      } finally {
        await unlink(temporary).catch(() => {})
      }
    },

    async close(number, { outcome, ended, cause, left: gone, schema }) {
      const release = await read(number)
      await writeFileAtomic(
        recordPath(number),
        text({
          ...release,
          outcome,
          ...(ended === undefined ? {} : { ended }),
          ...(cause === undefined ? {} : { cause }),
          ...(gone === undefined ? {} : { left: gone }),
          ...(schema === undefined ? {} : { schema }),
        }),
      )
    },

    async setCurrent(number, run) {
      // Gone back to although it was left once: a rollback may choose it again.
      const { left: gone, ...release } = await read(number)
      if (gone) await writeFileAtomic(recordPath(number), text(release))
      const newest = Math.max(...(await list()).map((release) => release.number))
      const pointer = { release: number, newest, run, at: new Date().toISOString() }
      await writeFileAtomic(currentPath, `${JSON.stringify(pointer)}\n`)
    },

    recordEffect(number, effect) {
      // One after the other: opening the file cuts off a torn end, which must not be a line that is just being written.
      const appended = appending.then(() => appendEffect(effectsPath(number), effect))
      appending = appended.catch(() => {})
      return appended
    },

    async effects(number) {
      const lines = await readLinesTolerant(effectsPath(number))
      return (lines?.values ?? []).filter((value): value is Effect => effectSchema.safeParse(value).success)
    },

    /**
     * First the folder gets a name that is no release's: from then on the release is gone, with all that belongs to it. A record
     * without its files would be worse than files without a record: a rollback would choose it.
     */
    async remove(numbers) {
      await clearRemoved()
      const kept = await current()
      for (const number of numbers) {
        if (number === kept) throw new FailureError(isCurrent(environment, number))
        const away = join(root, `${removing}${number}-${randomBytes(4).toString('hex')}`)
        try {
          await rename(folder(number), away)
        } catch (error) {
          if (errorCode(error) === 'ENOENT') continue
          throw new FailureError(fileFailure(error, 'removed', folder(number)))
        }
        await removeTree(away)
      }
    },
  }
}

async function appendEffect(path: string, effect: Effect): Promise<void> {
  const file = await openDurableAppender(path)
  try {
    await file.append(JSON.stringify(effect))
  } finally {
    await file.close()
  }
}

const text = (release: Release): string => `${JSON.stringify(release, undefined, 2)}\n`

async function writeDurably(path: string, data: string): Promise<void> {
  const handle = await open(path, 'wx', 0o644)
  try {
    await handle.writeFile(data)
    await handle.sync()
  } finally {
    await handle.close()
  }
}
