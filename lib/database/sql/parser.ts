import { type Lexed, lexSql } from './lexer.ts'
import { byteOffsets, characterOffset } from './positions.ts'

/** The PostgreSQL whose grammar the parser has: a newer server may know statements that it does not. */
export const parserMajor = 17

/** A node of PostgreSQL's parse tree: `{ IndexStmt: { … } }`. */
export type Node = Record<string, unknown>

/** One statement of a script. Offsets are UTF-16, into the whole text that was parsed. */
export type Statement = {
  text: string
  start: number
  end: number
  /** What it is, as PostgreSQL's parser says; absent when that cannot read it (`problem`). */
  kind?: string
  node?: Node
  /** Rows for COPY … FROM STDIN, and where they begin. */
  data?: { text: string; start: number }
  /** A syntax error, in the words of PostgreSQL's parser, and its offset. */
  problem?: { message: string; offset: number }
}

type Parser = (text: string) => { stmts?: { stmt: Record<string, Node>; stmt_location?: number; stmt_len?: number }[] }

let loading: Promise<Parser> | undefined

/** PostgreSQL 17's own parser, compiled to WebAssembly: about 45 ms to load, so it is loaded when it is needed. */
export function loadParser(): Promise<Parser> {
  loading ??= import('libpg-query').then(async (library) => {
    await library.loadModule()
    return library.parseSync as Parser
  })
  return loading
}

/**
 * Splits a range of a text into statements, by PostgreSQL's own parser; COPY data go with their statement. What the parser cannot read is
 * split as psql does it, and the statements concerned have a `problem` (a newer server may still know them).
 */
export function parseScript(parse: Parser, text: string, from = 0, to = text.length): Statement[] {
  const script = text.slice(from, to)
  const lexed = lexSql(script)
  const statements = parseWhole(parse, withoutData(script, lexed)) ?? parseEach(parse, script, lexed)
  for (const copy of lexed.copies) {
    const owner = lexed.statements[copy.statement]
    const statement = owner && statements.find(({ start }) => start === owner.start)
    if (statement) statement.data = { text: script.slice(copy.dataStart, copy.dataEnd), start: copy.dataStart + from }
  }
  return statements.map((statement) => {
    const sql = script.slice(statement.start, statement.end).trimEnd()
    return {
      ...statement,
      text: sql,
      start: statement.start + from,
      end: statement.start + from + sql.length,
      ...(statement.problem && {
        problem: { ...statement.problem, offset: statement.problem.offset + from },
      }),
    }
  })
}

/** COPY data are no SQL: blanks take their place, so that offsets stay. */
function withoutData(script: string, lexed: Lexed): string {
  let text = script
  for (const { dataStart, end } of lexed.copies) {
    text = text.slice(0, dataStart) + text.slice(dataStart, end).replace(/[^\n]/g, ' ') + text.slice(end)
  }
  return text
}

/** All statements at once; undefined if the parser refuses the text. */
function parseWhole(parse: Parser, script: string): Statement[] | undefined {
  const parsed = attempt(parse, script)
  if ('message' in parsed) return undefined
  const offset = byteOffsets(script)
  const statements: Statement[] = []
  for (const { stmt, stmt_location: location = 0, stmt_len: length } of parsed.stmts ?? []) {
    const begin = offset(location)
    const end = length === undefined ? script.trimEnd().length : offset(location + length)
    const start = begin + blankLength(script.slice(begin, end))
    const [kind, node] = Object.entries(stmt)[0] as [string, Node]
    statements.push({ text: '', start, end, kind, node })
  }
  return statements
}

function parseEach(parse: Parser, script: string, lexed: Lexed): Statement[] {
  return lexed.statements.flatMap(({ start, end }) => {
    const text = script.slice(start, end)
    const parsed = attempt(parse, text)
    const found = 'message' in parsed ? undefined : parsed.stmts?.[0]
    const [kind, node] = found ? (Object.entries(found.stmt)[0] as [string, Node]) : []
    // Only a semicolon.
    if (!('message' in parsed) && found === undefined) return []
    const bare = text.endsWith(';') ? end - 1 : end
    return [
      {
        text: '',
        start,
        end: bare,
        ...(kind !== undefined && node !== undefined && { kind, node }),
        ...('message' in parsed && {
          problem: { message: parsed.message, offset: start + characterOffset(text, parsed.position) },
        }),
      },
    ]
  })
}

function attempt(parse: Parser, script: string): ReturnType<Parser> | { message: string; position: number } {
  try {
    return parse(script)
  } catch (error) {
    const { message, sqlDetails } = error as Error & { sqlDetails?: { cursorPosition: number } }
    return { message, position: Math.max(0, sqlDetails?.cursorPosition ?? 0) }
  }
}

/** The length of white space and comments before the first token. */
function blankLength(text: string): number {
  return lexSql(text).statements[0]?.start ?? 0
}
