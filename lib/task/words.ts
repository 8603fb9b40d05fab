import type { Failure } from '../model/failure.ts'
import { nearest } from '../model/nearest.ts'
import { type ArgumentEntry, type ArgumentTable, takesValue } from './argument-table.ts'
import { isCalledSecret } from './shown-arguments.ts'

/** A value as it was typed, and what it was typed for (`--channel`, `environment`). */
export type Typed = { text: string; as: string }

/** What the words of a command line say, before values are read. */
export type Words = {
  /** Texts by argument; a flag has `true` or `false`; empty for an option whose value is missing, which is a failure already. */
  given: Map<string, Typed[]>
  /** `--help` or `-h` was among them, and the task has no such argument. */
  help: boolean
  failures: Failure[]
  /** The words from the one that begins the next task; empty when none does. */
  next: readonly string[]
}

/**
 * Tells the words behind a task's name apart: `--name value`, `--name=value`, `-n value`, `-n=value`, `-nvalue`, `-abc` for flags,
 * `--no-flag`, positionals in between; behind `--` all are positionals. A word that begins with `-` is taken as the value of an
 * option only when written `--name=-x`, or when it is a number for a number: otherwise a forgotten value would eat an option.
 * @param beginsNext whether a word that stands where no positional is left, and not behind `--`, begins the next task; none does by default
 */
export function splitWords(
  table: ArgumentTable,
  argv: readonly string[],
  beginsNext: (word: string) => boolean = () => false,
): Words {
  const words: Words = { given: new Map(), help: false, failures: [], next: [] }
  const isFull = () =>
    positionals.length >= table.positionals.length && table.positionals.at(-1)?.specification.repeated === undefined
  const positionals: string[] = []
  const rest = [...argv]
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') positionals.push(...rest.splice(0))
    else if (word.startsWith('--')) takeLong(table, words, word, rest)
    else if (/^-[^-]/.test(word) && !isNumberFor(table.positionals[positionals.length], word)) {
      takeShort(table, words, word, rest)
    } else if (isFull() && beginsNext(word)) words.next = [word, ...rest.splice(0)]
    else positionals.push(word)
  }
  placePositionals(table, words, positionals)
  return words
}

const isNumberFor = (entry: ArgumentEntry | undefined, word: string): boolean =>
  entry?.specification.kind === 'number' && /^-[.\d]/.test(word)

function takeLong(table: ArgumentTable, words: Words, word: string, rest: string[]): void {
  const [, name, value] = /^--([^=]*)(?:=(.*))?$/s.exec(word) as unknown as [string, string, string | undefined]
  const found = table.long.get(name)
  if (!found && name === 'help' && value === undefined) words.help = true
  else if (!found && table.undeclared) takeUndeclared(words, table.undeclared, name, value, rest)
  else if (!found) words.failures.push(unknownFlag(table, `--${name}`))
  else if (found.negated && value !== undefined) {
    words.failures.push({ code: 'invalid-value', message: `--${name} takes no value`, outcome: 'usage' })
  } else if (found.negated) give(words, found.entry, { text: 'false', as: `--${name}` })
  else take(words, found.entry, `--${name}`, value, rest)
}

/** A flag that only the task knows: its value is read as that of any option, and kept as `name=value`. */
function takeUndeclared(words: Words, entry: ArgumentEntry, name: string, value: string | undefined, rest: string[]) {
  const before = words.given.get(entry.key)?.length ?? 0
  take(words, entry, `--${name}`, value, rest)
  const typed = words.given.get(entry.key)?.[before]
  if (typed) typed.text = `${name}=${typed.text}`
}

function takeShort(table: ArgumentTable, words: Words, word: string, rest: string[]): void {
  for (let at = 1; at < word.length; at += 1) {
    const letter = word[at] as string
    const entry = table.short.get(letter)
    if (!entry) {
      if (letter === 'h' && word === '-h') words.help = true
      else words.failures.push(unknownFlag(table, `-${letter}`))
      return
    }
    const behind = word.slice(at + 1)
    if (!takesValue(entry.specification) && !behind.startsWith('=')) {
      take(words, entry, `-${letter}`, undefined, rest)
      continue
    }
    take(words, entry, `-${letter}`, behind === '' ? undefined : behind.replace(/^=/, ''), rest)
    return
  }
}

function take(words: Words, entry: ArgumentEntry, as: string, value: string | undefined, rest: string[]): void {
  const { kind, bare } = entry.specification
  const own = value ?? (kind === 'flag' ? 'true' : bare)
  if (own !== undefined) {
    give(words, entry, { text: own, as })
    return
  }
  const next = rest[0]
  const looksLikeOption = next !== undefined && /^-./.test(next) && !isNumberFor(entry, next)
  if (next === undefined || looksLikeOption) {
    words.failures.push({
      code: 'missing-value',
      message: `${as} needs a value`,
      ...(looksLikeOption ? { why: `${next} looks like a flag; write ${as}=${next} if it is the value` } : {}),
      outcome: 'usage',
    })
    if (!words.given.has(entry.key)) words.given.set(entry.key, [])
    return
  }
  rest.shift()
  give(words, entry, { text: next, as })
}

function give(words: Words, entry: ArgumentEntry, typed: Typed): void {
  const { repeated, kind } = entry.specification
  const before = words.given.get(entry.key)
  if (!before?.length || kind === 'flag') words.given.set(entry.key, [typed])
  else if (repeated) before.push(typed)
  else {
    const texts = `: ${JSON.stringify(before[0]?.text)} and ${JSON.stringify(typed.text)}`
    words.failures.push({
      code: 'repeated-argument',
      message: `${typed.as} is given twice${isCalledSecret(entry.key, entry.specification) ? '' : texts}`,
      outcome: 'usage',
    })
  }
}

function placePositionals(table: ArgumentTable, words: Words, positionals: string[]): void {
  const left = [...positionals]
  for (const entry of table.positionals) {
    const taken = entry.specification.repeated ? left.splice(0) : left.splice(0, 1)
    for (const text of taken) give(words, entry, { text, as: entry.name })
  }
  for (const word of left) {
    words.failures.push({
      code: 'unexpected-argument',
      message: `unexpected argument ${JSON.stringify(word)}`,
      ...closest(word, longNames(table)),
      outcome: 'usage',
    })
  }
}

/** The long flags as help shows them: the camelCase names are accepted, but not proposed. */
const longNames = (table: ArgumentTable): string[] =>
  [...table.long].filter(([name, { entry }]) => name !== entry.key || name === entry.name).map(([name]) => `--${name}`)

function unknownFlag(table: ArgumentTable, flag: string): Failure {
  return {
    code: 'unknown-flag',
    message: `unknown flag ${flag}`,
    ...(flag.startsWith('--') ? closest(flag, [...longNames(table), '--help']) : {}),
    outcome: 'usage',
  }
}

function closest(word: string, candidates: string[]): { nearest?: string } {
  const found = nearest(word, candidates)
  return found === undefined ? {} : { nearest: found }
}
