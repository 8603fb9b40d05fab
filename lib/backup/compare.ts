import type { Contents } from './contents.ts'

/** What a comparison found: how many of each were compared, and every difference as one line. */
export type Comparison = { compared: Record<string, number>; differences: string[] }

/** What is left out of a comparison. */
export type CompareOptions = {
  /** Owners and privileges were mapped, or their roles are not there. */
  owners: boolean
  /** Only these tables were restored. */
  tables?: readonly string[]
}

/** Compares what was restored with what was written down when the backup was taken. Pure. */
export function compareContents(recorded: Contents, restored: Contents, options: CompareOptions): Comparison {
  const differences: string[] = []
  const compared: Record<string, number> = {}
  const only = options.tables && new Set(options.tables)
  const tables = recorded.tables.filter(({ name }) => only === undefined || only.has(name))
  const found = new Map(restored.tables.map((table) => [table.name, table]))
  for (const { name, rows, checksum } of tables) {
    const other = found.get(name)
    if (!other) differences.push(`table ${name} is missing`)
    else if (!recorded.exact) continue
    else if (other.rows !== rows) differences.push(`table ${name} has ${other.rows} rows, and had ${rows}`)
    else if (other.checksum !== checksum) differences.push(`table ${name} has its ${rows} rows, and not the same ones`)
  }
  compared.tables = tables.length
  if (only) return { compared, differences }
  const known = new Set(recorded.tables.map(({ name }) => name))
  for (const { name } of restored.tables) if (!known.has(name)) differences.push(`table ${name} was not in the backup`)
  compared.rows = tables.reduce((sum, { rows }) => sum + Number(rows), 0)
  differences.push(...compareSequences(recorded, restored))
  compared.sequences = recorded.sequences.length
  const { count, checksum } = recorded.largeObjects
  if (recorded.exact && restored.largeObjects.count !== count) {
    differences.push(`there are ${restored.largeObjects.count} large objects, and were ${count}`)
  } else if (recorded.exact && restored.largeObjects.checksum !== checksum) {
    differences.push(`the ${count} large objects are not the same ones`)
  }
  compared['large objects'] = Number(count)
  const extensions = new Map(restored.extensions.map(({ name, version }) => [name, version]))
  for (const { name } of recorded.extensions) {
    // Another version is what the server has; it is no difference of the data.
    if (!extensions.has(name)) differences.push(`the extension ${name} is missing`)
  }
  compared.extensions = recorded.extensions.length
  differences.push(...compareObjects(recorded, restored, options.owners))
  compared.objects = recorded.objects.length
  for (const key of ['encoding', 'collate', 'ctype', 'provider', 'locale'] as const) {
    if (recorded.database[key] !== restored.database[key]) {
      differences.push(`the database's ${key} is ${restored.database[key]}, and was ${recorded.database[key]}`)
    }
  }
  return { compared, differences }
}

function compareSequences(recorded: Contents, restored: Contents): string[] {
  const found = new Map(restored.sequences.map((sequence) => [sequence.name, BigInt(sequence.from)]))
  return recorded.sequences.flatMap(({ name, from, to, descending }) => {
    const value = found.get(name)
    if (value === undefined) return [`sequence ${name} is missing`]
    const [first, last] = descending ? [BigInt(to || from), BigInt(from)] : [BigInt(from), BigInt(to || from)]
    // Without an end, a sequence may have run ahead: recovery leaves out values, and gives none twice.
    const fits = to === '' ? (descending ? value <= last : value >= first) : value >= first && value <= last
    return fits ? [] : [`sequence ${name} stands at ${value / 2n}, and stood at ${BigInt(from) / 2n}`]
  })
}

const ofRoles = new Set(['default privileges', 'user mapping'])

function compareObjects(recorded: Contents, restored: Contents, owners: boolean): string[] {
  const key = ({ kind, name }: Contents['objects'][number]) => `${kind} ${name}`
  // The names of these hold those of roles.
  const counts = ({ kind }: Contents['objects'][number]) => owners || !ofRoles.has(kind)
  const found = new Map(restored.objects.map((object) => [key(object), object]))
  const known = new Set(recorded.objects.map(key))
  const differences: string[] = []
  for (const object of recorded.objects.filter(counts)) {
    const other = found.get(key(object))
    if (!other) differences.push(`${key(object)} is missing`)
    else if (owners && other.owner !== object.owner) {
      differences.push(`${key(object)} belongs to ${other.owner}, and belonged to ${object.owner}`)
    } else if (owners && other.definition !== object.definition)
      differences.push(`${key(object)} is defined differently`)
  }
  for (const object of restored.objects.filter(counts)) {
    if (!known.has(key(object))) differences.push(`${key(object)} was not in the backup`)
  }
  return differences
}
