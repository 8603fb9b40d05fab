/*
 * The layout of the stat cache's file: columns, so that what is unchanged is read without an object for each file. A line of JSON in 64 bytes, then
 * five 64-bit floats a file (size, mtime, ctime, inode, when it was noted; times in milliseconds with fractions), then SHA-256 in 32 bytes each,
 * then the paths with a zero between them, then the lists as JSON.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Steady } from './steady.ts'

/** How many numbers there are of a file. */
export const columns = 5
/** Another layout of the file gets another number. */
const format = 3
const headSize = 64

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
}

/** The runs of places. */
export function runsOf(places: readonly number[]): number[] {
  const runs: number[] = []
  let next = -1
  for (const place of places) {
    if (place === next) runs[runs.length - 1] = (runs.at(-1) as number) + 1
    else runs.push(place, 1)
    next = place + 1
  }
  return runs
}

/** The places that runs are of. */
export function placesOf(runs: readonly number[]): number[] {
  const places: number[] = []
  for (let at = 0; at < runs.length; at += 2) {
    const from = runs[at] as number
    for (let place = from; place < from + (runs[at + 1] as number); place += 1) places.push(place)
  }
  return places
}

/** What is known of files, by their places. */
export type FileColumns = {
  readonly count: number
  readonly numbers: Float64Array
  readonly hashes: Buffer
  /** Their paths, with a zero between them. */
  readonly text: string
  readonly lists: ReadonlyMap<string, List>
}

/** The paths of all files, in the order of their places. */
export const pathsOf = ({ count, text }: FileColumns): string[] => (count === 0 ? [] : text.split('\0'))

/** Nothing is known. */
export const emptyColumns: FileColumns = {
  count: 0,
  numbers: new Float64Array(),
  hashes: Buffer.alloc(0),
  text: '',
  lists: new Map(),
}

/** Reads the file; empty where there is none, or a damaged one. */
export function readColumns(file: string): FileColumns {
  try {
    const bytes = readFileSync(file)
    const head = JSON.parse(bytes.toString('latin1', 0, headSize)) as { format: number; count: number; text: number }
    const { count, text: textSize } = head
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
    return {
      count,
      numbers,
      hashes: bytes.subarray(behindNumbers, behindHashes),
      text: bytes.toString('utf8', behindHashes, behindText),
      lists: new Map(JSON.parse(bytes.toString('utf8', behindText)) as [string, List][]),
    }
  } catch {
    // Absent or damaged: everything is read once more.
    return emptyColumns
  }
}

/** Writes the file under a temporary name, and renames it; what cannot be written is done without. */
export function writeColumns(file: string, { count, numbers, hashes, text, lists }: FileColumns): void {
  const temporary = `${file}.${process.pid}`
  try {
    const paths = Buffer.from(text)
    const head = Buffer.alloc(headSize, ' ')
    head.write(JSON.stringify({ format, count, text: paths.length }))
    head[headSize - 1] = 10
    const bytes = Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(temporary, Buffer.concat([head, bytes, hashes, paths, Buffer.from(JSON.stringify([...lists]))]))
    renameSync(temporary, file)
  } catch {
    rmSync(temporary, { force: true })
  }
}
