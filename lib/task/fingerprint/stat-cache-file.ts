/*
 * The layout of the stat cache's file: columns, so that what is unchanged is read without an object for each file. A line of JSON in 128 bytes, then
 * five 64-bit floats a file (size, mtime, ctime, inode, when it was noted; times in milliseconds with fractions), then SHA-256 in 32 bytes each,
 * then the paths with a zero between them, then the lists as JSON. What changes in a few files is written beside it, to `<file>.news`.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Steady } from './steady.ts'

/** How many numbers there are of a file. */
export const columns = 5
/** Another layout of the file gets another number. */
const format = 5
const headSize = 128
/** Up to so many files that have changed are written beside the file. */
const mostNews = 256

type Head = { format: number; count: number; text: number; id: string }

/** What has changed since the file with this id was written: at which places (a line of JSON, then their numbers and hashes), and all lists. */
type News = { id: string; places: number[]; lists: [string, List][] }

/** The file that was written last, and at which places something has changed since. */
export type Written = { id: string; since: ReadonlySet<number> }

const newsPath = (file: string): string => `${file}.news`

/**
 * The digest of the files at certain places: `runs` says from which place how many follow each other, again and again. `kinds` are those of them that
 * are no plain files, by their place in the list, `paths` a digest of all paths. They are found at the same places while `steady` holds.
 */
export type List = {
  runs: readonly number[]
  digest: string
  kinds: readonly (readonly [at: number, kind: string])[]
  paths: string
  steady?: Steady
  look?: Look
}

/** Where it is written down for others where the files of a list are, and their folders (look-files.ts). */
export type Look = { folder: string; files: readonly string[] }

/** The runs of places. */
export function runsOf(places: ArrayLike<number>): number[] {
  const runs: number[] = []
  for (let at = 0, end = 0; at < places.length; at = end) {
    const from = places[at] as number
    end = at + 1
    while (end < places.length && places[end] === from + end - at) end += 1
    runs.push(from, end - at)
  }
  return runs
}

/** The places that runs are of. */
export function placesOf(runs: readonly number[]): Int32Array {
  const places = new Int32Array(countOf(runs))
  let at = 0
  for (let run = 0; run < runs.length; run += 2) {
    const from = runs[run] as number
    const end = from + (runs[run + 1] as number)
    for (let place = from; place < end; place += 1, at += 1) places[at] = place
  }
  return places
}

/** How many places runs are of. */
export function countOf(runs: readonly number[]): number {
  let count = 0
  for (let run = 1; run < runs.length; run += 2) count += runs[run] as number
  return count
}

/** What is known of files, by their places. */
export type FileColumns = {
  readonly count: number
  readonly numbers: Float64Array
  readonly hashes: Buffer
  /** Their paths, with a zero between them; the same in UTF-8. */
  readonly text: string
  readonly paths: Buffer
  readonly lists: ReadonlyMap<string, List>
  /** Absent where nothing was written yet that has files at these places. */
  readonly written?: Written
}

/** The paths of all files, in the order of their places. */
export const pathsOf = ({ count, text }: FileColumns): string[] => (count === 0 ? [] : text.split('\0'))

/** Nothing is known. */
export const emptyColumns: FileColumns = {
  count: 0,
  numbers: new Float64Array(),
  hashes: Buffer.alloc(0),
  text: '',
  paths: Buffer.alloc(0),
  lists: new Map(),
}

/** Reads the file; empty where there is none, or a damaged one. */
export function readColumns(file: string): FileColumns {
  try {
    const bytes = readFileSync(file)
    const head = JSON.parse(bytes.toString('latin1', 0, headSize)) as Head
    const { count, text: textSize, id } = head
    if (head.format !== format) return emptyColumns
    const behindNumbers = headSize + count * columns * 8
    const behindHashes = behindNumbers + count * 32
    const behindText = behindHashes + textSize
    if (bytes.length < behindText) return emptyColumns
    const from = bytes.byteOffset + headSize
    const numbers =
      // A view of numbers has to begin at a multiple of eight.
      from % 8 === 0
        ? new Float64Array(bytes.buffer, from, count * columns)
        : new Float64Array(bytes.buffer.slice(from, bytes.byteOffset + behindNumbers))
    return withNews(file, {
      count,
      numbers,
      hashes: bytes.subarray(behindNumbers, behindHashes),
      text: bytes.toString('utf8', behindHashes, behindText),
      paths: bytes.subarray(behindHashes, behindText),
      lists: new Map(JSON.parse(bytes.toString('utf8', behindText)) as [string, List][]),
      written: { id, since: new Set() },
    })
  } catch {
    // Absent or damaged: everything is read once more.
    return emptyColumns
  }
}

/** Takes in what has changed since the file was written. */
function withNews(file: string, known: FileColumns & { written: Written }): FileColumns {
  let news: News
  let bytes: Buffer
  try {
    bytes = readFileSync(newsPath(file))
    news = JSON.parse(bytes.toString('utf8', 0, bytes.indexOf(10)))
  } catch {
    return known
  }
  const { id, places, lists } = news
  const begin = bytes.indexOf(10) + 1
  if (id !== known.written.id || bytes.length !== begin + places.length * (columns * 8 + 32)) return known
  const hashesBegin = begin + places.length * columns * 8
  for (const [at, place] of places.entries()) {
    for (let column = 0; column < columns; column += 1) {
      known.numbers[place * columns + column] = bytes.readDoubleLE(begin + (at * columns + column) * 8)
    }
    bytes.copy(known.hashes, place * 32, hashesBegin + at * 32, hashesBegin + at * 32 + 32)
  }
  return { ...known, lists: new Map(lists), written: { id, since: new Set(places) } }
}

/**
 * Writes the file, or where little has changed since it was written, that beside it; under a temporary name, and renames it. What cannot be written is
 * done without. Gives the columns as they are now.
 */
export function writeColumns(file: string, made: FileColumns): FileColumns {
  const { written } = made
  if (written !== undefined && written.since.size <= mostNews) {
    // Some file systems write out at once what takes another file's place; who reads meanwhile looks at some files once more.
    rmSync(newsPath(file), { force: true })
    replace(newsPath(file), newsOf(made, written))
    return made
  }
  const { count, numbers, hashes, paths, lists } = made
  const id = `${process.pid.toString(36)}.${Date.now().toString(36)}`
  const head = Buffer.alloc(headSize, ' ')
  head.write(JSON.stringify({ format, count, text: paths.length, id } satisfies Head))
  head[headSize - 1] = 10
  const bytes = Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength)
  replace(file, [head, bytes, hashes, paths, Buffer.from(JSON.stringify([...lists]))])
  return { ...made, written: { id, since: new Set() } }
}

function newsOf({ numbers, hashes, lists }: FileColumns, { id, since }: Written): Buffer[] {
  const places = [...since]
  const rows = Buffer.alloc(places.length * columns * 8)
  const digests = Buffer.alloc(places.length * 32)
  for (const [at, place] of places.entries()) {
    for (let column = 0; column < columns; column += 1) {
      rows.writeDoubleLE(numbers[place * columns + column] as number, (at * columns + column) * 8)
    }
    hashes.copy(digests, at * 32, place * 32, place * 32 + 32)
  }
  const head: News = { id, places, lists: [...lists] }
  return [Buffer.from(`${JSON.stringify(head)}\n`), rows, digests]
}

function replace(file: string, pieces: readonly Buffer[]): void {
  const temporary = `${file}.${process.pid}`
  try {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(temporary, Buffer.concat(pieces))
    renameSync(temporary, file)
  } catch {
    rmSync(temporary, { force: true })
  }
}
