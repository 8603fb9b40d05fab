import type { Failure, Result } from '../model/failure.ts'
import { failed, ok } from '../model/failure.ts'
import { nearest } from '../model/nearest.ts'
import { type ArgumentEntry, type ArgumentTable, argumentTable, isNeeded } from './argument-table.ts'
import type { Arguments } from './arguments.ts'
import { isCalledSecret } from './shown-arguments.ts'
import { readValue } from './values.ts'
import { splitWords } from './words.ts'

/** Where arguments are read. */
export type ParseContext = {
  env: Readonly<Record<string, string | undefined>>
  /** Relative paths that a user typed are relative to this folder, */
  folder: string
  /** and those of defaults to this one: the Taskfile's. */
  workspaceFolder: string
}

/** The values of a task's arguments by name, or that its help is wanted. */
export type Parsed = { help: boolean; values: Readonly<Record<string, unknown>> }

/** What the words mean, and the words from the one that begins the next task. */
export type ParsedWords = { parsed: Result<Parsed>; next: readonly string[]; missing: readonly ArgumentEntry[] }

/**
 * Reads the words behind a task's name, with environment variables and defaults for what they do not say. Strict: all that is
 * unknown, missing, doubled or not valid is refused at once, with the nearest name.
 */
export async function parseArguments(
  args: Arguments,
  argv: readonly string[],
  context: ParseContext,
): Promise<Result<Parsed>> {
  return (await parseWords(args, argv, context)).parsed
}

/**
 * The same for words that may go on with another task: `beginsNext` says whether a word begins one, where this one takes no positional
 * (any more). `given` are values that stand in for arguments that are missing, by key; `missing` are those of which neither words nor
 * anything else says a value.
 */
export async function parseWords(
  args: Arguments,
  argv: readonly string[],
  context: ParseContext,
  beginsNext?: (word: string) => boolean,
  given: Readonly<Record<string, readonly string[]>> = {},
): Promise<ParsedWords> {
  const table = argumentTable(args)
  const words = splitWords(table, argv, beginsNext)
  if (words.help) return { parsed: ok({ help: true, values: {} }), next: words.next, missing: [] }
  const missing: ArgumentEntry[] = []
  const read = await readAll(table, context, (entry) => {
    const { key, name, specification } = entry
    const secret = isCalledSecret(key, specification)
    const typed = words.given.get(key) ?? given[key]?.map((text) => ({ text, as: name }))
    if (typed === undefined && isNeeded(entry.specification) && !fallback(entry, context)) missing.push(entry)
    return typed?.map(({ text, as }) => ({ value: text, as, folder: context.folder, secret }))
  })
  const [first, ...rest] = [...words.failures, ...read.failures]
  const parsed = first ? failed(first, ...rest) : ok({ help: false, values: read.values })
  return { parsed, next: words.next, missing }
}

/** Checks the arguments that another task passes; defaults and environment variables as on the command line. */
export async function checkInput(
  args: Arguments,
  input: Readonly<Record<string, unknown>>,
  context: ParseContext,
): Promise<Result<Readonly<Record<string, unknown>>>> {
  const table = argumentTable(args)
  const keys = new Set(table.entries.map(({ key }) => key))
  const failures: Failure[] = Object.keys(input)
    .filter((key) => !keys.has(key))
    .map((key) => {
      const near = nearest(key, keys)
      return {
        code: 'unknown-argument',
        message: `unknown argument ${key}`,
        ...(near === undefined ? {} : { nearest: near }),
        outcome: 'usage',
      }
    })
  const read = await readAll(table, context, ({ key, specification }) => {
    const value = input[key]
    if (value === undefined) return undefined
    const values = specification.repeated && Array.isArray(value) ? value : [value]
    const secret = isCalledSecret(key, specification)
    return values.map((one: unknown) => ({ value: one, as: key, folder: context.folder, secret }))
  })
  const [first, ...rest] = [...failures, ...read.failures]
  return first ? failed(first, ...rest) : ok(read.values)
}

/** A value, where it is from, and the folder of a relative path. `secret`: it must not appear in a message. */
type Source = { value: unknown; as: string; folder: string; secret?: boolean }

async function readAll(
  table: ArgumentTable,
  context: ParseContext,
  given: (entry: ArgumentEntry) => Source[] | undefined,
): Promise<{ values: Record<string, unknown>; failures: Failure[] }> {
  const values: Record<string, unknown> = {}
  const failures: Failure[] = []
  for (const entry of table.entries) {
    const sources = given(entry) ?? fallback(entry, context)
    const result = sources ? await readSources(entry, sources) : absent(entry)
    if (result.ok) values[entry.key] = result.value
    else failures.push(...result.failures)
  }
  return { values, failures }
}

function fallback({ specification }: ArgumentEntry, context: ParseContext): Source[] | undefined {
  const { variable, repeated, default: preset } = specification
  const text = variable === undefined ? undefined : context.env[variable]
  if (text !== undefined && text !== '') {
    const texts = repeated ? text.split(',') : [text]
    return texts.map((value) => ({ value, as: `${variable} (environment)`, folder: context.folder, secret: true }))
  }
  return preset?.values.map((value) => ({ value, as: 'default', folder: context.workspaceFolder }))
}

async function readSources(entry: ArgumentEntry, sources: Source[]): Promise<Result<unknown>> {
  const { specification } = entry
  const values: unknown[] = []
  const failures: Failure[] = []
  for (const source of sources) {
    const result = await readOne(entry, source)
    if (result.ok) values.push(result.value)
    else failures.push(...result.failures)
  }
  const atLeast = specification.repeated?.atLeast ?? 0
  if (failures.length === 0 && values.length < atLeast) return absent(entry, values.length)
  const [first, ...rest] = failures
  if (first) return failed(first, ...rest)
  return ok(specification.repeated ? values : values[0])
}

async function readOne({ specification }: ArgumentEntry, source: Source): Promise<Result<unknown>> {
  const result = readValue(specification, source.value, source)
  if (!result.ok || !specification.schema) return result
  const checked = await specification.schema['~standard'].validate(result.value)
  if (!checked.issues) return ok(checked.value)
  const [first, ...rest] = checked.issues.map(
    ({ message }): Failure => ({
      code: 'invalid-value',
      message: `${source.as}: ${message}${source.secret ? '' : ` (got ${JSON.stringify(source.value)})`}`,
      outcome: 'usage',
    }),
  )
  return first ? failed(first, ...rest) : ok(result.value)
}

function absent({ name, specification }: ArgumentEntry, count = 0): Result<unknown> {
  if (!isNeeded(specification)) return ok(specification.repeated ? [] : undefined)
  const { positional, repeated, variable, choices } = specification
  const called = positional ? `<${name}>` : `--${name}`
  const many = repeated && repeated.atLeast > 1 ? ` (at least ${repeated.atLeast} times, got ${count})` : ''
  const why = [
    choices ? `one of ${choices.join(', ')}` : undefined,
    variable === undefined ? undefined : `may also be set by ${variable} in the environment`,
  ].filter((part) => part !== undefined)
  return failed({
    code: 'missing-argument',
    message: `missing argument ${called}${many}`,
    ...(why.length > 0 ? { why: why.join('; ') } : {}),
    outcome: 'usage',
  })
}
