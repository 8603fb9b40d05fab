import { dirname, join } from 'node:path'
import type { Redactor } from '../log/redact.ts'
import type { Failure } from '../model/failure.ts'
import { exitCodes } from '../model/outcome.ts'
import type { Termination } from '../system/signals.ts'
import type { Task } from '../task/definition.ts'
import type { Invocation } from '../task/invocation.ts'
import type { RunRecorder } from '../task/record/recorder.ts'
import type { TaskEnd } from '../task/run.ts'
import type { LoadedTasks } from '../task/table.ts'
import { onCrash } from './crash.ts'
import type { GlobalFlags } from './global-flags.ts'
import type { TaskProgress } from './progress.ts'
import type { Ending } from './report.ts'
import { hasColor, type Streams } from './terminal.ts'

/** A task that is to run, with the values of its arguments. */
export type Execution = {
  name: string
  task: Task
  values: Readonly<Record<string, unknown>>
  table: LoadedTasks
  invocation: Invocation
  flags: GlobalFlags
  streams: Streams
}

/** Runs a task with all that it needs, shows its progress, and gives how the command ends. A first INT, TERM or HUP ends it in order. */
export async function execute(execution: Execution): Promise<Ending> {
  const { name, task, values, table, flags, streams } = execution
  const [{ TaskRun }, { onTermination }, { progressOf }, { RunRecorder }] = await Promise.all([
    import('../task/run.ts'),
    import('../system/signals.ts'),
    import('./progress.ts'),
    import('../task/record/recorder.ts'),
  ])
  const watch = onTermination()
  const crash = onCrash(watch.signal)
  if (execution.invocation.json) streams.divertStdout()
  const progress = await progressOf(execution.invocation, streams, flags.output)
  const { invocation } = progress
  const run = new TaskRun({
    table,
    invocation,
    signal: crash.signal,
    emit: (event) => {
      recorder.take(event)
      progress.show(event)
    },
    ...(invocation.interactive
      ? { ask: (question) => progress.aside(async () => (await import('./ask.ts')).ask(question, crash.signal)) }
      : {}),
    ...(flags.jobs === undefined ? {} : { jobs: flags.jobs }),
    force: flags.force,
  })
  const recorder = new RunRecorder({
    ops: join(dirname(table.file), '.ops'),
    argv: invocation.argv,
    tasks: [name],
    redact: (text) => run.redactor.text(text),
    off: task.definition.record === false,
  })
  const end = await run.run(name, task, values)
  progress.end()
  crash.dispose()
  watch.dispose()
  const termination = watch.termination()
  const crashed = crash.crashed()
  const told: TaskEnd = crashed ? { state: 'failed', error: crashed.error, task: name } : end
  const ending = await endingOf(execution, told, termination !== undefined).catch((error: unknown) =>
    // A `render` that throws is a defect of the task.
    failedEnding(execution, { error, task: name }, false),
  )
  const said = withLog(ending, told, progress, recorder)
  const last = concealed(termination ? terminated(said, termination) : said, run.redactor)
  recorder.end(last.outcome, last.exitCode ?? exitCodes[last.outcome])
  return annotated(last, invocation)
}

/** With the last lines of the task that failed, unless they stand directly above, and with its log. */
function withLog(ending: Ending, end: TaskEnd, { mode, several }: TaskProgress, recorder: RunRecorder): Ending {
  const [first, ...rest] = ending.failures ?? []
  if (!first || end.state === 'done') return ending
  const { lines, log } = recorder.last(end.task)
  if (lines.length === 0) return ending
  const isAbove = mode === 'quiet' || !several()
  const failure: Failure = {
    ...first,
    ...(isAbove || first.lines ? {} : { lines }),
    ...(log === undefined || (isAbove && lines.length < manyLines) ? {} : { log }),
  }
  return { ...ending, failures: [failure, ...rest] }
}

/** One task alone has shown all that its log has; only of long output is the log named. */
const manyLines = 20

/** With GitHub's annotations for what failed, where GitHub runs it. */
async function annotated(ending: Ending, { env, folder, json }: Invocation): Promise<Ending> {
  if (env.GITHUB_ACTIONS !== 'true' || json || !ending.failures?.length) return ending
  const { annotations } = await import('./output/annotations.ts')
  return { ...ending, hint: `${ending.hint ?? ''}${annotations(ending.failures, env.GITHUB_WORKSPACE ?? folder)}` }
}

/** What is printed last holds nothing that a task has concealed. */
function concealed(ending: Ending, redactor: Redactor): Ending {
  const { text, result, failures } = ending
  return {
    ...ending,
    ...(text === undefined ? {} : { text: redactor.text(text) }),
    ...(result === undefined ? {} : { result: redactor.value(result) }),
    ...(failures ? { failures: redactor.value(failures) as readonly Failure[] } : {}),
  }
}

const endingOf = async (execution: Execution, end: TaskEnd, isTerminated: boolean): Promise<Ending> =>
  end.state === 'done' ? rendered(execution, end.value) : failedEnding(execution, end, isTerminated)

async function failedEnding(
  execution: Execution,
  { error, task }: { error: unknown; task: string },
  isTerminated: boolean,
): Promise<Ending> {
  const { name, table } = execution
  const { runFailure } = await import('../task/run-failure.ts')
  const { outcome, exitCode, failures, finished, expected } = runFailure(error, task, dirname(table.file))
  // What a task that was told to end throws is no news, unless it was made to be said.
  if (isTerminated && !expected) return { task: name, outcome, exitCode }
  const own: Ending = finished && task === name ? rendered(execution, finished.result) : { task: name, outcome }
  const isSilent = failures.length === 0 && (own.text ?? '') === '' && !(execution.invocation.json && finished)
  const unsaid: Failure = { code: 'task-failed', message: `task ${task} ended with the outcome ${outcome}` }
  return { ...own, outcome, exitCode, failures: isSilent ? [unsaid] : failures }
}

/** A signal has the last word on the exit code; what the task has said stays. */
function terminated(ending: Ending, { signal, exitCode }: Termination): Ending {
  const outcome = ({ SIGHUP: 'hangup', SIGINT: 'interrupted', SIGTERM: 'terminated' } as const)[signal]
  const said = ending.failures ?? []
  // An operation that was interrupted has said so itself, with what can be typed next.
  const isSaid = said.some((failure) => failure.outcome === outcome)
  const failure: Failure = { code: outcome, message: `${outcome} by ${signal}`, outcome }
  return { ...ending, outcome, exitCode, failures: isSaid ? said : [...said, failure] }
}

/** A result as text, or for JSON as it is. */
function rendered({ name, task, invocation, flags }: Execution, result: unknown): Ending {
  const ending: Ending = { task: name, outcome: 'done', result }
  const { render } = task.definition
  if (invocation.json || !render) return ending
  const view = {
    color: hasColor(process.stdout, flags.color, process.env),
    columns: process.stdout.columns ?? 80,
    isTerminal: process.stdout.columns !== undefined,
  }
  const text = render(result, view)
  return { ...ending, text: text === '' || text.endsWith('\n') ? text : `${text}\n` }
}
