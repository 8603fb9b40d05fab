import { failuresText } from '../log/failure-text.ts'
import { failureAsTyped, textAsTyped } from '../log/typed-command.ts'
import type { Failure } from '../model/failure.ts'
import { exitCodes, type Outcome } from '../model/outcome.ts'
import type { Streams } from './terminal.ts'

/** How a command ends: all that it prints last, and its exit code. */
export type Ending = {
  task?: string
  outcome: Outcome
  /** Default is that of the outcome. */
  exitCode?: number
  /** For `--json`; left out when undefined. */
  result?: unknown
  /** The result's text, printed on stdout where no JSON is asked for. */
  text?: string
  failures?: readonly Failure[]
  /** Printed after the failures, e.g. the usage line. */
  hint?: string
  /** The endings of several tasks that were asked for, in their order: the JSON value is a list of theirs. */
  several?: readonly Ending[]
  /** More members of the JSON value, for answers of the command itself (`tasks`, `version`). */
  json?: Readonly<Record<string, unknown>>
}

/** How endings are shown; `command` gives the words by which `task` was called, for the commands to type next. */
export type ReportOptions = { json: boolean; color: boolean; folder: string; command: () => string }

/** Prints how a command ends, and gives its exit code. JSON is one value on stdout, and nothing else is there. */
export function report(streams: Streams, ending: Ending, { json, color, folder, command }: ReportOptions): number {
  const exitCode = exitCodeOf(ending)
  if (json) {
    const value = ending.several
      ? ending.several.map((one) => jsonOf(typedEnding(one, command)))
      : jsonOf(typedEnding(ending, command))
    streams.say('stdout', `${JSON.stringify(value, jsonable)}\n`)
    return exitCode
  }
  const { text = '', failures = [], hint = '' } = typedEnding(ending, command)
  // Node makes a stream when it is first asked for, which takes its time: not for nothing.
  if (text !== '') streams.say('stdout', text)
  if (failures.length > 0) streams.say('stderr', failuresText(failures, { color, folder }))
  if (hint !== '') streams.say('stderr', hint)
  return exitCode
}

/** An ending whose commands to type next are as this one was typed. */
function typedEnding(ending: Ending, command: () => string): Ending {
  const typed = (text: string) => (/^\s*(?:next|mend):/m.test(text) ? textAsTyped(text, command()) : text)
  const { text, hint, failures } = ending
  return {
    ...ending,
    ...(text === undefined ? {} : { text: typed(text) }),
    ...(hint === undefined ? {} : { hint: typed(hint) }),
    ...(failures
      ? { failures: failures.map((failure) => (failure.next ? failureAsTyped(failure, command()) : failure)) }
      : {}),
  }
}

const exitCodeOf = ({ exitCode, outcome }: Ending): number => exitCode ?? exitCodes[outcome]

/** An ending as plain data. */
function jsonOf(ending: Ending): Record<string, unknown> {
  const { task, outcome, result, failures = [], json } = ending
  return {
    ...(task === undefined ? {} : { task }),
    outcome,
    exitCode: exitCodeOf(ending),
    ...json,
    ...(result === undefined ? {} : { result }),
    ...(failures.length === 0 ? {} : { failures }),
  }
}

/** Results may hold what JSON has no form for. */
function jsonable(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Map) return Object.fromEntries(value)
  if (value instanceof Set) return [...value]
  if (value instanceof Error) return { name: value.name, message: value.message }
  return value
}
