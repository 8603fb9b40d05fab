import { parseDuration } from '../model/duration.ts'
import type { Failure } from '../model/failure.ts'
import { nearest } from '../model/nearest.ts'
import { argumentTable } from './argument-table.ts'
import { type AnyDefinition, type CommandsDefinition, isTask, type Task } from './definition.ts'
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

type Problem = string | { message: string; nearest: string }

/** What is wrong with a task's definition, its commands' included. */
export function definitionFailures(name: string, task: Task): Failure[] {
  const own = problemsOf(task).map((problem): Failure => {
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

function problemsOf({ definition }: Task): Problem[] {
  const found: Problem[] = []
  const keys: Readonly<Record<string, true>> = 'commands' in definition ? commandsKeys : taskKeys
  for (const key in definition) {
    if (Object.hasOwn(keys, key)) continue
    const near = nearest(key, Object.keys(keys))
    const message = `a definition has no ${JSON.stringify(key)}`
    found.push(near === undefined ? message : { message, nearest: near })
  }
  const { args, timeout, retry, platforms, mutex, folder, dotenv, deprecated, when, preconditions } = definition
  if (typeof definition.run !== 'function') found.push('run: expected a function')
  if (args !== undefined) found.push(...argumentTable(args).problems)
  found.push(...durationProblems('timeout', timeout), ...retryProblems(retry))
  for (const system of platforms ?? []) {
    if (systems.includes(system)) continue
    const near = nearest(system, systems)
    const message = `platforms: Node knows no system ${JSON.stringify(system)}`
    found.push(near === undefined ? message : { message, nearest: near })
  }
  for (const [key, value] of Object.entries({ mutex, dotenv })) {
    if (value !== undefined && !isTexts(value) && !(key === 'mutex' && typeof value === 'string')) {
      found.push(`${key}: expected texts, got ${JSON.stringify(value)}`)
    }
  }
  for (const [key, value] of Object.entries({ folder, deprecated })) {
    if (value !== undefined && typeof value !== 'string') found.push(`${key}: expected a text`)
  }
  if (when !== undefined && typeof when !== 'function') found.push('when: expected a function')
  for (const one of preconditions ?? []) {
    if (typeof one?.check !== 'function' || one.message === undefined) {
      found.push('preconditions: expected { check: function, message: text }')
    }
  }
  for (const kind of ['needs', 'finally'] as const) {
    const needs: Readonly<Record<string, unknown>> | undefined = definition[kind]
    for (const key in needs)
      if (!isNeed(needs[key])) found.push(`${kind}: ${key} is no task${undefinedHint(needs[key])}`)
  }
  return found
}

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
