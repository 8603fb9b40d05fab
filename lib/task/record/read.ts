import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { plainLine } from '../../log/plain-line.ts'
import { isAlive } from '../../system/process-identity.ts'
import type { TaskEndState } from '../events.ts'
import { eventsName, isTaskRunId, logsName, type RecordEntry, runsFolderOf } from './files.ts'

/** A task run in one line. `dead`: its process is gone without a word; `elsewhere`: another machine's, of which nobody can tell. */
export type TaskRunSummary = {
  run: string
  state: 'ended' | 'running' | 'dead' | 'elsewhere'
  /** ISO 8601 */
  started?: string
  argv: readonly string[]
  /** What was asked for. */
  tasks: readonly string[]
  user?: string
  host?: string
  outcome?: string
  exitCode?: number
  durationMs?: number
}

/** What became of one task of a run. `running`: it has not ended, at least not before the record does; `waiting`: it never began. */
export type TaskSpan = {
  task: string
  state: TaskEndState | 'running' | 'waiting'
  needs: readonly string[]
  /** The task whose code runs this one. */
  by?: string
  /** Milliseconds from the run's start. */
  at?: number
  durationMs?: number
  message?: string
  /** Path of its log. */
  log?: string
  steps: { title: string; at: number; durationMs: number; ok: boolean }[]
}

/** A task run with what became of each task. */
export type TaskRunRecord = TaskRunSummary & { spans: TaskSpan[] }

type Header = Extract<RecordEntry, { type: 'task-run' }>
type End = Extract<RecordEntry, { type: 'run-ended' }>
type Identity = Extract<RecordEntry, { type: 'process' }>

/** The newest task runs of a workspace (`ops` is its `.ops` folder), newest first. Reads only the two ends of each file. */
export async function listTaskRuns(ops: string, options: { limit?: number } = {}): Promise<TaskRunSummary[]> {
  const runs: TaskRunSummary[] = []
  for (const run of taskRunIds(ops).reverse()) {
    if (runs.length >= (options.limit ?? Number.POSITIVE_INFINITY)) break
    const summary = await summaryOf(ops, run)
    if (summary) runs.push(summary)
  }
  return runs
}

/** The ids of all task runs, oldest first. */
export function taskRunIds(ops: string): string[] {
  const folder = runsFolderOf(ops)
  return existsSync(folder) ? readdirSync(folder).filter(isTaskRunId).sort() : []
}

async function summaryOf(ops: string, run: string): Promise<TaskRunSummary | undefined> {
  const path = join(runsFolderOf(ops), run, eventsName)
  const size = statSync(path, { throwIfNoEntry: false })?.size
  if (!size) return undefined
  const file = openSync(path, 'r')
  try {
    const read = (from: number, length: number): string => {
      const bytes = Buffer.alloc(length)
      return bytes.subarray(0, readSync(file, bytes, 0, length, from)).toString()
    }
    const end = lineOf(
      read(Math.max(0, size - 1024), Math.min(1024, size))
        .trimEnd()
        .split('\n')
        .at(-1),
    )
    const head = read(0, Math.min(size, 64 * 1024)).split('\n')
    const header = lineOf(head[0])
    if (end?.type === 'run-ended') return toSummary(run, header?.type === 'task-run' ? header : undefined, end)
  } finally {
    closeSync(file)
  }
  return readTaskRun(ops, run)
}

/** Reads a task run; undefined if there is none of that id. Lines that are torn are passed over. */
export async function readTaskRun(ops: string, run: string): Promise<TaskRunRecord | undefined> {
  if (!isTaskRunId(run)) return undefined
  const folder = join(runsFolderOf(ops), run)
  const path = join(folder, eventsName)
  if (!existsSync(path)) return undefined
  const entries = readFileSync(path, 'utf8')
    .split('\n')
    .map(lineOf)
    .filter((entry) => entry !== undefined)
  const header = entries.find((entry) => entry.type === 'task-run')
  const end = entries.findLast((entry) => entry.type === 'run-ended')
  const identity = entries.find((entry) => entry.type === 'process')
  const summary = toSummary(run, header, end)
  return {
    ...summary,
    ...(end ? {} : { state: await stateOf(header, identity) }),
    spans: spansOf(entries, join(folder, logsName)),
  }
}

const toSummary = (run: string, header: Header | undefined, end: End | undefined): TaskRunSummary => ({
  run,
  state: end ? 'ended' : 'dead',
  argv: header?.argv ?? [],
  tasks: header?.tasks ?? [],
  ...(header ? { started: header.started, user: header.user, host: header.host } : {}),
  ...(end ? { outcome: end.outcome, exitCode: end.exitCode, durationMs: end.at / 1000 } : {}),
})

async function stateOf(header: Header | undefined, identity: Identity | undefined): Promise<TaskRunSummary['state']> {
  if (header && header.host !== hostname()) return 'elsewhere'
  return identity && (await isAlive(identity)) ? 'running' : 'dead'
}

function lineOf(line: string | undefined): RecordEntry | undefined {
  if (!line) return undefined
  try {
    const value = JSON.parse(line) as RecordEntry | undefined
    return typeof value?.type === 'string' ? value : undefined
  } catch {
    return undefined
  }
}

function spansOf(entries: readonly RecordEntry[], logs: string): TaskSpan[] {
  const spans = new Map<string, TaskSpan>()
  const spanOf = (task: string): TaskSpan => {
    const known = spans.get(task)
    if (known) return known
    const span: TaskSpan = { task, state: 'waiting', needs: [], steps: [] }
    spans.set(task, span)
    return span
  }
  for (const entry of entries) {
    if (entry.type === 'tasks-planned') {
      for (const task of entry.tasks) spanOf(task)
      for (const [task, needs] of Object.entries(entry.needs)) spanOf(task).needs = needs
      // The last one planned is the one that was called; the others are there for it.
      const called = entry.tasks.at(-1)
      if (entry.by !== undefined && called !== undefined) spanOf(called).by ??= entry.by
    } else if (entry.type === 'task-started') {
      Object.assign(spanOf(entry.task), { state: 'running', at: entry.at / 1000 })
    } else if (entry.type === 'task-ended') {
      const { task, state, at, took, message } = entry
      Object.assign(spanOf(task), { state, at: at / 1000, durationMs: took / 1000 })
      if (message !== undefined) spanOf(task).message = message
    } else if (entry.type === 'task-log') spanOf(entry.task).log = join(logs, entry.log)
    else if (entry.type === 'step-ended') {
      const { title, at, took, ok } = entry
      spanOf(entry.task).steps.push({ title, at: at / 1000, durationMs: took / 1000, ok })
    }
  }
  return [...spans.values()]
}

/** The last lines of a log, as plain text; none where there is no such file. */
export function lastLines(path: string, count: number): string[] {
  const size = statSync(path, { throwIfNoEntry: false })?.size
  if (!size) return []
  const file = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(Math.min(size, 64 * 1024))
    readSync(file, bytes, 0, bytes.length, size - bytes.length)
    const lines = bytes.toString().trimEnd().split('\n')
    return lines.slice(-count).map(plainLine)
  } finally {
    closeSync(file)
  }
}
