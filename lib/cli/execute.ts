import { dirname, join } from 'node:path'
import { exitCodes } from '../model/outcome.ts'
import type { TaskRequest } from '../task/graph.ts'
import type { Invocation } from '../task/invocation.ts'
import type { RunRecorder } from '../task/record/recorder.ts'
import type { RunEnd } from '../task/run.ts'
import type { LoadedTasks } from '../task/table.ts'
import { watchRole } from '../task/watch/role.ts'
import { onCrash } from './crash.ts'
import { annotated, concealed, type EndingContext, endingOf, failedEnding, terminated } from './endings.ts'
import type { GlobalFlags } from './global-flags.ts'
import type { TaskProgress } from './progress.ts'
import type { Ending } from './report.ts'
import type { Streams } from './terminal.ts'

/** Tasks that are to run, with the values of their arguments: at least one. */
export type Execution = {
  requests: readonly TaskRequest[]
  table: LoadedTasks
  invocation: Invocation
  flags: GlobalFlags
  streams: Streams
}

/** Runs tasks with all that they need, shows their progress, and gives how the command ends. A first INT, TERM or HUP ends it in order. */
export async function execute(execution: Execution): Promise<Ending> {
  const role = watchRole()
  if (role === undefined) return executeAll(execution)
  const { playRole } = await import('./watch-role.ts')
  const played = await playRole(role, execution)
  return 'ending' in played ? played.ending : executeAll({ ...execution, requests: played.requests }, played.beside)
}

/** `beside`: labels of what else runs in processes beside this one, under the same watching one. */
async function executeAll(execution: Execution, beside?: readonly string[]): Promise<Ending> {
  const { requests, table, flags, streams } = execution
  const [{ TaskRun }, { onTermination }, { progressOf }, { RunRecorder }] = await Promise.all([
    import('../task/run.ts'),
    import('../system/signals.ts'),
    import('./progress.ts'),
    import('../task/record/recorder.ts'),
  ])
  const watch = onTermination()
  const crash = onCrash(watch.signal)
  if (execution.invocation.json) streams.divertStdout()
  const isAmongOthers = beside !== undefined && beside.length > 1
  // Several processes cannot each keep the last lines of one terminal.
  const asked = isAmongOthers && (flags.output ?? 'live') === 'live' ? 'interleaved' : flags.output
  const progress = await progressOf(execution.invocation, streams, asked)
  const { invocation } = progress
  // What was asked for goes by its name.
  const isAskedFor = new Set(requests.map(({ name }) => name))
  const took = new Map<string, number>()
  const run = new TaskRun({
    table,
    invocation,
    signal: crash.signal,
    emit: (event) => {
      if (event.type === 'task-ended' && isAskedFor.has(event.task)) took.set(event.task, event.durationMs)
      recorder.take(event)
      progress.show(event)
    },
    ...(invocation.interactive
      ? { ask: (question) => progress.aside(async () => (await import('./ask.ts')).ask(question, crash.signal)) }
      : {}),
    ...runFlags(flags),
    servicesElsewhere: beside !== undefined,
  })
  const recorder = new RunRecorder({
    ops: join(dirname(table.file), '.ops'),
    argv: invocation.shownArgv ?? invocation.argv,
    tasks: requests.map(({ name }) => name),
    redact: (text) => run.redactor.text(text),
    off: requests.every(({ task }) => task.definition.record === false),
  })
  // Lines of several processes on one terminal each say whose they are.
  if (isAmongOthers) progress.show({ type: 'tasks-planned', tasks: beside, needs: {} })
  const end = await run.runAll(requests)
  progress.end()
  crash.dispose()
  watch.dispose()
  const termination = watch.termination()
  const crashed = crash.crashed()
  const told: RunEnd = crashed ? crashedEnd(requests, crashed.error) : end
  const context = {
    table,
    invocation,
    color: flags.color,
    tookMs: (task: string) => took.get(task),
    last: lastOf(progress, recorder),
  }
  const ending = await wholeEnding(requests, told, context, termination !== undefined)
  const [skipped] = told.ends
  // One task alone says nothing of how it ended.
  if (skipped?.state === 'skipped' && !progress.several()) ending.hint = `skipped: ${skipped.reason}\n`
  const last = concealed(termination ? terminated(ending, termination) : ending, run.redactor)
  recorder.end(last.outcome, last.exitCode ?? exitCodes[last.outcome])
  return annotated(last, invocation)
}

/** Says what would run, in which order and why. Nothing runs, nobody is asked, nothing is written. */
export async function dryRun({ requests, table, invocation, flags }: Execution): Promise<Ending> {
  const [{ TaskRun }, { planText }] = await Promise.all([import('../task/run.ts'), import('../task/plan.ts')])
  const { signal } = new AbortController()
  const run = new TaskRun({ table, invocation, signal, emit: () => {}, ...runFlags(flags) })
  const plan = await run.plan(requests)
  if (!plan.ok) return { outcome: plan.failures[0].outcome ?? 'unchanged', failures: plan.failures }
  return { outcome: 'done', text: planText(plan.value), json: { dryRun: true, tasks: plan.value } }
}

const runFlags = ({ jobs, only, force, continue: mode }: GlobalFlags) => ({
  only,
  force,
  ...(jobs === undefined ? {} : { jobs }),
  ...(mode === undefined ? {} : { mode: mode === 'always' ? ('continue-always' as const) : ('continue' as const) }),
})

function crashedEnd(requests: readonly TaskRequest[], error: unknown): RunEnd {
  const failure = { error, task: requests[0]?.name ?? '' }
  return { ends: requests.map(() => ({ state: 'failed', ...failure })), failures: [failure] }
}

/** The ending of one task, or of several: what failed is told once for all. */
async function wholeEnding(
  requests: readonly TaskRequest[],
  { ends, failures }: RunEnd,
  context: EndingContext,
  isTerminated: boolean,
): Promise<Ending> {
  const [request] = requests as [TaskRequest]
  const [end] = ends
  const failed =
    failures.length > 0 ? await failedEnding(request.name, request.task, failures, context, isTerminated) : undefined
  if (requests.length === 1) {
    if (failed) return failed
    return endingOf(request, end ?? { state: 'stopped' }, context)
  }
  const several = await Promise.all(
    requests.map((one, index) => endingOf(one, ends[index] ?? { state: 'stopped' }, context, failures[0])),
  )
  const wrong = failed ?? several.find(({ outcome }) => outcome !== 'done')
  const text = several.map((one) => one.text ?? '').join('')
  if (!wrong) return { outcome: 'done', text, several }
  const { outcome, exitCode, failures: said } = wrong
  return {
    outcome,
    text,
    several,
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(said ? { failures: said } : {}),
  }
}

/** What is shown once more of a task that failed: nothing where it stands directly above. */
const lastOf =
  ({ mode, several }: TaskProgress, recorder: RunRecorder): EndingContext['last'] =>
  (task) => {
    const { lines, log } = recorder.last(task)
    const isAbove = mode === 'quiet' || !several()
    return {
      ...(isAbove || lines.length === 0 ? {} : { lines }),
      ...(log === undefined || (isAbove && lines.length < manyLines) ? {} : { log }),
    }
  }

/** One task alone has shown all that its log has; only of long output is the log named. */
const manyLines = 20
