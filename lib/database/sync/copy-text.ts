/** COPY's text format (PostgreSQL's documentation, "COPY", File Formats). Rows are read as Latin-1, so that bytes pass as they are. */

const unescaped: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }

/** A field as its text; null for `\N`. */
export function decodeField(field: string): string | null {
  if (field === '\\N') return null
  const plain = field.includes('\\')
    ? field.replace(/\\(.)/gs, (_, letter: string) => unescaped[letter] ?? letter)
    : field
  return Buffer.from(plain, 'latin1').toString('utf8')
}

const escapes: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** A text as a field. */
export function encodeField(text: string | null): string {
  if (text === null) return '\\N'
  const raw = Buffer.from(text, 'utf8').toString('latin1')
  return raw.replace(/[\\\n\r\t]/g, (letter) => escapes[letter] ?? letter)
}

/** The members of an array's text, nested ones flattened: `{a,"b c",NULL}`. */
export function arrayMembers(text: string): (string | null)[] {
  const members: (string | null)[] = []
  mapArray(text, (member) => {
    members.push(member)
    return member
  })
  return members
}

/** An array's text with each member replaced; dimensions and bounds stay. */
export function mapArray(text: string, replace: (member: string | null) => string | null): string {
  // Bounds stand before the braces: [2:3]={a,b}
  const from = text.indexOf('{')
  if (from < 0) return text
  const member = /"((?:[^"\\]|\\.)*)"|([{},])|([^{},"]+)/gs
  const mapped = text
    .slice(from)
    .replace(member, (whole, quoted: string | undefined, mark: string | undefined, plain: string | undefined) => {
      if (mark !== undefined) return whole
      if (plain !== undefined) {
        const value = plain.toUpperCase() === 'NULL' ? null : plain.replace(/\\(.)/gs, '$1')
        return literal(replace(value))
      }
      return literal(replace((quoted ?? '').replace(/\\(.)/gs, '$1')))
    })
  return text.slice(0, from) + mapped
}

const literal = (value: string | null): string => (value === null ? 'NULL' : `"${value.replace(/["\\]/g, '\\$&')}"`)

/** What stands in a JSON value: texts and numbers as texts, and names of members apart. A text that is no JSON has itself alone. */
export function jsonTexts(text: string): { values: string[]; keys: string[] } {
  const values: string[] = []
  const keys = new Set<string>()
  const visit = (value: unknown): void => {
    if (typeof value === 'string' || typeof value === 'number') values.push(String(value))
    else if (Array.isArray(value)) value.forEach(visit)
    else if (value !== null && typeof value === 'object') {
      for (const [key, member] of Object.entries(value)) {
        keys.add(key)
        visit(member)
      }
    }
  }
  try {
    visit(JSON.parse(text))
  } catch {
    return { values: [text], keys: [] }
  }
  return { values, keys: [...keys] }
}

/** Whether a number in JSON is taken for a value of its own (of a phone, of a card) and not for a count: from six digits on. */
export const isLongNumber = (value: string): boolean => value.replace(/\D/g, '').length >= 6

/** A JSON text whose texts and long numbers are replaced; names of members, other numbers and the structure stay. */
export function mapJson(text: string, replace: (leaf: string, isNumber: boolean) => string): string {
  const map = (value: unknown): unknown => {
    if (typeof value === 'string') return replace(value, false)
    if (typeof value === 'number') return isLongNumber(String(value)) ? Number(replace(String(value), true)) : value
    if (Array.isArray(value)) return value.map(map)
    if (value === null || typeof value !== 'object') return value
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, map(member)]))
  }
  return JSON.stringify(map(JSON.parse(text)))
}
