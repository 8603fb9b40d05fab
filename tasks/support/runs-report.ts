import { noSuchRun, type StampedEntry } from '../../lib/execute/run-record.ts'
import { listRuns, type Run, readRun } from '../../lib/execute/runs.ts'
import { paint } from '../../lib/log/paint.ts'
import { table } from '../../lib/log/table.ts'
import { formatDuration } from '../../lib/model/duration.ts'
import { FailureError } from '../../lib/model/failure.ts'
import { opText } from '../../lib/plan/render.ts'
import type { View } from '../../lib/task/definition.ts'
import { listTaskRuns, readTaskRun, type TaskRunRecord, type TaskRunSummary } from '../../lib/task/record/read.ts'
import { quoteWord } from '../../lib/task/shell-quote.ts'

/** Which runs are meant. */
export type RunKind = 'all' | 'operations' | 'tasks'

/** One run of either kind. */
export type AnyRun = { kind: 'operation'; run: Run } | { kind: 'task'; run: TaskRunRecord }

/** The newest runs, of operations and of tasks. `ops` is the workspace's `.ops` folder. */
export async function listReport(ops: string, options: { last: number; kind: RunKind }) {
  const found = await newest(ops, options.last, options.kind)
  return {
    runs: found.map((one) =>
      one.kind === 'operation' ? { ...summary(one.run), ops: one.run.ops.length } : taskSummary(one.run),
    ),
    text: (view: View) =>
      found.length === 0
        ? 'nothing was run yet\n'
        : table(['run', 'operation', 'environment', 'by', 'outcome', 'duration'], found.map(row), view),
  }
}

type Listed = { kind: 'operation'; run: Run } | { kind: 'task'; run: TaskRunSummary }

async function newest(ops: string, last: number, kind: RunKind): Promise<Listed[]> {
  const [operations, tasks] = await Promise.all([
    kind === 'tasks' ? [] : listRuns(ops, { limit: last }),
    kind === 'operations' ? [] : listTaskRuns(ops, { limit: last }),
  ])
  return [
    ...operations.map((run) => ({ kind: 'operation' as const, run })),
    ...tasks.map((run) => ({ kind: 'task' as const, run })),
  ]
    .sort((one, other) => (one.run.run < other.run.run ? 1 : -1))
    .slice(0, last)
}

function row(one: Listed): string[] {
  const { run } = one
  const took = run.durationMs === undefined ? '' : formatDuration(run.durationMs)
  if (one.kind === 'task') {
    const by = one.run.user === undefined ? '' : `${one.run.user}@${one.run.host}`
    return [run.run, commandOf(one.run), '', by, taskOutcome(one.run), took]
  }
  const { header } = one.run
  const by = header ? `${header.user}@${header.host}` : ''
  return [run.run, header?.operation ?? '', header?.environment ?? '', by, outcomeText(one.run), took]
}

/** What was typed. */
export const commandLine = ({ argv }: TaskRunSummary): string => ['task', ...argv.map(quoteWord)].join(' ')

/** The same, cut to a table's column. */
function commandOf(run: TaskRunSummary): string {
  const typed = commandLine(run).replace(/\s+/g, ' ')
  return typed.length <= 40 ? typed : `${typed.slice(0, 39)}…`
}

const taskOutcome = ({ state, outcome, exitCode }: TaskRunSummary): string =>
  state === 'ended' ? `${outcome}${exitCode ? ` (${exitCode})` : ''}` : state === 'dead' ? 'killed' : state

const taskSummary = (run: TaskRunSummary) => ({
  kind: 'task' as const,
  ...run,
  ...('spans' in run ? { spans: undefined } : {}),
})

const summary = ({ run, state, header, started, outcome, durationMs, settled }: Run) => ({
  kind: 'operation' as const,
  run,
  state,
  operation: header?.operation,
  environment: header?.environment,
  user: header?.user,
  host: header?.host,
  started,
  outcome,
  durationMs,
  settled,
})

/** How an operation ended, and how it was dealt with since. */
export function outcomeText({ state, outcome, settled }: Run): string {
  const text = outcome ?? (state === 'running' ? 'running' : state === 'elsewhere' ? 'elsewhere' : 'killed')
  return settled ? `${text}, ${settled.how} by ${settled.by}` : text
}

/** The run that is meant: by its id or the part of it behind the last hyphen, by `last`, or by its number from the newest one, which is 1. Throws `no-such-run`. */
export async function findRun(ops: string, wanted: string): Promise<AnyRun> {
  const number = wanted === 'last' ? 1 : /^[1-9]\d{0,3}$/.test(wanted) ? Number(wanted) : undefined
  const id = number === undefined ? await wholeId(ops, wanted) : (await newest(ops, number, 'all'))[number - 1]?.run.run
  const operation = id === undefined ? undefined : await readRun(ops, id)
  if (operation) return { kind: 'operation', run: operation }
  const task = id === undefined ? undefined : await readTaskRun(ops, id)
  if (task) return { kind: 'task', run: task }
  throw new FailureError(noSuchRun(wanted))
}

/** The id that ends with these six digits or letters, where it is one run's alone. */
async function wholeId(ops: string, wanted: string): Promise<string> {
  if (!/^([0-9a-f]{6}|t[0-9a-z]{5})$/.test(wanted)) return wanted
  const all = [...(await newest(ops, Number.MAX_SAFE_INTEGER, 'all'))].map(({ run }) => run.run)
  const [only, ...more] = all.filter((id) => id.endsWith(`-${wanted}`))
  return only !== undefined && more.length === 0 ? only : wanted
}

/** What happened in a run. */
export function showReport(found: AnyRun) {
  if (found.kind === 'task') {
    const { run } = found
    return { ...run, kind: 'task' as const, text: (view: View) => taskRunText(run, view) }
  }
  const { run } = found
  return {
    ...summary(run),
    ops: run.ops,
    entries: run.entries,
    text: (_view: View) =>
      `${[title(run), ...run.entries.flatMap(line), ...(run.damage ? [run.damage.message] : [])].join('\n')}\n`,
  }
}

function taskRunText(run: TaskRunRecord, view: View): string {
  const by = run.user === undefined ? '' : ` by ${run.user}@${run.host}`
  const took = run.durationMs === undefined ? '' : `, ${formatDuration(run.durationMs)}`
  const head = `${run.run}: ${commandLine(run)}${by}, ${taskOutcome(run)}${took}\n`
  const rows = run.spans.map(({ task, state, at, durationMs, message }) => [
    task,
    at === undefined ? '' : `+${formatDuration(at)}`,
    durationMs === undefined ? '' : formatDuration(durationMs),
    `${state === 'running' && run.state === 'dead' ? 'killed' : state.replaceAll('-', ' ')}${message === undefined ? '' : `: ${message}`}`,
  ])
  const logs = run.spans.filter(({ log }) => log !== undefined).map(({ task, log }) => `  ${task}: ${log}\n`)
  const logsText = logs.length === 0 ? '' : `${paint('logs:', 'dim', view.color)}\n${logs.join('')}`
  return `${head}${table(['task', 'start', 'took', 'state'], rows, view)}${logsText}`
}

const title = (run: Run): string =>
  `${run.run}: ${run.header?.operation ?? '?'} ${run.header?.environment ?? ''} by ${run.header?.user ?? '?'}, ${outcomeText(run)}`

/** An entry as a line: its time of day and what happened. */
function line(entry: StampedEntry): string[] {
  const text = eventText(entry)
  return text === undefined ? [] : [`${entry.at.slice(11, 23)}  ${text}`]
}

function eventText(entry: StampedEntry): string | undefined {
  switch (entry.type) {
    case 'plan-fixed':
      return `plan ${entry.plan}: ${entry.operation}, ${entry.ops.length} ops, digest ${entry.digest}`
    case 'op-started':
      return `${entry.op.id}: ${opText(entry.op)}`
    case 'op-ended': {
      const failure = entry.failure ? `: ${[entry.failure.message, entry.failure.why].filter(Boolean).join(': ')}` : ''
      return `${entry.op} ${entry.end} in ${formatDuration(entry.durationMs)}${entry.message ? ` (${entry.message})` : ''}${failure}`
    }
    case 'release-opened':
      return `release ${entry.release} (${entry.revision}) begun`
    case 'release-closed':
      return `release ${entry.release} ${entry.outcome}${entry.cause ? `: ${entry.cause}` : ''}`
    case 'lock-taken':
      return `lock of ${entry.environment} taken${entry.takenFrom.map((holder) => `, left by ${holder.user}@${holder.host} (${holder.purpose})`).join('')}`
    case 'run-settled':
      return `${entry.how} by run ${entry.by}`
    case 'run-ended':
      return `ended: ${entry.outcome}`
    case 'message':
      return entry.text
    default:
      return undefined
  }
}
