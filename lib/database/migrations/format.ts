import { type Milliseconds, parseDuration } from '../../model/duration.ts'
import { type Failure, failed, ok, type Place, type Result } from '../../model/failure.ts'
import { nearest } from '../../model/nearest.ts'
import { type Lexed, lexSql } from '../sql/lexer.ts'
import { lineAt, placeAt } from '../sql/positions.ts'

/** A part of a migration's text (UTF-16 offsets) and whether the file allows it a transaction. */
export type Part = { from: number; to: number; transaction: boolean }

/** What a migration's file says besides its SQL. */
export type Format = {
  up: Part
  down?: Part
  /** The header `-- vital-ops: expand|breaking [reason]`. */
  declared?: { effect: 'expand' | 'breaking'; reason: string; place: Place; source: string }
  /** The header `-- vital-ops: statement-timeout 30s`: how long each statement may take, in milliseconds; 0 is as long as it wants. */
  statementTimeoutMs?: Milliseconds
}

type Directive = { word: string; rest: string; start: number; end: number; inBody: boolean }

/**
 * Reads the directives of a migration: dbmate's `-- migrate:up` and `-- migrate:down`, each with `transaction:false` if it says so, and the header
 * `-- vital-ops: expand|breaking [reason]`. A file without directives is all up. Only comments that stand alone on a line
 * and outside quotes count; inside parentheses or function bodies they are an error. Failure `migration-format`, with the place.
 */
export function parseFormat(text: string, file: string): Result<Format> {
  const lexed = lexSql(text)
  const fail = (start: number, message: string, more: Partial<Failure> = {}) =>
    failed({
      code: 'migration-format',
      message,
      place: { file, ...placeAt(text, start) },
      source: lineAt(text, start),
      outcome: 'unchanged',
      ...more,
    })
  if (lexed.unterminated) {
    const { what, start } = lexed.unterminated
    return fail(start, `the ${what} that begins here has no end`)
  }
  const declared = readHeader(text, lexed, file)
  if ('start' in declared) return fail(declared.start, declared.message)

  const timeout = readTimeout(text, lexed)
  if ('start' in timeout) return fail(timeout.start, timeout.message)

  const directives = readDirectives(text, lexed)
  const inside = directives.find(({ inBody }) => inBody)
  if (inside) {
    return fail(inside.start, 'a directive inside parentheses or a function body', {
      why: 'what stands before it is not finished: a parenthesis or an END is missing',
    })
  }
  const wrong = directives.find(({ word }) => word !== 'up' && word !== 'down')
  if (wrong) {
    const near = nearest(wrong.word, ['up', 'down'])
    return fail(
      wrong.start,
      `unknown directive migrate:${wrong.word}`,
      near === undefined ? {} : { nearest: `migrate:${near}` },
    )
  }
  const option = directives.find(({ rest }) => rest !== '' && !/^transaction:(true|false)$/.test(rest))
  if (option) return fail(option.start, `unknown option ${option.rest}: expected transaction:false or nothing`)

  const ups = directives.filter(({ word }) => word === 'up')
  const downs = directives.filter(({ word }) => word === 'down')
  const second = ups[1] ?? downs[1]
  if (second)
    return fail(
      second.start,
      `a second migrate:${second.word}: a migration has one, later parts belong in files of their own`,
    )
  const [up] = ups
  const [down] = downs
  const effect = { ...(declared.found && { declared: declared.found }), ...timeout }
  if (directives.length === 0) return ok({ up: { from: 0, to: text.length, transaction: true }, ...effect })
  if (up === undefined) return fail((down as Directive).start, 'there is a migrate:down but no migrate:up')
  if (down && down.start < up.start) return fail(down.start, 'migrate:down stands before migrate:up')
  const stray = lexed.statements.find(({ start }) => start < up.start)
  if (stray) return fail(stray.start, 'SQL stands before migrate:up, where it would never run')
  return ok({
    up: { from: up.end, to: down?.start ?? text.length, transaction: up.rest !== 'transaction:false' },
    ...(down && { down: { from: down.end, to: text.length, transaction: down.rest !== 'transaction:false' } }),
    ...effect,
  })
}

function readDirectives(text: string, lexed: Lexed): Directive[] {
  return lexed.commentLines.flatMap(({ start, end, inBody }) => {
    const [, word, rest] = /^--\s*migrate:\s*([\w-]+)\s*(.*?)\s*$/.exec(text.slice(start, end)) ?? []
    return word === undefined || rest === undefined ? [] : [{ word, rest, start, end, inBody }]
  })
}

function readTimeout(
  text: string,
  lexed: Lexed,
): Pick<Format, 'statementTimeoutMs'> | { start: number; message: string } {
  const [first, second] = lexed.commentLines.flatMap(({ start, end, inBody }) => {
    const [, value] =
      (!inBody && /^--\s*vital-ops:\s*statement-timeout\b\s*(.*?)\s*$/.exec(text.slice(start, end))) || []
    return value === undefined ? [] : [{ start, value }]
  })
  if (second) return { start: second.start, message: 'a second statement-timeout' }
  if (first === undefined) return {}
  const statementTimeoutMs = first.value === 'none' ? 0 : parseDuration(first.value)
  if (statementTimeoutMs === undefined)
    return { start: first.start, message: 'expected `-- vital-ops: statement-timeout 30s`, or `none`' }
  return { statementTimeoutMs }
}

type Header = { found?: NonNullable<Format['declared']> } | { start: number; message: string }

function readHeader(text: string, lexed: Lexed, file: string): Header {
  const headers = lexed.commentLines.filter(
    ({ start, end, inBody }) =>
      !inBody && /^--\s*vital-ops:(?!\s*(?:ignore|statement-timeout)\b)/.test(text.slice(start, end)),
  )
  const [first, second] = headers
  if (second) return { start: second.start, message: 'a second header vital-ops: a migration has one effect' }
  if (first === undefined) return {}
  const line = text.slice(first.start, first.end)
  const [, effect, reason = ''] = /^--\s*vital-ops:\s*(expand|breaking)\b[\s:,-]*(.*?)\s*$/.exec(line) ?? []
  if (effect !== 'expand' && effect !== 'breaking') {
    return { start: first.start, message: 'expected `-- vital-ops: expand` or `-- vital-ops: breaking`, and a reason' }
  }
  return {
    found: { effect, reason, place: { file, ...placeAt(text, first.start) }, source: lineAt(text, first.start) },
  }
}
