import { isAbsolute, resolve, sep } from 'node:path'
import { FailureError } from '../../model/failure.ts'

/** One part of a pattern between slashes: `**`, a name, or what names are tested with. */
export type Segment =
  | { kind: 'any-depth' }
  | { kind: 'literal'; name: string }
  | { kind: 'glob'; test(name: string): boolean }

/** A pattern, absolute, as its parts from the root folder on. */
export type Pattern = {
  /** As it was written. */
  source: string
  /** Begins with `!`: what it matches is left out. */
  negative: boolean
  segments: readonly Segment[]
  /** Folders that `*` and `**` do not enter, because the pattern does not name them. */
  closed: ReadonlySet<string>
}

/** Folders that only a pattern that names them enters. */
const closedFolders = ['node_modules', '.git', '.ops'] as const

/**
 * Reads patterns: `*`, `?`, `[a-z]`, `{a,b}`, `**` for folders of any depth; names that begin with a dot match, too; a folder means all that is in
 * it. `!` in front leaves out what matches, wherever it stands in the list. Throws `FailureError` for what is no pattern.
 *
 * @param folder what relative patterns start from; absolute
 */
export function readPatterns(patterns: readonly string[], folder: string): Pattern[] {
  return patterns.flatMap((source) => {
    const negative = source.startsWith('!')
    return expandBraces(negative ? source.slice(1) : source).map((one) => readPattern(one, source, negative, folder))
  })
}

function readPattern(text: string, source: string, negative: boolean, folder: string): Pattern {
  if (text === '') throw wrong(source, 'it is empty')
  const isFolder = text.endsWith('/')
  const parts = (isFolder ? text.slice(0, -1) : text).split('/').filter((part) => part !== '' && part !== '.')
  // `..` only makes sense ahead of everything: behind a wildcard it would name a folder twice.
  let up = 0
  while (parts[up] === '..') up += 1
  if (parts.indexOf('..', up) >= 0) throw wrong(source, '".." may only stand at its beginning')
  const base = isAbsolute(text) ? '/' : resolve(folder, ...parts.slice(0, up))
  const own = parts.slice(up)
  const segments: Segment[] = [
    ...base
      .split(sep)
      .filter((part) => part !== '')
      .map((name): Segment => ({ kind: 'literal', name })),
    ...own.map((part) => readSegment(part, source)),
  ]
  if (isFolder || own.length === 0) segments.push({ kind: 'any-depth' })
  const closed = new Set(closedFolders.filter((name) => !own.includes(name)))
  return { source, negative, segments, closed }
}

function readSegment(part: string, source: string): Segment {
  if (part === '**') return { kind: 'any-depth' }
  if (!/[*?[\\]|[@+!]\(/.test(part)) return { kind: 'literal', name: part }
  if (/[@+!?*]\(/.test(part)) throw wrong(source, 'alternatives are written {a,b}, not with parentheses')
  if (part === '*') return { kind: 'glob', test: () => true }
  const suffix = /^\*([^*?[\]\\]+)$/.exec(part)?.[1]
  if (suffix !== undefined) return { kind: 'glob', test: (name) => name.endsWith(suffix) }
  const expression = compile(expressionOf(part, source), source)
  return { kind: 'glob', test: (name) => expression.test(name) }
}

function compile(expression: string, source: string): RegExp {
  try {
    return new RegExp(`^${expression}$`, 's')
  } catch {
    throw wrong(source, 'what stands in "[…]" is no range of characters')
  }
}

/** The regular expression of a name with `*`, `?`, `[…]` and `\` before what is meant literally. */
function expressionOf(part: string, source: string): string {
  let text = ''
  for (let at = 0; at < part.length; at += 1) {
    const character = part[at] as string
    if (character === '*') text += '.*'
    else if (character === '?') text += '.'
    else if (character === '\\' && at + 1 < part.length) {
      at += 1
      text += escaped(part[at] as string)
    } else if (character === '[') {
      const end = part.indexOf(']', at + 2)
      if (end < 0) throw wrong(source, '"[" has no "]"')
      const inner = part.slice(at + 1, end).replace(/^!/, '^')
      text += `[${inner.replace(/[\\\][]/g, '\\$&')}]`
      at = end
    } else text += escaped(character)
  }
  return text
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')

/** `a/{b,c}` → `a/b`, `a/c`; braces may be nested; a pair without a comma stands for itself. */
export function expandBraces(text: string): string[] {
  const open = firstBrace(text)
  if (open < 0) return [text]
  const commas: number[] = []
  let depth = 0
  for (let at = open; at < text.length; at += 1) {
    const character = text[at]
    if (character === '\\') at += 1
    else if (character === '{') depth += 1
    else if (character === ',' && depth === 1) commas.push(at)
    else if (character === '}') {
      depth -= 1
      if (depth > 0) continue
      const head = text.slice(0, open)
      const tails = expandBraces(text.slice(at + 1))
      if (commas.length === 0) return tails.map((tail) => text.slice(0, at + 1) + tail)
      const ends = [...commas, at]
      return ends.flatMap((end, index) => {
        const from = index === 0 ? open : (ends[index - 1] as number)
        return expandBraces(text.slice(from + 1, end)).flatMap((inner) => tails.map((tail) => head + inner + tail))
      })
    }
  }
  return [text]
}

/** Where the first brace is that is not meant literally; -1 where there is none. */
function firstBrace(text: string): number {
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '{') return at
    if (text[at] === '\\') at += 1
  }
  return -1
}

/** The pattern that matches this path and no other. */
export const literalPattern = (path: string): string => path.replace(/[*?[\]{}()\\]/g, '\\$&')

const wrong = (source: string, why: string): FailureError =>
  new FailureError({
    code: 'bad-pattern',
    message: `${JSON.stringify(source)} is no pattern of files: ${why}`,
    outcome: 'unchanged',
  })
