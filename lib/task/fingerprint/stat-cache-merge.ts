import { columns, type FileColumns, type List, pathsOf, placesOf, runsOf } from './stat-cache-file.ts'

/** Of so many lists digests are kept; of those that changed last. */
const mostLists = 200

/** A file that was read: its numbers, as the columns have them, its hash, and the place that it has so far, or -1. */
export type Added = { numbers: readonly number[]; hash: string; place: number }

/** A list of files, in the order of a walk: at their places, and of those without one by their place in the list, and what is noted of it. */
export type NotedList = {
  places: ArrayLike<number>
  others: ReadonlyMap<number, { path: string; hash: string }>
  notes: Omit<List, 'runs'>
}

/** What was found out. */
export type Found = {
  added: ReadonlyMap<string, Added>
  noted: ReadonlyMap<string, NotedList>
  /** Whether what is at a place is not to be forgotten. */
  isKept(at: number): boolean
}

/** What was known, and what was found out. */
export function merged(before: FileColumns, found: Found): FileColumns {
  for (const { place } of found.added.values()) if (place < 0) return rearranged(before, found)
  for (let at = 0; at < before.count; at += 1) if (!found.isKept(at)) return rearranged(before, found)
  return rewritten(before, found)
}

/** All files stay where they are: some have another content. */
function rewritten(before: FileColumns, { added, noted }: Found): FileColumns {
  const numbers = before.numbers.slice()
  const hashes = Buffer.from(before.hashes)
  const changed = new Set<number>()
  for (const { place, ...now } of added.values()) {
    changed.add(place)
    numbers.set(now.numbers, place * columns)
    hashes.write(now.hash, place * 32, 'hex')
  }
  const lists = new Map([...before.lists].filter(([, list]) => !hasAny(list, changed)))
  for (const [key, { places, others, notes }] of noted) {
    // What was as known then, and was read since, is another now.
    const now = Int32Array.from(places)
    for (let at = 0; at < now.length; at += 1) if (changed.has(now[at] as number)) now[at] = -1
    for (const [at, other] of others) now[at] = placeNow(other, added, (one) => one.place)
    put(lists, key, now, notes)
  }
  const { written } = before
  const since = written && { ...written, since: new Set([...written.since, ...changed]) }
  return { ...before, numbers, hashes, lists: lastOf(lists), ...(since && { written: since }) }
}

const hasAny = ({ runs }: List, places: ReadonlySet<number>): boolean => {
  for (const place of places) {
    for (let at = 0; at < runs.length; at += 2) {
      const from = runs[at] as number
      if (place >= from && place < from + (runs[at + 1] as number)) return true
    }
  }
  return false
}

/** Where a file is that was read for a list; -1 when it was read again since, and is another. */
function placeNow(
  { path, hash }: { path: string; hash: string },
  added: Found['added'],
  placeOf: (added: Added) => number,
): number {
  const now = added.get(path)
  return now?.hash === hash ? placeOf(now) : -1
}

/** A list with a file that is not there is none. */
function put(lists: Map<string, List>, key: string, places: Int32Array, notes: NotedList['notes']): void {
  lists.delete(key)
  if (!places.includes(-1)) lists.set(key, { ...notes, runs: runsOf(places) })
}

const lastOf = (lists: Map<string, List>): Map<string, List> => {
  for (const key of [...lists.keys()].slice(0, -mostLists)) lists.delete(key)
  return lists
}

/** New files come behind the ones that they follow in a walk, so that the next one asked for is the next one there; what nobody asks for goes. */
function rearranged(before: FileColumns, { added, noted, isKept }: Found): FileColumns {
  const old = pathsOf(before)
  const rest = new Map(added)
  const rows: { at: number; path: string; added?: Added }[] = []
  const takeNew = (path: string): void => {
    const one = rest.get(path)
    if (one !== undefined) rows.push({ at: -1, path, added: one })
    rest.delete(path)
  }
  const behind = newBehind(old, noted)
  /** Where what lies at a place will lie; -1 for what changed or is forgotten. */
  const moved = new Int32Array(old.length).fill(-1)
  for (const [at, path] of old.entries()) {
    const one = rest.get(path)
    // In the place of what it was: in the order of a walk the next one is found fastest.
    if (one !== undefined) rows.push({ at, path, added: one })
    else if (isKept(at)) moved[at] = rows.push({ at, path }) - 1
    rest.delete(path)
    for (const next of behind.get(at) ?? []) takeNew(next)
  }
  for (const path of [...rest.keys()]) takeNew(path)
  const numbers = new Float64Array(rows.length * columns)
  const hashes = Buffer.alloc(rows.length * 32)
  const now = new Map<Added, number>()
  for (const [place, { at, added: one }] of rows.entries()) {
    if (one === undefined) {
      numbers.set(before.numbers.subarray(at * columns, (at + 1) * columns), place * columns)
      before.hashes.copy(hashes, place * 32, at * 32, at * 32 + 32)
      continue
    }
    numbers.set(one.numbers, place * columns)
    hashes.write(one.hash, place * 32, 'hex')
    now.set(one, place)
  }
  const lists = new Map<string, List>()
  for (const [key, list] of before.lists) {
    put(
      lists,
      key,
      placesOf(list.runs).map((place) => moved[place] ?? -1),
      list,
    )
  }
  for (const [key, { places, others, notes }] of noted) {
    const placeOf = (place: number, at: number): number => {
      const other = others.get(at)
      return other === undefined ? (moved[place] ?? -1) : placeNow(other, added, (one) => now.get(one) ?? -1)
    }
    put(lists, key, Int32Array.from(places, placeOf), notes)
  }
  const text = rows.map(({ path }) => path).join('\0')
  return { count: rows.length, numbers, hashes, text, paths: Buffer.from(text), lists: lastOf(lists) }
}

/** Which new files come behind a known one. */
function newBehind(old: readonly string[], noted: Found['noted']): ReadonlyMap<number, readonly string[]> {
  const behind = new Map<number, string[]>()
  let known: Map<string, number> | undefined
  for (const { places, others } of noted.values()) {
    if (others.size === 0) continue
    known ??= new Map(old.map((path, at) => [path, at]))
    let last = -1
    for (let at = 0; at < places.length; at += 1) {
      const place = places[at] as number
      const path = others.get(at)?.path
      const found = path === undefined ? place : known.get(path)
      if (found !== undefined) last = found
      else if (path !== undefined && last >= 0) behind.set(last, [...(behind.get(last) ?? []), path])
    }
  }
  return behind
}
