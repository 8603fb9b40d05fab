import { dirname } from 'node:path'
import type { Redactor } from '../log/redact.ts'
import type { Failure } from '../model/failure.ts'
import type { Termination } from '../system/signals.ts'
import type { Task } from '../task/definition.ts'
import type { TaskRequest } from '../task/graph.ts'
import type { Invocation } from '../task/invocation.ts'
import type { TaskEnd, TaskFailure } from '../task/run-end.ts'
import type { LoadedTasks } from '../task/table.ts'
import type { Ending } from './report.ts'
import { isTerminal } from './standard-streams.ts'
import { hasColor, standardOutput } from './terminal.ts'

/** What making endings takes. */
export type EndingContext = {
  table: LoadedTasks
  invocation: Invocation
  color: boolean | undefined
  /** How long the task of a label took, in milliseconds, as its last line says; undefined where it has not ended. */
  tookMs(task: string): number | undefined
  /** What is shown once more of a task that failed: its last lines, and its log. */
  last(task: string): Pick<Failure, 'lines' | 'log'>
}

/** How the command ends for one task that was asked for. `stoppedBy` is what kept it from its end. */
export async function endingOf(
  { name, task }: TaskRequest,
  end: TaskEnd,
  context: EndingContext,
  stoppedBy?: TaskFailure,
): Promise<Ending> {
  switch (end.state) {
    case 'done':
      try {
        return rendered(name, task, end.value, context)
      } catch (error) {
        // A `render` that throws is a defect of the task.
        return failedEnding(name, task, [{ error, task: name }], context)
      }
    case 'skipped':
      return { task: name, outcome: 'done', json: { skipped: end.reason } }
    case 'failed':
      return failedEnding(name, task, [end], context)
    case 'stopped': {
      const why = stoppedBy ? `, because ${stoppedBy.task} failed` : ''
      const failure: Failure = { code: 'task-stopped', message: `task ${name} did not run to its end${why}` }
      return { task: name, outcome: 'failed', failures: [failure] }
    }
  }
}

/** How the command ends after failures; the first one has the exit code. */
export async function failedEnding(
  name: string,
  task: Task,
  failures: readonly TaskFailure[],
  context: EndingContext,
  isTerminated = false,
): Promise<Ending> {
  const { runFailure } = await import('../task/run-failure.ts')
  const told = failures.map((failure) => ({
    ...runFailure(failure.error, failure.task, dirname(context.table.file)),
    task: failure.task,
  }))
  const [first] = told
  if (!first) return { task: name, outcome: 'failed' }
  const { outcome, exitCode, finished } = first
  // What a task that was told to end throws is no news, unless it was made to be said.
  const news = isTerminated ? told.filter(({ expected }) => expected) : told
  if (news.length === 0) return { task: name, outcome, exitCode }
  const own: Ending =
    finished && first.task === name ? rendered(name, task, finished.result, context) : { task: name, outcome }
  const said = news.flatMap((one) => withLast(one.failures, context.last(one.task)))
  const isSilent = said.length === 0 && (own.text ?? '') === '' && !(context.invocation.json && finished)
  const unsaid: Failure = { code: 'task-failed', message: `task ${first.task} ended with the outcome ${outcome}` }
  return { ...own, outcome, exitCode, failures: isSilent ? [unsaid] : said }
}

function withLast([first, ...rest]: readonly Failure[], last: Pick<Failure, 'lines' | 'log'>): Failure[] {
  return first ? [{ ...last, ...first }, ...rest] : []
}

/** A result as text, or for JSON as it is. */
function rendered(name: string, task: Task, result: unknown, context: EndingContext): Ending {
  const { invocation, color } = context
  const ending: Ending = { task: name, outcome: 'done', result }
  const { render } = task.definition
  if (invocation.json || !render) return ending
  const shown = isTerminal(1)
  const tookMs = context.tookMs(name)
  const view = {
    color: hasColor(standardOutput, color, process.env),
    // The stream is made only where it has more to tell.
    columns: shown ? (process.stdout.columns ?? 80) : 80,
    isTerminal: shown,
    ...(tookMs === undefined ? {} : { tookMs }),
  }
  const text = render(result, view)
  return { ...ending, text: text === '' || text.endsWith('\n') ? text : `${text}\n` }
}

/** A signal has the last word on the exit code; what the task has said stays. */
export function terminated(ending: Ending, { signal, exitCode }: Termination): Ending {
  const outcome = ({ SIGHUP: 'hangup', SIGINT: 'interrupted', SIGTERM: 'terminated' } as const)[signal]
  const said = ending.failures ?? []
  // An operation that was interrupted has said so itself, with what can be typed next.
  const isSaid = said.some((failure) => failure.outcome === outcome)
  const failure: Failure = { code: outcome, message: `${outcome} by ${signal}`, outcome }
  return { ...ending, outcome, exitCode, failures: isSaid ? said : [...said, failure] }
}

/** What is printed last holds nothing that a task has concealed. */
export function concealed(ending: Ending, redactor: Redactor): Ending {
  const { text, result, failures, several } = ending
  return {
    ...ending,
    ...(text === undefined ? {} : { text: redactor.text(text) }),
    ...(result === undefined ? {} : { result: redactor.value(result) }),
    ...(failures ? { failures: redactor.value(failures) as readonly Failure[] } : {}),
    ...(several ? { several: several.map((one) => concealed(one, redactor)) } : {}),
  }
}

/** With GitHub's annotations for what failed, where GitHub runs it. */
export async function annotated(ending: Ending, { env, folder, json }: Invocation): Promise<Ending> {
  if (env.GITHUB_ACTIONS !== 'true' || json || !ending.failures?.length) return ending
  const { annotations } = await import('./output/annotations.ts')
  return { ...ending, hint: `${ending.hint ?? ''}${annotations(ending.failures, env.GITHUB_WORKSPACE ?? folder)}` }
}
