import { noSuchRun, type StampedEntry } from '../../lib/execute/run-record.ts'
import { listRuns, type Run, readRun } from '../../lib/execute/runs.ts'
import { table } from '../../lib/log/table.ts'
import { formatDuration } from '../../lib/model/duration.ts'
import { FailureError } from '../../lib/model/failure.ts'
import { opText } from '../../lib/plan/render.ts'
import type { TaskContext, View } from '../../lib/task/definition.ts'
import type { Scope } from './flags.ts'
import { opsFolder } from './session.ts'

/** `task runs` */
export async function runList(scope: Scope, context: TaskContext & { args: { readonly last: number } }) {
  const runs = await listRuns(await opsFolder(scope, context), { limit: context.args.last })
  return {
    runs: runs.map((run) => ({ ...summary(run), ops: run.ops.length })),
    text: (view: View) =>
      runs.length === 0
        ? 'nothing was run yet\n'
        : table(
            ['run', 'operation', 'environment', 'by', 'outcome', 'duration'],
            runs.map((run) => [
              run.run,
              run.header?.operation ?? '',
              run.header?.environment ?? '',
              run.header ? `${run.header.user}@${run.header.host}` : '',
              outcomeOf(run),
              run.durationMs === undefined ? '' : formatDuration(run.durationMs),
            ]),
            view,
          ),
  }
}

const summary = ({ run, state, header, started, outcome, durationMs, settled }: Run) => ({
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

function outcomeOf({ state, outcome, settled }: Run): string {
  const text = outcome ?? (state === 'running' ? 'running' : state === 'elsewhere' ? 'elsewhere' : 'killed')
  return settled ? `${text}, ${settled.how} by ${settled.by}` : text
}

/** `task runs show <id>`: its events once more. */
export async function runShow(scope: Scope, context: TaskContext & { args: { readonly run: string } }) {
  const ops = await opsFolder(scope, context)
  const wanted = context.args.run
  const run = wanted === 'last' ? (await listRuns(ops, { limit: 1 }))[0] : await readRun(ops, wanted)
  if (!run) throw new FailureError(noSuchRun(wanted))
  return {
    ...summary(run),
    ops: run.ops,
    entries: run.entries,
    text: (_view: View) =>
      `${[title(run), ...run.entries.flatMap(line), ...(run.damage ? [run.damage.message] : [])].join('\n')}\n`,
  }
}

const title = (run: Run): string =>
  `${run.run}: ${run.header?.operation ?? '?'} ${run.header?.environment ?? ''} by ${run.header?.user ?? '?'}, ${outcomeOf(run)}`

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
