import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { sha256 } from './digest.ts'
import { type Output, parseOutputs, writeOutputs } from './outputs.ts'

/** What a fingerprint is made of, each as a digest, so that a difference can be named. */
export type Parts = {
  /** Of all input files; absent for a task without inputs. */
  inputs?: string
  /** By name; values keyed, because they may be secret. */
  args: Readonly<Record<string, string>>
  env: Readonly<Record<string, string>>
  /** Of the variables of its `dotenv` files, keyed; absent for a task without such files. */
  dotenv?: Readonly<Record<string, string>>
  /** By the name of the need: what it left. */
  needs: Readonly<Record<string, string>>
  /** The files of the Taskfile's code and of what it imports, by path; packages by name. */
  code: Readonly<Record<string, string>>
  /** The task's own definition. */
  definition: string
  /** Node's version, the platform and the architecture. */
  machine: string
  /** The task's folder. */
  folder: string
}

/** The last good run of a task with certain arguments. */
export type TaskRecord = {
  /** Of the parts. */
  key: string
  name: string
  parts: Parts
  /** Values that may be shown to explain a difference: `args.channel`, `env.NODE_ENV`. */
  shown: Readonly<Record<string, string>>
  /** Which needs' results the task has looked at, and digests of them. */
  consumed: Readonly<Record<string, string>>
  /** When it ended, in milliseconds since the epoch, and how long it took. */
  endedAt: number
  durationMs: number
  /** Of the outputs; absent for a task without. */
  outputsDigest?: string
  /** Of what it returned; absent when that could not be kept. */
  resultDigest?: string
  /** What it returned, for `readResult`; absent when that could not be kept. */
  readonly result?: string
  /** The input files with their contents (kept-inputs.ts); only to explain a difference. */
  readonly inputs: Buffer
  readonly outputs: readonly Output[]
}

/** The part of a record that stands in its first line. */
type Head = Omit<TaskRecord, 'result' | 'inputs' | 'outputs'> & {
  format: number
  sizes: [number, number, number]
  hasResult: boolean
}

const format = 2

/** Where the records of tasks are, within a workspace. */
export const recordsFolder = (workspace: string): string => join(workspace, '.ops', 'cache', 'tasks')

/** The file of a task's record. Ids are hashed: `a:b`, `a-b` and `a b` are three, and a file system may not tell `A` from `a`. */
export const recordPath = (workspace: string, id: string): string =>
  join(recordsFolder(workspace), sha256(id).slice(0, 40))

/** What changes whenever a record is written or removed. */
export function recordStamp(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats === undefined ? 'none' : `${stats.ino} ${stats.mtimeMs} ${stats.ctimeMs}`
}

/** Reads a record; undefined when there is none, or a damaged one. Its long parts are only parsed when they are looked at. */
export function readRecord(path: string): TaskRecord | undefined {
  try {
    const bytes = readFileSync(path)
    const end = bytes.indexOf(10)
    const { sizes, hasResult, format: found, ...head } = JSON.parse(bytes.toString('utf8', 0, end)) as Head
    if (found !== format) return undefined
    const [result, outputs, inputs] = sizes
    let at = end + 1
    if (bytes.length !== at + result + outputs + inputs) return undefined
    const section = (size: number): Buffer => {
      at += size
      return bytes.subarray(at - size, at)
    }
    const resultBytes = section(result)
    const outputsBytes = section(outputs)
    const inputsBytes = section(inputs)
    let parsed: Output[] | undefined
    return {
      ...head,
      ...(hasResult ? { result: resultBytes.toString() } : {}),
      get outputs() {
        parsed ??= parseOutputs(outputsBytes.toString())
        return parsed
      },
      inputs: inputsBytes,
    }
  } catch {
    return undefined
  }
}

/**
 * Writes a record under a temporary name and renames it. There is no fsync: what is lost in a power cut, or damaged by it, is a run more;
 * outputs are compared by content before they count.
 */
export function writeRecord(path: string, record: TaskRecord): void {
  const { result, inputs, outputs, ...rest } = record
  const sections = [Buffer.from(result ?? ''), Buffer.from(writeOutputs(outputs)), inputs]
  const head: Head = {
    ...rest,
    format,
    hasResult: result !== undefined,
    sizes: sections.map(({ length }) => length) as [number, number, number],
  }
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const temporary = `${path}.${process.pid}.new`
  try {
    const bytes = Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), ...sections])
    writeFileSync(temporary, bytes, { mode: 0o600 })
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}

/** Where the record before the last run is, of which nothing holds any more but what it says of then. */
const formerPath = (path: string): string => `${path}.former`

/** Takes a record's validity, before its task runs: whatever becomes of the run, only its good end brings a new one. */
export function invalidate(path: string): void {
  try {
    renameSync(path, formerPath(path))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

/** The record that was valid before the last run that did not come to a good end. */
export const readFormerRecord = (path: string): TaskRecord | undefined => readRecord(formerPath(path))

/** From so many files on, records are looked through for what nobody uses any more. */
const many = 500
/** How long a record is kept that nobody asks for, in milliseconds. */
const unusedMs = 30 * 86_400_000
const dayMs = 86_400_000

/** Notes that a record was used, at most once a day. */
export function touchRecord(path: string): void {
  const now = Date.now()
  try {
    if (statSync(path).mtimeMs < now - dayMs) utimesSync(path, now / 1000, now / 1000)
  } catch {
    // It is only a note: another invocation may have taken the record away.
  }
}

/** Removes records that were not used for 30 days, when there are many: each combination of arguments has one of its own. Gives how many. */
export function pruneRecords(workspace: string): number {
  const folder = recordsFolder(workspace)
  const names = existsSync(folder) ? readdirSync(folder) : []
  if (names.length < many) return 0
  let removed = 0
  for (const name of names) {
    const path = join(folder, name)
    const stats = statSync(path, { throwIfNoEntry: false })
    // A lock that is not empty may be somebody's.
    const isLock = name.includes('.lock') && stats?.size !== 0
    if (stats === undefined || isLock || stats.mtimeMs > Date.now() - unusedMs) continue
    rmSync(path, { force: true })
    removed += 1
  }
  return removed
}
