import { randomBytes } from 'node:crypto'
import { createWriteStream, type WriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Failure, FailureError } from '../model/failure.ts'
import type { OpId } from '../model/op.ts'
import { exists, fileFailure } from '../system/files.ts'
import { openDurableAppender } from '../system/journal-file.ts'
import { hostName, userName } from '../system/machine.ts'
import { ownIdentity } from '../system/process-identity.ts'
import { faultPoint } from './fault.ts'
import { type JournalEntry, journalPath, logPath, logsFolder, type RunHeader, runId } from './run-record.ts'
import { pruneRuns } from './runs.ts'

/** The record of one run on disk, written as it goes. */
export type Journal = {
  readonly run: string
  /**
   * Appends an entry; resolves when it is durable. A failure (disk full) comes back as data: what was to be begun is then not begun.
   * Where somebody has deleted the run's folder, it says so once (`warn`) and keeps nothing more.
   */
  record(entry: JournalEntry): Promise<Failure | undefined>
  /** Keeps a line of a child's output in the op's log, up to `logLimit` bytes. Not durable, never fails. */
  log(op: OpId, line: string): void
  /** Closes an op's log. */
  endLog(op: OpId): Promise<void>
  /** Closes everything. */
  close(): Promise<void>
}

/** The most that is kept of an op's output, in bytes. */
export const logLimit = 32 * 1024 * 1024

/** What a journal is opened with. */
export type JournalOptions = {
  /** The workspace's `.ops` folder; made if it is not there. */
  ops: string
  /** Given where the run's id was needed before (a release record names it); see `newRunId`. */
  run?: string
  operation: string
  /** Without secrets. */
  arguments: Record<string, unknown>
  environment: string
  /** The run whose hook called this one. */
  within?: string | undefined
  /** Told once when the run's folder is gone. */
  warn(text: string): void
}

/** A new run's id. */
export const newRunId = (): string => runId(new Date(), randomBytes(3).toString('hex'))

/** Makes a run's folder and its journal with the header as first entry, and removes runs that are too old. Throws `FailureError` (`permission-denied`, `disk-full` …). */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { ops, warn } = options
  const run = options.run ?? newRunId()
  const path = journalPath(ops, run)
  await mkdir(logsFolder(ops, run), { recursive: true, mode: 0o700 }).catch((error) => {
    throw new FailureError(fileFailure(error, 'made', dirname(path)))
  })
  const file = await openDurableAppender(path)
  const logs = new Map<OpId, OpLog>()
  let seq = 0
  let gone = false

  async function record(entry: JournalEntry): Promise<Failure | undefined> {
    seq += 1
    const point = { seq, type: entry.type, ...opOf(entry) }
    faultPoint({ ...point, phase: 'before' })
    try {
      if (!gone) await file.append(JSON.stringify({ seq, at: new Date().toISOString(), ...entry }))
    } catch (error) {
      if (error instanceof FailureError) return notKept(error.failures[0] as Failure)
      throw error
    }
    if (!gone && !(await exists(path))) {
      gone = true
      warn(`the folder of this run (${dirname(path)}) was deleted; it goes on, but nothing more of it is kept there`)
    }
    faultPoint({ ...point, phase: 'after' })
    return undefined
  }

  const header: RunHeader = {
    type: 'run-header',
    version: 1,
    run,
    operation: options.operation,
    arguments: options.arguments,
    environment: options.environment,
    user: userName(),
    host: hostName(),
    process: await ownIdentity(),
    ...(options.within === undefined ? {} : { within: options.within }),
  }
  const failure = await record(header)
  if (failure) throw new FailureError(failure)
  // Old runs that cannot be removed (another user's) are no reason not to run.
  await pruneRuns(ops).catch((error) => {
    if (!(error instanceof FailureError)) throw error
  })

  return {
    run,
    record,
    log(op, line) {
      let log = logs.get(op)
      if (!log) {
        log = openLog(logPath(ops, run, op))
        logs.set(op, log)
      }
      log.write(line)
    },
    async endLog(op) {
      const log = logs.get(op)
      logs.delete(op)
      await log?.end()
    },
    async close() {
      await Promise.all([...logs.values()].map((log) => log.end()))
      logs.clear()
      await file.close()
    },
  }
}

function opOf(entry: JournalEntry): { op?: { id: OpId; plan: number } } {
  if (entry.type === 'op-started') return { op: { id: entry.op.id, plan: entry.plan } }
  if (entry.type === 'op-ended') return { op: { id: entry.op, plan: entry.plan } }
  return {}
}

const notKept = (failure: Failure): Failure => ({
  ...failure,
  why: `${failure.why ?? 'it could not be written'}; without its journal a run does not go on, because nobody could recover it`,
})

type OpLog = { write(line: string): void; end(): Promise<void> }

/** A log is for people: where it cannot be written (no space, folder deleted) the run does without. */
function openLog(path: string): OpLog {
  let left = logLimit
  let broken = false
  const stream: WriteStream = createWriteStream(path, { flags: 'a', mode: 0o600 })
  stream.on('error', () => {
    broken = true
  })
  return {
    write(line) {
      if (broken || left <= 0) return
      left -= Buffer.byteLength(line) + 1
      stream.write(left > 0 ? `${line}\n` : `… cut: more than ${logLimit} bytes\n`)
    },
    end: () =>
      new Promise((resolve) => {
        if (broken || stream.closed) return resolve()
        stream.once('close', resolve)
        stream.end()
      }),
  }
}
