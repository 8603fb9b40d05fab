import { type Dirent, lstatSync, readdirSync, readlinkSync, realpathSync, type Stats, statSync } from 'node:fs'
import type { Pattern, Segment } from './pattern.ts'

/** What a walk meets, each once, in an order that depends on names alone. */
export type Visitor = {
  /** A file, or what a link leads to. `link`: the text of the link by which it is reached. */
  file?(path: string, stats: Stats, link?: string): void
  /** The same, where only files by links are asked for. */
  linkedFile?(path: string): void
  /** A link that is not followed (`followLinks` is off), or leads nowhere. */
  link?(path: string, target: string): void
  /** A folder within what a pattern matches, that has nothing in it. */
  emptyFolder?(path: string): void
  /** A folder in which something may be, or come to be, that patterns match, or that leads to such; it may not be there itself. */
  folder?(path: string): void
  /** A folder that is about to be read; it may not be there itself. */
  read?(path: string): void
  /** A path that patterns spell out, and at which nothing is. */
  absent?(path: string): void
  /** A link on what leads to the patterns' files, or may: it is looked at where it leads. */
  via?(path: string): void
}

/** How links are taken: as what they lead to (inputs), or as themselves (outputs). */
export type WalkOptions = { followLinks: boolean }

/** A pattern and how many of its parts a folder's path has matched. */
type State = { pattern: Pattern; at: number }

/**
 * Finds the files that patterns match. Reads a folder only where some pattern may match within it; what vanishes meanwhile is passed over.
 * Throws what the system says of folders and files that cannot be read.
 */
export function walk(patterns: readonly Pattern[], visitor: Visitor, options: WalkOptions): void {
  const states = patterns.flatMap((pattern) => closure({ pattern, at: 0 }))
  if (states.some(isPositive)) new Walk(visitor, options).folder('', states, [])
}

const orUndefined = { throwIfNoEntry: false } as const

class Walk {
  readonly #visitor: Visitor
  readonly #followLinks: boolean

  constructor(visitor: Visitor, { followLinks }: WalkOptions) {
    this.#visitor = visitor
    this.#followLinks = followLinks
  }

  /** `path` without a slash at its end, so '' is the root. `links` are the real paths of the folders that links have led to. */
  folder(path: string, states: readonly State[], links: readonly string[]): void {
    if (this.#visitor.folder && states.some(isNear)) this.#visitor.folder(path === '' ? '/' : path)
    const names = onlyNames(states)
    if (names) {
      for (const name of names) this.#named(path, name, states, links)
      return
    }
    this.#visitor.read?.(path === '' ? '/' : path)
    const entries = read(path === '' ? '/' : path)
    if (entries === undefined) return
    if (entries.length === 0 && states.some((state) => isPositive(state) && isWithin(state)) && !excluded(states)) {
      this.#visitor.emptyFolder?.(path)
    }
    const visitor = this.#visitor
    const isMatch = matcher(states)
    // Nearly all that is met are files: what is done for each of them counts.
    for (const entry of entries) {
      const { name } = entry
      if (entry.isFile()) {
        if (visitor.file === undefined || !isMatch(name)) continue
        const full = `${path}/${name}`
        const stats = lstatSync(full, orUndefined)
        if (stats !== undefined) visitor.file(full, stats)
      } else if (entry.isDirectory()) this.#enter(`${path}/${name}`, advance(states, name), links)
      else if (entry.isSymbolicLink()) this.#link(`${path}/${name}`, name, states, links)
    }
  }

  /** A name that patterns spell out: no folder needs to be read to find it. */
  #named(folder: string, name: string, states: readonly State[], links: readonly string[]): void {
    const path = `${folder}/${name}`
    const within = advance(states, name)
    if (!matches(states, name)) {
      this.#enter(path, within, links)
      return
    }
    const stats = lstatOf(path)
    if (stats === undefined) this.#visitor.absent?.(path)
    else if (stats.isDirectory()) this.#enter(path, within, links)
    else if (stats.isFile()) this.#visitor.file?.(path, stats)
    else if (stats.isSymbolicLink()) this.#link(path, name, states, links)
  }

  #enter(path: string, states: readonly State[], links: readonly string[]): void {
    if (states.some(isPositive) && !excluded(states)) this.folder(path, states, links)
  }

  #link(path: string, name: string, states: readonly State[], links: readonly string[]): void {
    if (!this.#followLinks) {
      if (matches(states, name)) this.#visitor.link?.(path, readlinkSync(path))
      return
    }
    this.#visitor.via?.(path)
    const stats = statOf(path)
    if (stats?.isDirectory()) {
      const within = advance(states, name)
      if (!within.some(isPositive) || excluded(within)) return
      const real = realpathSync(path)
      // A link to a folder above itself would be followed for ever.
      const here = realpathSync(path.slice(0, path.lastIndexOf('/')) || '/')
      if (links.includes(real) || `${here}/`.startsWith(`${real}/`)) return
      this.folder(path, within, [...links, real])
    } else if (matches(states, name)) {
      if (stats?.isFile()) {
        this.#visitor.file?.(path, stats, readlinkSync(path))
        this.#visitor.linkedFile?.(path)
      } else if (stats === undefined) this.#visitor.link?.(path, readlinkSync(path))
    }
  }
}

/** A file of a name that a folder was to have (`src/a.ts/b`) has nothing in it, which is not what Node calls no entry. */
function lstatOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined
    throw error
  }
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // A circle of links leads nowhere, and so does one that goes on behind a file.
    if (code === 'ELOOP' || code === 'ENOTDIR') return undefined
    throw error
  }
}

/** What is in a folder, by name; undefined when it is gone or none. */
function read(path: string): Dirent[] | undefined {
  let entries: Dirent[]
  try {
    entries = readdirSync(path, { withFileTypes: true })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
  // The system mostly gives them in order.
  for (let at = 1; at < entries.length; at += 1) {
    if ((entries[at - 1] as Dirent).name > (entries[at] as Dirent).name) {
      return entries.sort((one, other) => (one.name < other.name ? -1 : 1))
    }
  }
  return entries
}

const isPositive = ({ pattern }: State): boolean => !pattern.negative

const segmentOf = ({ pattern, at }: State): Segment | undefined => pattern.segments[at]

/** At the last of the names that a positive pattern begins with, or behind it: what is above has no part in it. */
function isNear({ pattern, at }: State): boolean {
  if (pattern.negative) return false
  for (let next = at; next < at + 2; next += 1) if (pattern.segments[next]?.kind !== 'literal') return true
  return false
}

/** Everything below is matched: the pattern has ended at a folder, or ends with `**`. */
const isWithin = (state: State): boolean =>
  segmentOf(state) === undefined ||
  (segmentOf(state)?.kind === 'any-depth' && state.at === state.pattern.segments.length - 1)

const excluded = (states: readonly State[]): boolean =>
  states.some((state) => state.pattern.negative && isWithin(state))

/** `**` may also match no folder at all. */
function closure(state: State): State[] {
  if (segmentOf(state)?.kind !== 'any-depth') return [state]
  return [state, ...closure({ pattern: state.pattern, at: state.at + 1 })]
}

/** The states within a folder that has this name. */
function advance(states: readonly State[], name: string): State[] {
  const next: State[] = []
  for (const state of states) {
    const segment = segmentOf(state)
    const { pattern, at } = state
    if (segment?.kind === 'literal') {
      if (segment.name === name) next.push(...closure({ pattern, at: at + 1 }))
    } else if (!pattern.negative && pattern.closed.has(name)) continue
    else if (segment === undefined || segment.kind === 'any-depth') next.push(...closure(state))
    else if (segment.test(name) && at + 1 < pattern.segments.length) next.push(...closure({ pattern, at: at + 1 }))
  }
  // What `**` keeps and adds again would double the states with each folder.
  return next.length < 2 ? next : unique(next)
}

const unique = (states: readonly State[]): State[] =>
  states.filter(
    (state, index) => states.findIndex((other) => other.pattern === state.pattern && other.at === state.at) === index,
  )

/** `matches` for many names: most folders have one pattern that a name in them can end. */
function matcher(states: readonly State[]): (name: string) => boolean {
  const open = states.filter(({ pattern, at }) => at >= pattern.segments.length - 1)
  const [only] = open
  if (only === undefined) return () => false
  const segment = segmentOf(only)
  if (open.length > 1 || only.pattern.negative || segment === undefined) return (name) => matches(open, name)
  if (segment.kind === 'any-depth') return () => true
  return segment.kind === 'literal' ? (name) => name === segment.name : segment.test
}

/** Whether a file of this name is matched. */
function matches(states: readonly State[], name: string): boolean {
  let found = false
  for (const state of states) {
    const { pattern, at } = state
    if (!pattern.negative && found) continue
    const segment = pattern.segments[at]
    const isLast = at === pattern.segments.length - 1
    const hit =
      segment === undefined
        ? // The pattern has ended at the folder; the one that begins behind `**` at its end has ended, too.
          true
        : isLast &&
          (segment.kind === 'any-depth' || (segment.kind === 'literal' ? segment.name === name : segment.test(name)))
    if (!hit) continue
    if (pattern.negative) return false
    found = true
  }
  return found
}

/** The names that alone can match within a folder, sorted; undefined when the folder has to be read. */
function onlyNames(states: readonly State[]): string[] | undefined {
  const names = new Set<string>()
  for (const state of states) {
    if (!isPositive(state)) continue
    const segment = segmentOf(state)
    if (segment?.kind !== 'literal') return undefined
    names.add(segment.name)
  }
  return [...names].sort()
}
