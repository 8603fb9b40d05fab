import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { z } from 'zod'
import type { LogEvent } from '../log/events.ts'
import type { Failure } from '../model/failure.ts'
import type { Holder } from '../model/platform.ts'
import type { ProcessIdentity } from '../system/process-identity.ts'

/** The first entry of a journal: what was started, by whom, in which process. Holds no secret. */
export type RunHeader = {
  type: 'run-header'
  version: 1
  run: string
  /** `deploy`, `services up` … */
  operation: string
  arguments: Record<string, unknown>
  environment: string
  user: string
  host: string
  process: ProcessIdentity
  /** The run whose hook called it, and whose lock it shares. */
  within?: string
}

/** How an unfinished run was dealt with, written into its journal by the run that did it. */
export type Settlement = { type: 'run-settled'; by: string; how: 'superseded' | 'resumed' | 'aborted' }

/** What a journal has besides the events that people see: what recovery needs. */
export type RecoveryEntry =
  | RunHeader
  /** A plan that is going to run. `plan` counts within the run, from 1. `target` becomes current when it is done. */
  | { type: 'plan-fixed'; plan: number; operation: string; digest: string; ops: string[]; target?: number }
  | { type: 'lock-taken'; environment: string; takenFrom: Holder[] }
  /** What a resilient run could not bring up, for `task resume`. */
  | { type: 'services-left'; services: string[] }
  | Settlement

/** What can be put into a journal. A child's output goes into the run's logs instead. */
export type JournalEntry = Exclude<LogEvent, { type: 'op-output' }> | RecoveryEntry

/** An entry as it stands in the file. `at` is ISO 8601, `seq` counts from 1. */
export type StampedEntry = JournalEntry & { at: string; seq: number }

const identitySchema = z.looseObject({ pid: z.int(), startTime: z.string(), bootId: z.string() })

const headerSchema = z.looseObject({
  type: z.literal('run-header'),
  version: z.literal(1),
  run: z.string(),
  operation: z.string(),
  arguments: z.record(z.string(), z.unknown()),
  environment: z.string(),
  user: z.string(),
  host: z.string(),
  process: identitySchema,
  within: z.string().exactOptional(),
})

const entrySchema = z.looseObject({ type: z.string(), seq: z.int(), at: z.string() })

/**
 * Sorts what was read from a journal's file into entries and what is none. Entries were written by this product, so only their frame
 * is looked at, and the whole header, from which pids are taken.
 */
export function parseEntries(values: readonly unknown[]): { entries: StampedEntry[]; foreign: number } {
  const entries = values.filter((value, index) => {
    const schema = index === 0 ? headerSchema.and(entrySchema) : entrySchema
    return schema.safeParse(value).success
  }) as StampedEntry[]
  return { entries, foreign: values.length - entries.length }
}

/** The folder of all runs, below the workspace's `.ops`. */
export const runsFolder = (ops: string): string => join(ops, 'runs')

/** The file of a run's journal. */
export const journalPath = (ops: string, run: string): string => join(runsFolder(ops), run, 'journal.jsonl')

/** The folder of a run's logs: a file for each op with the output of its children. */
export const logsFolder = (ops: string, run: string): string => join(runsFolder(ops), run, 'logs')

/** The file of an op's log. Two ops never share one: bytes that a file name should not have are percent-encoded. */
export function logPath(ops: string, run: string, op: string): string {
  const name = op.replace(/[^A-Za-z0-9:._@-]/gu, (one) =>
    [...Buffer.from(one)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
  )
  const short =
    name.length <= 200 ? name : `${name.slice(0, 180)}~${createHash('sha256').update(op).digest('hex').slice(0, 16)}`
  return join(logsFolder(ops, run), `${short}.log`)
}

const runPattern = /^\d{8}-\d{6}-\d{3}-[0-9a-f]{6}$/

/** Whether a text can be a run's id (other names among the runs' folders are not looked at). */
export const isRunId = (text: string): boolean => runPattern.test(text)

/** A new run's id: sorts by time (UTC), unique: `20261120-101112-345-3f9a1c`. `random` are 6 hex digits. */
export function runId(at: Date, random: string): string {
  const [date, time] = at.toISOString().split('T') as [string, string]
  return `${date.replaceAll('-', '')}-${time.slice(0, 8).replaceAll(':', '')}-${time.slice(9, 12)}-${random}`
}

/** The failure of a run that is not there. */
export const noSuchRun = (run: string): Failure => ({
  code: 'no-such-run',
  message: `there is no run ${run} in this workspace`,
  next: ['task runs'],
  outcome: 'usage',
})
