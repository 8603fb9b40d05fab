/*
 * The inputs of a task's last good run, in its record: only to explain a difference, so they are written as they lie in memory, and read when somebody asks.
 * A line of JSON, then a SHA-256 in 32 bytes for each file, then the paths with a zero between them.
 */
import type { FileColumns } from './stat-cache-file.ts'

/** What stands in the first line: how many files, the folder from which paths within it count, and what are no plain files, by their places. */
type Head = { count: number; folder: string; kinds: readonly (readonly [at: number, kind: string])[] }

/** Files in an order, with what is to be known of them. */
export type InputsToKeep = Omit<Head, 'count'> & { hashes: Buffer; paths: Buffer }

/** The bytes of no inputs. */
export const noInputs = Buffer.alloc(0)

/** Makes the bytes of inputs. */
export function packInputs({ hashes, paths, folder, kinds }: InputsToKeep): Buffer {
  const head: Head = { count: hashes.length / 32, folder, kinds }
  return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), hashes, paths])
}

/** The content of each file by its path, as `InputFiles` has them. Throws for bytes that were not made here. */
export function unpackInputs(bytes: Buffer): Map<string, string> {
  if (bytes.length === 0) return new Map()
  const end = bytes.indexOf(10)
  const { count, folder, kinds } = JSON.parse(bytes.toString('utf8', 0, end)) as Head
  const hex = bytes.toString('hex', end + 1, end + 1 + count * 32)
  const text = bytes.toString('utf8', end + 1 + count * 32)
  const paths = count === 0 ? [] : text.split('\0')
  const kindOf = new Map(kinds)
  return new Map(
    paths.map((path, at) => {
      const hash = hex.slice(at * 64, at * 64 + 64)
      return [relativeTo(folder, path), contentOf(kindOf.get(at), hash)]
    }),
  )
}

/** What there is to say of a file: how it is executed and reached, and its content; of a link that is not followed, where it leads. */
export function contentOf(kind = 'file', hash: string): string {
  return kind.startsWith('link') ? kind : `${kind} ${hash}`
}

/** A path from a folder where it lies in it. */
export function relativeTo(folder: string, path: string): string {
  const inFolder = folder === '/' ? '/' : `${folder}/`
  return path.startsWith(inFolder) ? path.slice(inFolder.length) : path
}

/** The paths at places that follow each other in the columns, as they are written there. */
export function pathBytes({ paths, count }: FileColumns, from: number, many: number): Buffer {
  if (from === 0 && many === count) return paths
  let [start, at] = [0, 0]
  for (; at < from; at += 1) start = paths.indexOf(0, start) + 1
  let end = start
  for (; at < from + many; at += 1) {
    const zero = paths.indexOf(0, end)
    end = (zero < 0 ? paths.length : zero) + 1
  }
  return paths.subarray(start, end - 1)
}
