/*
 * The paths of long lists of files, written down for `find` (lib/system/find-states.ts), which looks at them beside this process: `.ops/cache/looks/`, the
 * folders first. A file's name is made of what is in it.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { findStates } from '../../system/find-states.ts'
import { lookOnce } from './ahead.ts'
import { sha256 } from './digest.ts'
import { FoundStates } from './found-states.ts'
import { relativeTo } from './kept-inputs.ts'
import { countOf, type FileColumns, type List, type Look, pathsOf, placesOf } from './stat-cache-file.ts'
import type { Steady } from './steady.ts'

/** With fewer files, to start a process takes longer than to look at them. */
const leastFiles = 2500
/** More processes than this would wait for the file system. */
const mostProcesses = 4

/** Where these files are, within a workspace's `.ops/cache`. */
const looksFolder = (cacheFolder: string): string => join(cacheFolder, 'looks')
/** Says that there is no `find` here that is of use. */
const noFind = 'no-find'

/** What has to be written down of a list; undefined for a short one. `paths` is a digest of its paths, which start from `folder`. */
export function lookOf(folder: string, paths: string, count: number, { folders }: Steady): Look | undefined {
  if (count < leastFiles) return undefined
  const name = sha256(JSON.stringify([folder, paths, folders.map(([path]) => path)])).slice(0, 32)
  const parts = Math.min(mostProcesses, availableParallelism())
  return { folder, files: Array.from({ length: parts }, (_, at) => `${name}.${parts}.${at}`) }
}

/** Writes down what is not yet, and removes what no list is of any more. What cannot be written is done without. */
export function writeLooks(cacheFolder: string, columns: FileColumns): void {
  const looks = looksFolder(cacheFolder)
  const lists = [...columns.lists.values()].filter(({ look }) => look !== undefined)
  const missing = lists.filter(({ look }) => look?.files.some((file) => !existsSync(join(looks, file))))
  if (missing.length === 0) return
  try {
    mkdirSync(looks, { recursive: true, mode: 0o700 })
    const known = new Set([
      noFind,
      ...lists.flatMap(({ look }) => look?.files.flatMap((one) => [one, `${one}.seen`]) ?? []),
    ])
    for (const name of readdirSync(looks)) if (!known.has(name)) rmSync(join(looks, name), { force: true })
    const all = pathsOf(columns)
    for (const list of missing) writeLook(looks, list as ListWithLook, all)
  } catch {
    // Files are looked at by this process then.
  }
}

type ListWithLook = List & { look: Look; steady: Steady }

function writeLook(looks: string, { look, steady, runs }: ListWithLook, all: readonly string[]): void {
  const relative = (path: string): string => relativeTo(look.folder, path)
  // A folder may be reached by a link; what stands there is what it leads to.
  const folders = steady.folders.map(([path]) => (path === look.folder ? '.' : `${relative(path)}/.`))
  const paths = [...folders, ...Array.from(placesOf(runs), (place) => relative(all[place] as string))]
  const each = Math.ceil(paths.length / look.files.length)
  for (const [at, file] of look.files.entries()) {
    const temporary = join(looks, `${file}.${process.pid}`)
    writeFileSync(
      temporary,
      paths
        .slice(at * each, at * each + each)
        .map((path) => `${path}\0`)
        .join(''),
    )
    renameSync(temporary, join(looks, file))
  }
}

/** What was found so far: from every so many lines on, some lines. */
export type FoundPieces = { pieces: readonly Buffer[]; each: number; folders: number }

/** A look at the files of a list and at their folders, beside this process. */
export type ListLook = {
  /** What was found; undefined where this process has to look itself. */
  found: Promise<FoundStates | undefined>
  /** What was found so far, where it was begun ahead. */
  soFar(): FoundPieces | undefined
  /** Ends it: nobody asks for it any more. */
  stop(): void
}

/** Looks at a list, or goes on with what was begun; undefined where that would not be faster. */
export function lookAtList(cacheFolder: string, list: List | undefined): ListLook | undefined {
  const { look, steady, runs = [] } = list ?? {}
  if (look === undefined || steady === undefined) return undefined
  const looks = looksFolder(cacheFolder)
  if (existsSync(join(looks, noFind))) return undefined
  const count = countOf(runs)
  const folders = steady.folders.length
  const lists = look.files.map((file) => join(looks, file))
  const { found, soFar, isAhead, stop } = lookOnce(look, count, () =>
    findStates(lists, look.folder, join(looks, 'found')),
  )
  const all = async (): Promise<FoundStates | undefined> => {
    const bytes = await found
    if (bytes?.length === 0) noteNoFind(looks)
    return bytes && FoundStates.of(bytes, folders, count)
  }
  const each = Math.ceil((folders + count) / look.files.length)
  return { found: all(), soFar: () => (isAhead ? { pieces: soFar(), each, folders } : undefined), stop }
}

function noteNoFind(looks: string): void {
  try {
    writeFileSync(join(looks, noFind), '')
  } catch {
    // It is tried once more then.
  }
}
