import { join } from 'node:path'
import type { TaskEndState } from '../events.ts'

/** How many task runs are kept; those of operations are counted on their own. */
export const keptTaskRuns = 200

/** The file of a task run's events, and the folder of its logs. */
export const eventsName = 'events.jsonl'
/** The folder of a task run's logs, below the run's. */
export const logsName = 'logs'

/** The folder of all runs, below a workspace's `.ops`; operations have theirs there, too. */
export const runsFolderOf = (ops: string): string => join(ops, 'runs')

const pattern = /^\d{8}-\d{6}-\d{3}-t[0-9a-z]{5}$/

/** Whether a name is that of a task run (those of operations have a hexadecimal end). */
export const isTaskRunId = (name: string): boolean => pattern.test(name)

/** As `toISOString` has it for the years from 1000 to 9999. That asks for the time zone, which takes longer than all else of a record. */
export function isoTime(at: Date): string {
  const two = (number: number): string => (number < 10 ? `0${number}` : String(number))
  const date = `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())}`
  const time = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`
  return `${date}T${time}.${String(at.getUTCMilliseconds()).padStart(3, '0')}Z`
}

/** A new id: sorts by time (UTC), also among operations' runs: `20261121-101112-345-tx3f9a`. */
export function taskRunId(at: Date): string {
  const [date, time] = isoTime(at).split('T') as [string, string]
  const end = Math.floor(Math.random() * 36 ** 5)
    .toString(36)
    .padStart(5, '0')
  return `${date.replaceAll('-', '')}-${time.slice(0, 8).replaceAll(':', '')}-${time.slice(9, 12)}-t${end}`
}

/** The name of a task's log. Two labels never share one: what a file name should not have is percent-encoded, a long one ends in its number. */
export function logNameOf(label: string, number: number): string {
  const name = label.replace(/[^A-Za-z0-9:._@ -]/gu, (one) =>
    [...Buffer.from(one)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
  )
  const plain = name.replaceAll(' ', '_').replace(/^\./, '%2e')
  const isExact = plain === label && plain.length <= 150
  return `${isExact ? plain : `${plain.slice(0, 150)}~${number}`}.log`
}

/** What stands in the file of a task run's events, one JSON value a line. `at` counts microseconds from the run's start, `took` is in microseconds. */
export type RecordEntry =
  | {
      type: 'task-run'
      version: 1
      run: string
      /** ISO 8601 */
      started: string
      argv: readonly string[]
      /** What was asked for. */
      tasks: readonly string[]
      user: string
      host: string
    }
  /** Which process it is; noted when the run takes a while, so that one that was killed can be told from one that goes on. */
  | { type: 'process'; pid: number; startTime: string; bootId: string }
  | {
      type: 'tasks-planned'
      at: number
      tasks: readonly string[]
      needs: Readonly<Record<string, readonly string[]>>
      by?: string
    }
  /** Only for those that still ran when this was written. */
  | { type: 'task-started'; at: number; task: string }
  /** `at` is when it started. */
  | {
      type: 'task-ended'
      at: number
      task: string
      state: TaskEndState
      took: number
      message?: string
    }
  /** A task has written something: the name of its log. */
  | { type: 'task-log'; task: string; log: string }
  /** `at` is when it started. */
  | { type: 'step-ended'; at: number; task: string; title: string; ok: boolean; took: number }
  | { type: 'run-ended'; at: number; outcome: string; exitCode: number }
