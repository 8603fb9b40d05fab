import type { Spot } from '../manifest/source-text.ts'
import type { Failure } from '../model/failure.ts'
import { nearest } from '../model/nearest.ts'
import { type EnvEntry, type EnvFile, parseEnvFile } from './env-file.ts'

/** The alphabets of generated values. All of them need no escaping in URLs, shells, YAML or .env files. */
const alphabets = {
  alphanumeric: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789',
  hex: '0123456789abcdef',
} as const

/** What an example says about a value that is made up: `# generate: 24`, `# generate: 64 hex`. */
export type Generate = { length: number; alphabet: keyof typeof alphabets }

/** The least length of a generated value: at 12 characters of 62 it has 71 bits. */
const shortest = 12
const longest = 1024

/** An environment's `.env.<name>.example`. */
export type EnvExample = EnvFile & { generate: Map<string, Generate> }

/**
 * Reads an example with its directives. A directive is the comment at the end of an entry's line, or the last line above it: `# generate: 24`
 * stands for 24 random letters and digits, `# generate: 64 hex` for hexadecimal digits. Failures: those of `parseEnvFile`, `invalid-directive`.
 */
export function parseEnvExample(file: string, text: string): EnvExample {
  const parsed = parseEnvFile(file, text, { secret: false })
  const generate = new Map<string, Generate>()
  const failures: Failure[] = []
  for (const entry of parsed.entries) {
    const read = directiveOf(entry)
    if (!read) continue
    if ('mistake' in read) failures.push(invalidDirective(entry, read))
    else generate.set(entry.name, read)
  }
  return { ...parsed, failures: [...parsed.failures, ...failures], generate }
}

type DirectiveMistake = { spot: Spot; mistake: string; why: string; nearest?: string }

function directiveOf(entry: EnvEntry): Generate | DirectiveMistake | undefined {
  for (const comment of [entry.comment, entry.above.at(-1)]) {
    const word = /^([a-z]+)\s*:\s*(.*)$/i.exec(comment?.text ?? '')
    if (!comment || !word || nearest(word[1] as string, ['generate']) === undefined) continue
    const at = { spot: comment.spot }
    if (word[1] !== 'generate') {
      if (!/^\d/.test(word[2] as string)) continue
      return {
        ...at,
        mistake: `unknown directive \`${word[1]}\``,
        why: 'the directive is `generate`',
        nearest: 'generate',
      }
    }
    const parts = /^(\d+)(?:\s+([a-z]+))?$/i.exec((word[2] as string).trim())
    const length = Number(parts?.[1])
    const alphabet = parts?.[2] ?? 'alphanumeric'
    if (!parts || !Object.hasOwn(alphabets, alphabet)) {
      return { ...at, mistake: 'this directive cannot be read', why: 'expected `generate: 24` or `generate: 64 hex`' }
    }
    if (length < shortest || length > longest) {
      return {
        ...at,
        mistake: `a generated value cannot have ${length} characters`,
        why: `expected ${shortest} to ${longest}`,
      }
    }
    return { length, alphabet: alphabet as keyof typeof alphabets }
  }
}

function invalidDirective({ name }: EnvEntry, { spot, mistake, why, nearest }: DirectiveMistake): Failure {
  return {
    code: 'invalid-directive',
    message: `${name}: ${mistake}`,
    ...spot,
    why,
    ...(nearest !== undefined && { nearest }),
    outcome: 'unchanged',
  }
}

/**
 * Makes up a value. `randomBytes(n)` gives n random octets from a cryptographic source. Every character is equally likely: octets beyond
 * the last whole multiple of the alphabet's size are thrown away.
 */
export function generateValue({ length, alphabet }: Generate, randomBytes: (count: number) => Uint8Array): string {
  const characters = alphabets[alphabet]
  const limit = 256 - (256 % characters.length)
  let value = ''
  while (value.length < length) {
    for (const octet of randomBytes(length)) {
      if (octet < limit && value.length < length) value += characters[octet % characters.length]
    }
  }
  return value
}

/** What is to be done to an environment's `.env` file: names in the example's order. `generate` are those of `add` that are made up. */
export type EnvFilePlan = { create: boolean; add: string[]; generate: string[] }

/**
 * What the `.env` file lacks of the example's names. A name that is there keeps its value, also an empty one. `existing` is undefined when there is
 * no file.
 */
export function planEnvFile(exampleText: string, existing: string | undefined): EnvFilePlan {
  const example = parseEnvExample('', exampleText)
  const present = namesIn(existing)
  const add = example.entries.map(({ name }) => name).filter((name) => !present.has(name))
  return { create: existing === undefined, add, generate: add.filter((name) => example.generate.has(name)) }
}

/**
 * The text of the `.env` file after `planEnvFile`'s plan: a new file is the example with generated values filled in; an existing one keeps every
 * byte and gets the missing names at its end, each with the example's comments. `values` has the generated ones by name; a name that the
 * example generates and `values` lacks stays empty.
 */
export function renderEnvFile(
  existing: string | undefined,
  exampleText: string,
  values: ReadonlyMap<string, string>,
): string {
  const example = parseEnvExample('', exampleText)
  if (existing === undefined) return fillIn(exampleText, example, values)
  const present = namesIn(existing)
  const added = example.entries.filter(({ name }) => !present.has(name))
  if (added.length === 0) return existing
  const lines = added.flatMap((entry) => [
    ...entry.above.filter(({ text }) => !isDirective(text)).map(({ text }) => `# ${text}`.trimEnd()),
    written(entry, example, values),
  ])
  const separator = existing === '' || existing.endsWith('\n') ? '' : '\n'
  return `${existing}${separator}${existing === '' ? '' : '\n'}# Added from the example:\n${lines.join('\n')}\n`
}

function fillIn(exampleText: string, example: EnvExample, values: ReadonlyMap<string, string>): string {
  const lines = exampleText.replace(/^\uFEFF/, '').split('\n')
  for (const entry of example.entries) {
    if (!example.generate.has(entry.name)) continue
    const [first, last] = entry.lines
    lines[first - 1] = written(entry, example, values)
    for (let line = first; line < last; line += 1) lines[line] = dropped
    const above = lines[first - 2]
    if (above?.trimStart().startsWith('#') && isDirective(above.trim().slice(1).trim())) lines[first - 2] = dropped
  }
  const text = lines.filter((line) => line !== dropped).join('\n')
  return text.endsWith('\n') ? text : `${text}\n`
}

/** Marks a line that goes; no line of a file holds a line feed. */
const dropped = '\n'

const isDirective = (comment: string): boolean => /^generate\s*:/.test(comment)

function written(entry: EnvEntry, example: EnvExample, values: ReadonlyMap<string, string>): string {
  if (example.generate.has(entry.name)) return `${entry.name}=${values.get(entry.name) ?? ''}`
  return entry.comment === undefined ? entry.written : `${entry.written} # ${entry.comment.text}`
}

function namesIn(text: string | undefined): Set<string> {
  return new Set(text === undefined ? [] : parseEnvFile('', text, { secret: true }).entries.map(({ name }) => name))
}
