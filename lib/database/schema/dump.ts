import { loadParser, parseScript, type Statement } from '../sql/parser.ts'

const title = `-- The schema that the migrations make: written by task migrate from what pg_dump says, and only when that changes.
-- It is there to be read and compared; nothing is made from it.
`

/** What pg_dump frames its output with for psql (from 17.6, 16.10, 15.14 on); the word differs each time. */
const frame = /^\\(?:un)?restrict [0-9A-Za-z]+$/
/** It stands this close to the beginning and to the end; elsewhere such a line is part of a function. */
const frameLines = 8

/**
 * A dump of a schema as text that changes only when the schema does: without pg_dump's comments, versions, settings and frame, which differ from client to
 * client and from one time to the next.
 *
 * @param dump what `pg_dump --schema-only` wrote
 */
export async function normaliseDump(dump: string): Promise<string> {
  const lines = dump.split('\n')
  const isFrame = (line: string, index: number) =>
    (index < frameLines || index >= lines.length - frameLines) && frame.test(line)
  const text = lines.map((line, index) => (isFrame(line, index) ? '' : line)).join('\n')
  const statements = parseScript(await loadParser(), text).filter((statement) => !isSetting(statement))
  return [title, ...statements.map((statement) => `${statement.text.replace(/;$/, '')};\n`)].join('\n')
}

/** `SET …`, and `SELECT pg_catalog.set_config('search_path', '', false)`: pg_dump has no other SELECT. */
const isSetting = ({ kind, problem, text }: Statement): boolean =>
  kind === 'VariableSetStmt' || kind === 'SelectStmt' || (problem !== undefined && /^(SET|SELECT)\s/.test(text))
