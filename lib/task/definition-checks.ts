import { parseDuration } from '../model/duration.ts'
import type { Failure } from '../model/failure.ts'
import { nearest } from '../model/nearest.ts'
import { argumentTable } from './argument-table.ts'
import { type AnyDefinition, type CommandsDefinition, isTask, noCommands, type Task } from './definition.ts'
import { placed } from './sources.ts'

/** All that a task's definition may say; a new member that is not listed here does not compile. */
const taskKeys = {
  aliases: true,
  args: true,
  confirm: true,
  deprecated: true,
  description: true,
  dotenv: true,
  env: true,
  environment: true,
  finally: true,
  folder: true,
  group: true,
  hidden: true,
  inputs: true,
  mutex: true,
  needs: true,
  outputs: true,
  persistent: true,
  platforms: true,
  preconditions: true,
  record: true,
  render: true,
  retry: true,
  run: true,
  timeout: true,
  when: true,
} satisfies Record<keyof AnyDefinition, true>

const commandsKeys = {
  aliases: true,
  commands: true,
  defaultCommand: true,
  description: true,
  group: true,
  hidden: true,
  record: true,
  run: true,
} satisfies Record<keyof CommandsDefinition<Record<string, Task>> | 'record' | 'run', true>

const systems = [
  'aix',
  'android',
  'cygwin',
  'darwin',
  'freebsd',
  'haiku',
  'linux',
  'netbsd',
  'openbsd',
  'sunos',
  'win32',
]

const none: never[] = []

type Problem = string | { message: string; nearest: string }

/** What is wrong with a task's definition, its commands' included. */
export function definitionFailures(name: string, task: Task): Failure[] {
  const problems = problemsOf(task)
  if (problems === none && task.commands === noCommands) return none
  const own = problems.map((problem): Failure => {
    const { message, ...more } = typeof problem === 'string' ? { message: problem } : problem
    return {
      code: 'bad-definition',
      message: `task ${name}: ${message}`,
      ...more,
      ...placed(task.place),
      outcome: 'unchanged',
    }
  })
  for (const command in task.commands) {
    own.push(...definitionFailures(`${name} ${command}`, task.commands[command] as Task))
  }
  return own
}

function problemsOf({ definition }: Task): readonly Problem[] {
  const keys: Readonly<Record<string, true>> = 'commands' in definition ? commandsKeys : taskKeys
  let found: Problem[] | undefined
  // There may be 50,000 definitions, most of them small: only what is there is looked at.
  for (const key in definition) {
    const wrong = Object.hasOwn(keys, key)
      ? checks[key]?.(definition[key as keyof AnyDefinition])
      : unknownKey(key, keys)
    if (wrong !== undefined && wrong.length > 0) found = [...(found ?? []), ...wrong]
  }
  return typeof definition.run === 'function' ? (found ?? none) : ['run: expected a function', ...(found ?? none)]
}

function unknownKey(key: string, keys: Readonly<Record<string, true>>): Problem[] {
  const near = nearest(key, Object.keys(keys))
  const message = `a definition has no ${JSON.stringify(key)}`
  return [near === undefined ? message : { message, nearest: near }]
}

/** What is wrong with a member's value. */
// biome-ignore lint/suspicious/noExplicitAny: what a Taskfile in JavaScript gives may be anything
const checks: Readonly<Record<string, (value: any) => readonly Problem[]>> = {
  args: (args) => (args === undefined ? none : argumentTable(args).problems),
  timeout: (timeout) => durationProblems('timeout', timeout),
  retry: retryProblems,
  platforms: (platforms) => (platforms ?? none).flatMap(platformProblems),
  mutex: (mutex) => (typeof mutex === 'string' ? none : textsProblems('mutex', mutex)),
  dotenv: (dotenv) => textsProblems('dotenv', dotenv),
  folder: (folder) => textProblems('folder', folder),
  deprecated: (deprecated) => textProblems('deprecated', deprecated),
  when: (when) => (when === undefined || typeof when === 'function' ? none : ['when: expected a function']),
  preconditions: (preconditions) =>
    (preconditions ?? none).flatMap((one: { check?: unknown; message?: unknown } | undefined) =>
      typeof one?.check === 'function' && one.message !== undefined
        ? none
        : ['preconditions: expected { check: function, message: text }'],
    ),
  needs: (needs) => needProblems('needs', needs),
  finally: (needs) => needProblems('finally', needs),
}

function needProblems(kind: string, needs: Readonly<Record<string, unknown>> | undefined): readonly string[] {
  let found: string[] = none
  for (const key in needs) {
    if (!isNeed(needs[key])) found = [...found, `${kind}: ${key} is no task${undefinedHint(needs[key])}`]
  }
  return found
}

function platformProblems(system: string): Problem[] {
  if (systems.includes(system)) return none
  const near = nearest(system, systems)
  const message = `platforms: Node knows no system ${JSON.stringify(system)}`
  return [near === undefined ? message : { message, nearest: near }]
}

const textsProblems = (key: string, value: unknown): string[] =>
  value === undefined || isTexts(value) ? none : [`${key}: expected texts, got ${JSON.stringify(value)}`]

const textProblems = (key: string, value: unknown): string[] =>
  value === undefined || typeof value === 'string' ? none : [`${key}: expected a text`]

const undefinedHint = (value: unknown): string =>
  value === undefined ? '; it is undefined: is it defined further down, or do two files import each other?' : ''

const isNeed = (value: unknown): boolean =>
  isTask(value) || (typeof value === 'object' && value !== null && isTask((value as { task?: unknown }).task))

const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every((one) => typeof one === 'string')

function durationProblems(key: string, value: unknown): string[] {
  if (value === undefined || (typeof value === 'string' && parseDuration(value) !== undefined)) return []
  return [`${key}: expected a duration like 30s or 10m, got ${JSON.stringify(value)}`]
}

function retryProblems(retry: AnyDefinition['retry']): string[] {
  if (retry === undefined) return []
  const { times, backoff } = typeof retry === 'number' ? { times: retry, backoff: undefined } : retry
  const counted = Number.isSafeInteger(times) && times >= 0 ? [] : ['retry: expected how often to try again, from 0']
  return [...counted, ...durationProblems('retry.backoff', backoff)]
}
