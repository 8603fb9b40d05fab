/** The types of parameters; each is PostgreSQL's type of that name. */
export const parameterTypes = [
  'integer',
  'bigint',
  'numeric',
  'text',
  'boolean',
  'date',
  'timestamptz',
  'interval',
  'uuid',
] as const
/** One of `parameterTypes`. */
export type ParameterType = (typeof parameterTypes)[number]

const forms: Partial<Record<ParameterType, RegExp>> = {
  integer: /^[+-]?\d{1,10}$/,
  bigint: /^[+-]?\d{1,19}$/,
  numeric: /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i,
  boolean: /^(true|false|on|off|yes|no|1|0)$/i,
  date: /^\d{4}-\d{2}-\d{2}$/,
  uuid: /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i,
}

/** Whether a text can be a value of a type. What has no simple form (intervals, timestamps) is left to the server. */
export const readParameter = (type: ParameterType, text: string): boolean =>
  (forms[type]?.test(text) ?? true) &&
  (type !== 'integer' || Math.abs(Number(text)) < 2 ** 31) &&
  (type !== 'date' || isDay(text))

/** Whether the calendar has the day: 2026-02-30 is none. */
function isDay(text: string): boolean {
  const at = new Date(`${text}T00:00:00Z`)
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text)
}

/** Where a text has `:name` or `:'name'`, as psql would replace it: neither in quotes nor in comments, nor in a cast (`::`). */
export function placeholders(text: string): { name: string; start: number; end: number }[] {
  const found: { name: string; start: number; end: number }[] = []
  const pattern =
    /--[^\n]*|\/\*|[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|(\$(?:[A-Za-z_]\w*)?\$)[\s\S]*?\1|::|:'([a-z][a-z0-9_]*)'|:([a-z][a-z0-9_]*)|[A-Za-z_][\w$]*/g
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    if (match[0] === '/*') pattern.lastIndex = endOfComment(text, match.index)
    const name = match[2] ?? match[3]
    if (name !== undefined) found.push({ name, start: match.index, end: pattern.lastIndex })
  }
  return found
}

/** Behind a block comment; they nest in PostgreSQL. */
function endOfComment(text: string, start: number): number {
  let depth = 0
  for (const { 0: mark, index } of text.slice(start).matchAll(/\/\*|\*\//g)) {
    depth += mark === '/*' ? 1 : -1
    if (depth === 0) return start + index + 2
  }
  return text.length
}

/** A text with the server's parameters in the place of names, and which of its offsets is which of the text's. */
export type Bound = {
  sql: string
  values: (string | null)[]
  /** The offset in the query's text of an offset in `sql`. */
  offset(at: number): number
}

/** Replaces `:name` by `$1::type`: values go to the server beside the statement and never into it. */
export function bind(
  text: string,
  parameters: readonly { name: string; type: ParameterType }[],
  values: Readonly<Record<string, string | null>>,
): Bound {
  let sql = ''
  let from = 0
  const shifts: { at: number; by: number }[] = []
  for (const { name, start, end } of placeholders(text)) {
    const index = parameters.findIndex((one) => one.name === name)
    sql += `${text.slice(from, start)}$${index + 1}::${parameters[index]?.type ?? 'text'}`
    from = end
    shifts.push({ at: sql.length, by: end - sql.length })
  }
  sql += text.slice(from)
  return {
    sql,
    values: parameters.map(({ name }) => values[name] ?? null),
    offset: (at) => at + (shifts.findLast((shift) => shift.at <= at)?.by ?? 0),
  }
}

/** Replaces `:name` by a literal of its type. */
export function inline(
  text: string,
  parameters: readonly { name: string; type: ParameterType }[],
  values: Readonly<Record<string, string | null>>,
): string {
  let sql = ''
  let from = 0
  for (const { name, start, end } of placeholders(text)) {
    const type = parameters.find((one) => one.name === name)?.type ?? 'text'
    const value = values[name] ?? null
    // Backslashes are plain in it, whatever standard_conforming_strings says.
    const literal = value === null ? 'null' : `e'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
    sql += `${text.slice(from, start)}(${literal}::${type})`
    from = end
  }
  return sql + text.slice(from)
}
