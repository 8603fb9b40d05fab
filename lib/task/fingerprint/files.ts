import type { Stats } from 'node:fs'
import { BegunInputs } from './begun.ts'
import type { FoundStates } from './found-states.ts'
import { type InputFiles, type Listed, ListedInputs, type Other, stampOf } from './listed-inputs.ts'
import { type Pattern, readPatterns } from './pattern.ts'
import { type ChangedFile, hashAt, type StatCache } from './stat-cache.ts'
import { type List, pathsOf, placesOf } from './stat-cache-file.ts'
import { isSteady, SteadyNotes } from './steady.ts'
import { walk } from './walk.ts'

export type { InputFiles } from './listed-inputs.ts'

/** What was found of inputs: what is there of them, or already that one has another content. */
export type FoundInputs = { found?: FoundStates | undefined; inputs?: BegunInputs }

/** How long to wait until what was found meanwhile is looked at, in milliseconds. */
const pause = 2

/**
 * Looks at the files that patterns have found beside this process; nothing where it is faster to do so here. For `readInputs`, at once: it is what that
 * would find itself.
 *
 * @param differFrom for who asks whether they have this digest: as soon as one is certainly not as it was when all had it, the others are left for later
 */
export async function findInputs(
  patterns: readonly string[],
  folder: string,
  cache: StatCache,
  differFrom?: string,
): Promise<FoundInputs> {
  const key = listKey(patterns, folder)
  const list = cache.list(key)
  const look = cache.look(key)
  if (list === undefined || look === undefined) return {}
  for (let isOver = false; !isOver && list.digest === differFrom; ) {
    const found = look.soFar()
    if (found === undefined) break
    if (cache.differs(list, found)) {
      look.stop()
      return { inputs: begun(list, list.digest, { key, folder, cache, patterns }) }
    }
    const later = new Promise<false>((resolve) => setTimeout(resolve, pause, false))
    isOver = await Promise.race([look.found.then(() => true), later])
  }
  return { found: await look.found }
}

/**
 * Reads which files patterns match, and their contents. Throws `FailureError` for what is no pattern, else what the system says.
 *
 * @param found what was just found of them (`findInputs`)
 */
export function readInputs(
  patterns: readonly string[],
  folder: string,
  cache: StatCache,
  found?: FoundStates,
): ListedInputs {
  const key = listKey(patterns, folder)
  const list = steadyList(cache, key, found)
  const changed = list && cache.changed(list, undefined, found)
  return listedInputs(patterns, changed && listedAgain(list, changed), { key, folder, cache })
}

/** The same for who asks whether they have a digest: as soon as one is certainly not as it was when all had it, the others are left for later. */
export function compareInputs(
  patterns: readonly string[],
  folder: string,
  cache: StatCache,
  digest: string,
): InputFiles {
  const key = listKey(patterns, folder)
  const list = steadyList(cache, key)
  if (list === undefined || list.digest !== digest) return readInputs(patterns, folder, cache)
  let isOther = false
  const changed = cache.changed(list, ({ hash, place }) => {
    isOther = hash !== hashAt(cache.columns, place)
    return isOther
  })
  if (!isOther) return listedInputs(patterns, changed && listedAgain(list, changed), { key, folder, cache })
  return begun(list, digest, { key, folder, cache, patterns })
}

/** The files of a list that certainly have another digest. */
function begun(
  list: List,
  differFrom: string,
  { patterns, folder, cache }: Where & { patterns: readonly string[] },
): BegunInputs {
  const paths = { digest: list.paths, list: () => pathsAt(cache, list) }
  return new BegunInputs({ differFrom, paths, readAll: (found) => readInputs(patterns, folder, cache, found) })
}

type Where = { key: string; folder: string; cache: StatCache }

const listedInputs = (patterns: readonly string[], again: Listed | undefined, where: Where): ListedInputs =>
  new ListedInputs(again ?? listedNow(readPatterns(patterns, where.folder), where.cache), where)

const listKey = (patterns: readonly string[], folder: string): string => JSON.stringify([folder, patterns])

/** A list of files that would be found again; undefined where they have to be looked for. */
function steadyList(cache: StatCache, key: string, found?: FoundStates): List | undefined {
  const list = cache.list(key)
  return list?.steady !== undefined && isSteady(list.steady, found) ? list : undefined
}

function pathsAt(cache: StatCache, { runs }: List): string[] {
  const all = pathsOf(cache.columns)
  return Array.from(placesOf(runs), (place) => all[place] as string)
}

/** The files of a list, as they are now. */
function listedAgain(list: List, changed: ReadonlyMap<number, ChangedFile>): Listed {
  const places = placesOf(list.runs)
  const kinds = new Map(list.kinds)
  const others = new Map<number, Other>()
  for (const [at, { path, stats, hash, place }] of changed) {
    places[at] = -1
    kinds.delete(at)
    if ((stats.mode & 0o111) !== 0) kinds.set(at, kindOf(stats, undefined))
    others.set(at, { path, hash, stamp: stampOf(stats), stats, place })
  }
  return { places, others, kinds: new Map([...kinds].sort(([one], [other]) => one - other)), list }
}

function listedNow(patterns: readonly Pattern[], cache: StatCache): Listed {
  // Of what the cache knows, only the places: objects for each file would cost as much as finding the files.
  const places: number[] = []
  const others = new Map<number, Other>()
  const kinds = new Map<number, string>()
  const notes = new SteadyNotes()
  walk(
    patterns,
    {
      file(path, stats, link) {
        const place = cache.place(path, stats)
        const at = places.push(place) - 1
        if ((stats.mode & 0o111) !== 0 || link !== undefined) kinds.set(at, kindOf(stats, link))
        if (place < 0) others.set(at, { path, hash: cache.hash(path, stats), stamp: stampOf(stats), stats })
      },
      link(path, target) {
        const at = places.push(-1) - 1
        kinds.set(at, `link ${JSON.stringify(target)}`)
        others.set(at, { path, hash: noHash, stamp: '' })
      },
      read: (path) => notes.read(path),
      absent: (path) => notes.absent(path),
      via: () => notes.link(),
    },
    { followLinks: true },
  )
  return { places, others, kinds, notes }
}

const noHash = '0'.repeat(64)

const kindOf = ({ mode }: Stats, link: string | undefined): string => {
  const kind = (mode & 0o111) === 0 ? 'file' : 'program'
  return link === undefined ? kind : `${kind} by ${JSON.stringify(link)}`
}

/** The patterns that match nothing at all, which is mostly a slip of the pen. */
export function unmatchedPatterns(patterns: readonly string[], folder: string): string[] {
  const found = new Error('found')
  const stop = (): never => {
    throw found
  }
  return patterns.filter((pattern) => {
    if (pattern.startsWith('!')) return false
    try {
      walk(readPatterns([pattern], folder), { file: stop, link: stop, emptyFolder: stop }, { followLinks: true })
      return true
    } catch (error) {
      return error !== found
    }
  })
}

/** The first input that is not as it was, or was written to meanwhile. `rewritten` are files that may be, if their content stays the same. */
export function changedInput(
  before: InputFiles,
  after: InputFiles,
  rewritten: (path: string) => boolean,
): string | undefined {
  const unlike = before.unlike(after)
  if (unlike !== undefined) {
    const at = unlike.find((one) => !rewritten(before.paths[one] as string))
    return at === undefined ? undefined : before.paths[at]
  }
  if (before.digest !== after.digest) {
    const known = new Map(before.paths.map((path, at) => [path, before.content(at)]))
    const changed = after.paths.find((path, at) => known.get(path) !== after.content(at))
    if (changed !== undefined) return changed
    const left = new Set(after.paths)
    return before.paths.find((path) => !left.has(path))
  }
  return before.paths.find((path, at) => before.stamp(at) !== after.stamp(at) && !rewritten(path))
}
