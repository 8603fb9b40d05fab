/*
 * The states of a long list's files as they were found once (`.ops/cache/looks/<name>.seen`), with what was noted of them then: where both are the very same
 * bytes again, a file is as noted, and no numbers have to be read for that. A line of JSON with the places of files that were not as noted, then what was
 * found, then what was noted.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stateSize } from '../../system/find-states.ts'
import type { FoundStates } from './found-states.ts'
import type { FoundPieces } from './look-files.ts'
import { columns, countOf, type FileColumns, type List } from './stat-cache-file.ts'

/** With more files that are not as they were seen, all are compared. */
const mostUnsure = 250
/** What is noted of a file takes so many bytes. */
const noteSize = columns * 8

/** A list, and what was just found of its files. */
export type FoundList = { list: List; found: FoundStates; known: FileColumns }

/** What was seen of a list's files. */
export class SeenStates {
  readonly #unlike: readonly number[]
  readonly #states: Buffer
  readonly #notes: Buffer

  private constructor(unlike: readonly number[], states: Buffer, notes: Buffer) {
    this.#unlike = unlike
    this.#states = states
    this.#notes = notes
  }

  /** Reads what was kept; undefined where nothing was, or nothing that fits. */
  static read(cacheFolder: string, list: List): SeenStates | undefined {
    try {
      const bytes = readFileSync(seenPath(cacheFolder, list))
      const end = bytes.indexOf(10) + 1
      const behindStates = end + countOf(list.runs) * stateSize
      if (bytes.length !== behindStates + countOf(list.runs) * noteSize) return undefined
      const unlike = JSON.parse(bytes.toString('latin1', 0, end)) as number[]
      return new SeenStates(unlike, bytes.subarray(end, behindStates), bytes.subarray(behindStates))
    } catch {
      return undefined
    }
  }

  /** The places of files that may not be as noted; undefined where they are many. */
  unsure({ list, found, known }: FoundList): number[] | undefined {
    const unsure = new Set(this.#unlike)
    addUnlike(found.fileBytes, this.#states, { size: stateSize, most: mostUnsure }, unsure)
    addUnlike(notesOf(list, known), this.#notes, { size: noteSize, most: mostUnsure }, unsure)
    return unsure.size > mostUnsure ? undefined : [...unsure].sort((one, other) => one - other)
  }

  /** The places of the first files that were found in another state than they were seen. */
  unlike({ pieces, each, folders }: FoundPieces, most: number): number[] {
    const all: number[] = []
    for (const [at, piece] of pieces.entries()) {
      const skipped = at === 0 ? folders : 0
      const lines = piece.subarray(skipped * stateSize)
      const from = at * each + skipped - folders
      const unlike = new Set<number>()
      const seen = this.#states.subarray(from * stateSize, from * stateSize + lines.length)
      if (seen.length === lines.length) addUnlike(lines, seen, { size: stateSize, most }, unlike)
      for (const place of unlike) all.push(from + place)
    }
    return all.slice(0, most)
  }
}

/** Keeps what was found, and the places of the files that are not as noted. */
export function keepSeen(cacheFolder: string, { list, found, known }: FoundList, unlike: Iterable<number>): void {
  const places = [...unlike]
  if (places.length > mostUnsure / 2) return
  const path = seenPath(cacheFolder, list)
  const temporary = `${path}.${process.pid}`
  try {
    const head = Buffer.from(`${JSON.stringify(places)}\n`)
    writeFileSync(temporary, Buffer.concat([head, found.fileBytes, notesOf(list, known)]))
    renameSync(temporary, path)
  } catch {
    rmSync(temporary, { force: true })
  }
}

const seenPath = (cacheFolder: string, { look }: List): string => join(cacheFolder, 'looks', `${look?.files[0]}.seen`)

/** What is noted of a list's files, one behind the other. */
function notesOf({ runs }: List, { numbers }: FileColumns): Buffer {
  const pieces: Buffer[] = []
  for (let run = 0; run < runs.length; run += 2) {
    const [from, count] = [runs[run] as number, runs[run + 1] as number]
    pieces.push(Buffer.from(numbers.buffer, numbers.byteOffset + from * noteSize, count * noteSize))
  }
  return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces)
}

/** Adds the places of pieces of a size that differ, until they are more than `most`. Of many that are the same, most are never looked at one by one. */
function addUnlike(
  one: Buffer,
  other: Buffer,
  { size, most }: { size: number; most: number },
  unlike: Set<number>,
): void {
  const search = (from: number, end: number): void => {
    const [start, behind] = [from * size, end * size]
    if (unlike.size > most || one.compare(other, start, behind, start, behind) === 0) return
    if (end - from === 1) unlike.add(from)
    else {
      const middle = (from + end) >> 1
      search(from, middle)
      search(middle, end)
    }
  }
  if (one.length > 0) search(0, one.length / size)
}
