import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import type { Failure } from '../model/failure.ts'
import { exitCodes, type Outcome } from '../model/outcome.ts'
import { type CommandOrigin, commandOrigins } from './command-origin.ts'
import { type Finished, OutcomeError } from './definition.ts'
import { isFailureError } from './load-failure.ts'
import { stackPlaces } from './place.ts'
import { placed } from './sources.ts'

/** How a task run ended badly: what is printed, and with what the command exits. */
export type RunFailure = {
  outcome: Outcome
  exitCode: number
  failures: Failure[]
  /** The task has said so itself, and did not stumble over it. */
  expected: boolean
  /** The result that came with the outcome, when the task has finished with one. */
  finished?: Finished<unknown>
}

/**
 * Says what an error means that a task threw. Expected failures and outcomes keep theirs. A command's error (zx, execa, `$`) has
 * its exit status, 128 and more for a signal; anything else is a defect of the Taskfile, exit 1, with its place.
 * @param task the name of the task that threw it
 * @param folder places of errors are looked for in files below it
 */
export function runFailure(error: unknown, task: string, folder: string): RunFailure {
  if (isFailureError(error)) {
    const outcome = error.failures.find((failure) => failure.outcome)?.outcome ?? 'failed'
    return { outcome, exitCode: exitCodes[outcome], failures: [...error.failures], expected: true }
  }
  if (error instanceof OutcomeError || (error as { name?: unknown } | undefined)?.name === 'OutcomeError') {
    const { finished } = error as OutcomeError
    const { outcome } = finished
    return { outcome, exitCode: exitCodes[outcome], failures: [...finished.failures], finished, expected: true }
  }
  const status = commandStatus(error)
  if (status !== undefined) {
    return {
      outcome: 'failed',
      exitCode: status,
      failures: [commandFailure(error as Error, task, status, folder)],
      expected: false,
    }
  }
  const origin = typeof error === 'object' && error !== null ? commandOrigins.get(error) : undefined
  if (origin)
    return { outcome: 'failed', exitCode: 1, failures: [notStarted(error as Error, origin, task)], expected: false }
  return { outcome: 'failed', exitCode: 1, failures: [thrown(error, task, folder)], expected: false }
}

/** The exit status of the command whose failure an error tells; undefined when it is no such error. */
function commandStatus(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined
  const { exitCode, signal } = error as { exitCode?: unknown; signal?: unknown }
  if (typeof signal === 'string' && signal in constants.signals) {
    return 128 + constants.signals[signal as NodeJS.Signals]
  }
  return typeof exitCode === 'number' && exitCode > 0 ? exitCode : undefined
}

function commandFailure(error: Error, task: string, status: number, folder: string): Failure {
  const { signal, stderr, stdout } = error as { signal?: unknown; stderr?: unknown; stdout?: unknown }
  const origin = commandOrigins.get(error)
  const where = origin?.place ? placed(origin.place) : placeBelow(error, folder)
  const how = typeof signal === 'string' ? `was ended by ${signal}` : `ended with status ${status}`
  const output = typeof stderr === 'string' && stderr.trim() !== '' ? stderr : stdout
  const lines =
    origin && !origin.shown && typeof output === 'string' ? origin.redact(output.trimEnd()).split('\n').slice(-20) : []
  return {
    code: 'command-failed',
    message: `task ${task}: ${origin ? shorten(origin.text) : 'a command'} ${how}`,
    ...where,
    ...(lines.join('') === '' ? {} : { lines }),
    outcome: 'failed',
  }
}

/** The failure of a command that the system did not even start. */
function notStarted(error: Error, origin: CommandOrigin, task: string): Failure {
  const { cause } = error
  const { code } = (cause ?? {}) as { code?: unknown }
  const why =
    code === 'E2BIG'
      ? 'its text is longer than the system lets an argument be (128 KiB on Linux); hand the data over by `input` or a file'
      : code === 'ENOENT' && !existsSync(origin.folder)
        ? `there is no folder ${origin.folder}`
        : cause instanceof Error
          ? cause.message
          : error.message
  return {
    code: 'command-not-started',
    message: `task ${task}: ${shorten(origin.text)} could not be started`,
    ...placed(origin.place),
    why,
    outcome: 'failed',
  }
}

/** A command's first line, cut to what fits a line of text. */
function shorten(text: string): string {
  const [first = '', ...rest] = text.trim().split('\n')
  return first.length > 80 || rest.length > 0 ? `${first.slice(0, 80)}…` : first
}

function thrown(error: unknown, task: string, folder: string): Failure {
  if (!(error instanceof Error)) return { code: 'task-threw', message: `task ${task} threw ${String(error)}` }
  const kind = error.name === 'Error' ? '' : `${error.name}: `
  const place = placeBelow(error, folder)
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
  return {
    code: 'task-threw',
    message: `task ${task} threw: ${kind}${error.message}`,
    ...place,
    ...(place.place ? {} : { lines: frames.slice(0, 8).map((line) => line.trim()) }),
    ...(error.cause instanceof Error ? { why: error.cause.message } : {}),
  }
}

/** The innermost frame in a file of the workspace's own: not in a package, nor in the bundle. */
function placeBelow(error: Error, folder: string): Pick<Failure, 'place' | 'source'> {
  const frames = stackPlaces(error.stack ?? '')
  return placed(frames.find(({ file }) => file.startsWith(`${folder}/`) && !/\/(node_modules|\.ops)\//.test(file)))
}
