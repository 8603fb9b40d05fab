import { type SourceText, type Spot, sourceText } from '../manifest/source-text.ts'
import type { Failure } from '../model/failure.ts'

/** A comment's text without `#`, and where the `#` stands. */
export type EnvComment = { text: string; spot: Spot }

/** One `NAME=value` of an .env file. */
export type EnvEntry = {
  name: string
  value: string
  spot: Spot
  /** The comment at the end of its line. */
  comment?: EnvComment
  /** The comment lines directly above it, from top to bottom. */
  above: EnvComment[]
  /** The entry as written, from the name to the end of its value: quotes kept, `export` and comment left out. */
  written: string
  /** Line numbers, from 1, of the entry (a quoted value may go over several lines). */
  lines: [first: number, last: number]
}

/** An .env file as read: every name once (the first), in order. */
export type EnvFile = { file: string; entries: EnvEntry[]; failures: Failure[] }

/** `secret`: its lines are values that nobody may see, so failures show the name at most. */
export type EnvFileOptions = { secret: boolean }

/**
 * Reads an .env file: lines `NAME=value`, optionally after `export `, spaces around `=` allowed. A value without quotes ends at ` #` and is
 * trimmed; in single quotes it is as written; in double quotes `\n \r \t \" \\ \$` are read; quoted ones may go over several lines. Nothing is
 * expanded. Failures: `invalid-env-line`, `duplicate-env-key`; all of the file at once.
 */
export function parseEnvFile(file: string, raw: string, options: EnvFileOptions): EnvFile {
  const source = sourceText(file, raw)
  const entries: EnvEntry[] = []
  const failures: Failure[] = []
  const { text } = source
  let above: EnvComment[] = []
  let at = 0

  const fail = (offset: number, code: string, message: string, why?: string) => {
    const { place, source: line } = source.spot(offset)
    failures.push({
      code,
      message,
      place,
      source: options.secret ? concealed(line) : line,
      ...(why !== undefined && { why }),
      outcome: 'unchanged',
    })
  }

  while (at < text.length) {
    const end = lineEnd(text, at)
    const line = text.slice(at, end)
    const start = at
    at = end + 1
    if (/^\s*$/.test(line)) {
      above = []
      continue
    }
    const comment = /^\s*#(.*)$/.exec(line.trimEnd())
    if (comment) {
      above.push({ text: (comment[1] as string).trim(), spot: source.spot(start + line.indexOf('#')) })
      continue
    }
    const head = /^(\s*(?:export[ \t]+)?)([A-Za-z_][A-Za-z0-9_]*)([ \t]*)=([ \t]*)/.exec(line)
    if (!head) {
      const column = line.length - line.trimStart().length
      fail(start + column, 'invalid-env-line', 'not a line of the form NAME=value', 'comments begin with #')
      above = []
      continue
    }
    const nameAt = start + (head[1] as string).length
    const valueAt = start + head[0].length
    const name = head[2] as string
    const read = readValue(text, valueAt)
    if ('mistake' in read) {
      fail(read.at, 'invalid-env-line', `${name}: ${read.mistake}`)
      if (read.resume !== undefined) at = read.resume
      above = []
      continue
    }
    at = read.end + 1
    const entry: EnvEntry = {
      name,
      value: read.value,
      spot: source.spot(nameAt),
      ...(read.commentAt !== undefined && { comment: commentAt(source, read.commentAt, read.end) }),
      above,
      written: text.slice(nameAt, read.valueEnd).trimEnd(),
      lines: [lineOf(source, start), lineOf(source, Math.max(read.valueEnd - 1, start))],
    }
    above = []
    const earlier = entries.find((other) => other.name === name)
    if (earlier) {
      fail(nameAt, 'duplicate-env-key', `${name} is there twice`, `it is in line ${earlier.spot.place.line} already`)
    } else entries.push(entry)
  }
  return { file, entries, failures }
}

type ReadValue = { value: string; commentAt?: number; valueEnd: number; end: number }
type Mistake = { mistake: string; at: number; resume?: number }

function readValue(text: string, at: number): ReadValue | Mistake {
  const quote = text[at]
  if (quote !== '"' && quote !== "'") return readPlain(text, at)
  let value = ''
  let position = at + 1
  for (; position < text.length && text[position] !== quote; position += 1) {
    const escaped = quote === '"' && text[position] === '\\' ? escapes[text[position + 1] ?? ''] : undefined
    if (escaped !== undefined) position += 1
    value += escaped ?? text[position]
  }
  if (position >= text.length) return { mistake: `no closing ${quote} for this quote`, at }
  const end = lineEnd(text, position)
  const rest = text.slice(position + 1, end).replace(/\r$/, '')
  const tail = /^[ \t]*(?:#(.*))?$/.exec(rest)
  if (!tail) {
    const column = rest.length - rest.trimStart().length
    return { mistake: `unexpected text after the closing ${quote}`, at: position + 1 + column, resume: end + 1 }
  }
  return {
    value: value.replaceAll('\r\n', '\n'),
    ...(tail[1] !== undefined && { commentAt: position + 1 + rest.indexOf('#') }),
    valueEnd: position + 1,
    end,
  }
}

const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\', $: '$' }

function readPlain(text: string, at: number): ReadValue {
  const end = lineEnd(text, at)
  const rest = text.slice(at, end)
  const mark = rest.startsWith('#') ? 0 : rest.search(/[ \t]#/)
  const value = (mark < 0 ? rest : rest.slice(0, mark)).trim()
  if (mark < 0) return { value, valueEnd: at + value.length, end }
  return { value, commentAt: at + rest.indexOf('#', mark), valueEnd: at + value.length, end }
}

const lineEnd = (text: string, at: number): number => {
  const end = text.indexOf('\n', at)
  return end < 0 ? text.length : end
}

const commentAt = (source: SourceText, at: number, end: number): EnvComment => ({
  text: source.text.slice(at + 1, end).trim(),
  spot: source.spot(at),
})

const lineOf = (source: SourceText, offset: number): number => source.spot(offset).place.line as number

/** A line of which only a name may be shown. */
function concealed(line: string): string {
  const head = /^\s*(?:export[ \t]+)?[A-Za-z_][A-Za-z0-9_]*[ \t]*=/.exec(line)
  return `${head ? head[0] : ''}[redacted]`
}
