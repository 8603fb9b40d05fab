import { parseDuration } from '../../model/duration.ts'
import { type Failure, failed, ok, type Result } from '../../model/failure.ts'
import { nearest } from '../../model/nearest.ts'
import { type ParameterType, parameterTypes, placeholders, readParameter } from './parameters.ts'

/** The folders of `database/queries`. */
export const queryFolders = ['diagnostics', 'analytics', 'utilities'] as const
/** One of `queryFolders`. */
export type QueryFolder = (typeof queryFolders)[number]

/** A parameter as the header declares it: `-- parameter: days integer = 7  How many days`. */
export type QueryParameter = {
  name: string
  type: ParameterType
  /** Null: NULL, so that it may be left out. */
  default?: string | null
  description?: string
}

/** A query with a name: its header and its text, in which `:name` stands for a parameter, as in psql. */
export type Query = {
  name: string
  folder: QueryFolder
  /** The file, relative to the workspace; absent for those that come with the product. */
  path?: string
  text: string
  sha256: string
  description: string
  readOnly: boolean
  parameters: QueryParameter[]
  /** What the server allows it, in milliseconds. */
  timeoutMs: number
  /** Whose rights it has: the role that owns the database, or its administrator, who sees what other sessions do. */
  as: 'owner' | 'administrator'
}

const keys = ['name', 'description', 'read-only', 'parameter', 'timeout', 'as'] as const
type Key = (typeof keys)[number]
/** Flags of `task query` itself, which cannot be parameters of a query. */
const reserved = [
  'environment',
  'platform',
  'format',
  'timeout',
  'max-rows',
  'param',
  'dry-run',
  'plan',
  'plan-out',
  'yes',
]
const reservedToo = ['confirm', 'json', 'help', 'e']
const defaultTimeoutMs = 30_000

/**
 * Reads a query: comment lines `-- key: value` at the head of its text, then one statement. Diagnostics run as the administrator and all
 * others as the database's owner, unless `as:` says otherwise. Failures: `query-header`, with every mistake and its line.
 *
 * @param file the name to show, and where mistakes are placed
 */
export function parseQuery(
  text: string,
  at: { name: string; folder: QueryFolder; file: string; sha256: string },
): Result<Query> {
  const failures: Failure[] = []
  const said = new Map<Key, string>()
  const parameters: QueryParameter[] = []
  for (const [index, line] of text.split('\n').entries()) {
    if (!/^\s*(--|$)/.test(line)) break
    const [, word = '', value = ''] = /^\s*--\s*([A-Za-z][A-Za-z-]*):\s*(.*?)\s*$/.exec(line) ?? []
    if (word === '') continue
    const wrong = (message: string, near?: string) =>
      failures.push({
        code: 'query-header',
        message,
        place: { file: at.file, line: index + 1, column: line.indexOf(word) + 1 },
        source: line,
        ...(near === undefined ? {} : { nearest: near }),
        outcome: 'unchanged',
      })
    const key = word.toLowerCase() as Key
    if (!keys.includes(key)) {
      const near = nearest(word, keys)
      // Any other `word:` is a comment.
      if (near !== undefined) wrong(`${word} is nothing that the header of a query says`, near)
    } else if (key === 'parameter') {
      const read = readDeclaration(value)
      if (typeof read === 'string') wrong(read)
      else if (parameters.some(({ name }) => name === read.name)) wrong(`the parameter ${read.name} is declared twice`)
      else parameters.push(read)
    } else if (said.has(key)) wrong(`${key} is said twice`)
    else {
      said.set(key, value)
      const mistake = mistakeIn(key, value, at.name)
      if (mistake !== undefined) wrong(mistake)
    }
  }
  failures.push(...undeclared(text, parameters, at.file))
  const [first, ...rest] = failures
  if (first) return failed(first, ...rest)
  return ok({
    name: at.name,
    folder: at.folder,
    text,
    sha256: at.sha256,
    description: said.get('description') ?? '',
    readOnly: said.get('read-only') !== 'false',
    parameters,
    timeoutMs: parseDuration(said.get('timeout') ?? '') ?? defaultTimeoutMs,
    as: (said.get('as') as Query['as']) ?? (at.folder === 'diagnostics' ? 'administrator' : 'owner'),
  })
}

function mistakeIn(key: Key, value: string, name: string): string | undefined {
  switch (key) {
    case 'name':
      return value === name ? undefined : `the file is called ${name}, the header says ${value}`
    case 'read-only':
      return /^(true|false)$/.test(value) ? undefined : 'read-only is true or false'
    case 'timeout':
      return (parseDuration(value) ?? 0) > 0 ? undefined : 'timeout is a duration like 30s or 5m'
    case 'as':
      return /^(owner|administrator)$/.test(value) ? undefined : 'as is owner or administrator'
    default:
      return undefined
  }
}

const declaration = /^([a-z][a-z0-9_]*)\s+([a-z]+)(?:\s*=\s*('(?:[^']|'')*'|\S+))?(?:\s+(.*))?$/

/** A parameter's declaration, or what is wrong with it. */
function readDeclaration(value: string): QueryParameter | string {
  const [, name = '', type = '', preset, description] = declaration.exec(value) ?? []
  if (name === '') return 'a parameter is declared as: name type, or name type = default, then what it is for'
  if (!parameterTypes.includes(type as ParameterType)) {
    return `${type} is no type of a parameter: ${parameterTypes.join(', ')}`
  }
  if ([...reserved, ...reservedToo].includes(name.replaceAll('_', '-'))) {
    return `--${name} is a flag of task query itself: give the parameter another name`
  }
  const text = preset?.startsWith("'") ? preset.slice(1, -1).replaceAll("''", "'") : preset
  const isNull = preset?.toLowerCase() === 'null'
  if (text !== undefined && !isNull && !readParameter(type as ParameterType, text)) return `${text} is no ${type}`
  return {
    name,
    type: type as ParameterType,
    ...(text === undefined ? {} : { default: isNull ? null : text }),
    ...(description === undefined ? {} : { description }),
  }
}

function undeclared(text: string, parameters: readonly QueryParameter[], file: string): Failure[] {
  const names = parameters.map(({ name }) => name)
  const used = new Set<string>()
  const failures: Failure[] = []
  for (const { name, start } of placeholders(text)) {
    used.add(name)
    if (names.includes(name)) continue
    const before = text.slice(0, start)
    const near = nearest(name, names)
    failures.push({
      code: 'query-header',
      message: `:${name} is no parameter that the header declares`,
      place: { file, line: before.split('\n').length, column: start - before.lastIndexOf('\n') },
      ...(near === undefined ? { next: [`-- parameter: ${name} text`] } : { nearest: near }),
      outcome: 'unchanged',
    })
  }
  for (const name of names) {
    if (used.has(name)) continue
    failures.push({
      code: 'query-header',
      message: `the parameter ${name} is declared and nowhere used`,
      place: { file },
      outcome: 'unchanged',
    })
  }
  return failures
}
