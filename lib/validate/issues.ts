import type { z } from 'zod'
import type { Path, YamlFile } from '../manifest/yaml-file.ts'
import type { Failure } from '../model/failure.ts'
import { nearest } from '../model/nearest.ts'
import { durationPattern, namePattern, variablePattern } from '../model/values.ts'
import { knownKeys } from './schema-walk.ts'

type Issue = z.core.$ZodIssue

/**
 * Checks a file's value (or `input` in its place: the value without a part) against its schema. Returns the value with defaults filled in, or a failure at the exact place of every
 * mistake: unknown keys at the key, wrong values at the value, missing keys at what should have them. Codes: `unknown-key`,
 * `missing-key`, `wrong-type`, `invalid-value`, `invalid-name`, `invalid-duration`, `out-of-range`, `empty-list`, `unsupported-platform`.
 * `section` is the key of the first level that the mistake is in.
 */
export function checkAgainst<S extends z.ZodType>(
  schema: S,
  file: YamlFile,
  input: unknown = file.value,
): { value?: z.output<S>; mistakes: Mistake[] } {
  if (file.value === undefined) return { mistakes: [] }
  const result = schema.safeParse(input)
  if (result.success) return { value: result.data, mistakes: [] }
  const mistakes = result.error.issues.flatMap((issue) =>
    translate(issue, [], { schema, file, input }).map((failure) => ({ failure, section: issue.path[0] })),
  )
  return { mistakes }
}

/** A failure of structure, with the key of the first level that it is in; undefined when it is the file's own. */
export type Mistake = { failure: Failure; section: PropertyKey | undefined }

type Context = { schema: z.core.$ZodType; file: YamlFile; input: unknown }

function translate(issue: Issue, base: Path, context: Context): Failure[] {
  const path = [...base, ...(issue.path as (string | number)[])]
  const { file } = context
  const value = valueAt(context.input, path)
  const name = dotted(path)
  const wrong = (code: string, message: string, extra: Partial<Failure> = {}): Failure[] => [
    { code, message, ...file.valueSpot(path), ...extra, outcome: 'unchanged' },
  ]

  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(key, path, context))
  if (value === undefined && path.length > 0) return [missingKey(issue, path, context)]
  switch (issue.code) {
    case 'invalid_type':
      return wrong('wrong-type', `${name} must be ${article(issue.expected)}, not ${kindOf(value)}`)
    case 'invalid_value':
      if (value === null) return wrong('wrong-type', `${name} is empty`, choice(value, issue.values.map(String)))
      return wrong(
        path.length === 1 && path[0] === 'platform' ? 'unsupported-platform' : 'invalid-value',
        `${name} cannot be ${quote(value)}`,
        choice(value, issue.values.map(String)),
      )
    case 'invalid_format':
      return wrong(formatCode(issue), `${name} cannot be ${quote(value)}`, { why: formatReason(issue) })
    case 'too_small':
    case 'too_big':
      return wrong(...outOfBounds(issue, name, value))
    case 'invalid_key': {
      const reason = issue.issues[0] as Issue | undefined
      const key = String(path.at(-1))
      return [
        {
          code: 'invalid-name',
          message: `${dotted(path.slice(0, -1))} cannot have the key ${quote(key)}`,
          ...file.keySpot(path),
          ...(reason && { why: formatReason(reason) }),
          outcome: 'unchanged',
        },
      ]
    }
    case 'invalid_union':
      return union(issue, path, context)
    default:
      return wrong('invalid-value', `${name} cannot be ${quote(value)}`, { why: issue.message })
  }
}

/** Of a union that nothing fits, the member that the value was meant for: the one whose outer type is right. */
function union(issue: Extract<Issue, { code: 'invalid_union' }>, path: Path, context: Context): Failure[] {
  const value = valueAt(context.input, path)
  const options = (issue as { options?: unknown[] }).options
  if (issue.errors.length === 0 && options) {
    return [
      {
        code: 'invalid-value',
        message: `${dotted(path)} cannot be ${quote(value)}`,
        ...context.file.valueSpot(path),
        ...choice(value, options.map(String)),
        outcome: 'unchanged',
      },
    ]
  }
  const wrongOuterType = (member: Issue[]) =>
    member.some(({ code, path }) => code === 'invalid_type' && path.length === 0)
  const meant = issue.errors.find((member) => !wrongOuterType(member))
  if (meant) return meant.flatMap((inner) => translate(inner, path, context))
  const expected = issue.errors.flatMap((member) =>
    member.flatMap((inner) => (inner.code === 'invalid_type' ? [article(inner.expected)] : [])),
  )
  return [
    {
      code: 'wrong-type',
      message: `${dotted(path)} must be ${[...new Set(expected)].join(' or ')}, not ${kindOf(value)}`,
      ...context.file.valueSpot(path),
      outcome: 'unchanged',
    },
  ]
}

function unknownKey(key: string, path: Path, { schema, file, input }: Context): Failure {
  const known = knownKeys(schema, path, input)
  const present = Object.keys(Object(valueAt(input, path)))
  const near = nearest(
    key,
    known.filter((name) => !present.includes(name)),
  )
  return {
    code: 'unknown-key',
    message: path.length > 0 ? `unknown key ${quote(key)} in ${dotted(path)}` : `unknown key ${quote(key)}`,
    ...file.keySpot([...path, key]),
    ...(known.length > 0 && { why: `the keys here are ${list(known)}` }),
    ...(near !== undefined && { nearest: near }),
    outcome: 'unchanged',
  }
}

function missingKey(issue: Issue, path: Path, { schema, file, input }: Context): Failure {
  const parent = path.slice(0, -1)
  const key = String(path.at(-1))
  const expected =
    issue.code === 'invalid_value'
      ? `one of ${list(issue.values.map(String))}`
      : issue.code === 'invalid_type'
        ? article(issue.expected)
        : issue.code === 'invalid_union' && Array.isArray((issue as { options?: unknown[] }).options)
          ? `one of ${list((issue as { options?: unknown[] }).options?.map(String) ?? [])}`
          : undefined
  const unknown = Object.keys(Object(valueAt(input, parent))).filter(
    (name) => !knownKeys(schema, parent, input).includes(name),
  )
  const misspelt = nearest(key, unknown)
  return {
    code: 'missing-key',
    message: parent.length > 0 ? `${dotted(parent)} lacks the key ${quote(key)}` : `the key ${quote(key)} is missing`,
    ...file.keySpot(parent),
    ...(misspelt !== undefined
      ? { why: `${quote(misspelt)} may be meant for it` }
      : expected !== undefined && { why: `it must be ${expected}` }),
    outcome: 'unchanged',
  }
}

const codesByPattern = new Map([
  [String(durationPattern), 'invalid-duration'],
  [String(namePattern), 'invalid-name'],
  [String(variablePattern), 'invalid-name'],
])

type FormatIssue = Extract<Issue, { code: 'invalid_format' }>

const formatCode = (issue: FormatIssue): string => codesByPattern.get(String(issue.pattern)) ?? 'invalid-value'

function formatReason(issue: Issue): string {
  if (issue.code === 'invalid_format' && issue.format === 'starts_with')
    return `expected a text that begins with ${quote((issue as { prefix?: string }).prefix)}`
  return issue.message
}

function outOfBounds(
  issue: Extract<Issue, { code: 'too_small' | 'too_big' }>,
  name: string,
  value: unknown,
): [code: string, message: string] {
  const bound = issue.code === 'too_small' ? issue.minimum : issue.maximum
  if (issue.origin === 'array') return ['empty-list', `${name} must have at least one entry`]
  if (issue.origin === 'string') return ['invalid-value', `${name} must not be empty`]
  return ['out-of-range', `${name} must be at ${issue.code === 'too_small' ? 'least' : 'most'} ${bound}, not ${value}`]
}

/** What may stand there instead, and which of it is nearest to what does. */
function choice(value: unknown, valid: string[]): Partial<Failure> {
  const near = typeof value === 'string' ? nearest(value, valid) : undefined
  return {
    why: `expected ${valid.length > 1 ? 'one of ' : ''}${list(valid)}`,
    ...(near !== undefined && { nearest: near }),
  }
}

function valueAt(input: unknown, path: Path): unknown {
  let at = input
  for (const step of path) {
    if (!(at instanceof Object) || !Object.hasOwn(at, step)) return undefined
    at = (at as Record<string | number, unknown>)[step]
  }
  return at
}

/** A path as people write it: `local.ports.http`, `dependencies[1]`. */
export function dotted(path: Path): string {
  if (path.length === 0) return 'the file'
  return path.map((step, index) => (typeof step === 'number' ? `[${step}]` : index > 0 ? `.${step}` : step)).join('')
}

/** Names in a sentence: `a`, `b` and `c`. */
export function list(names: readonly string[]): string {
  const quoted = names.map((name) => `\`${name}\``)
  return quoted.length < 2 ? quoted.join('') : `${quoted.slice(0, -1).join(', ')} and ${quoted.at(-1)}`
}

const quote = (value: unknown): string => `\`${String(value)}\``

const expectations: Record<string, string> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
  null: 'empty',
}

const article = (expected: string): string => expectations[expected] ?? expected

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  if (typeof value === 'string') return `the text ${JSON.stringify(value)}`
  return `${typeof value === 'boolean' ? '' : 'the number '}${value}`
}
