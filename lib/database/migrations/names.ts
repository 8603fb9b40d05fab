/** What the name of a migration's file says. A `down` file undoes the `up` one of its version. */
export type MigrationName = {
  kind: 'up' | 'down' | 'repeatable'
  /** As written; Flyway's `V1_2__x.sql` has `1.2`, a repeatable one is `R__name`. */
  version: string
  name: string
}

/** `20260901090000_create_hits.sql`, `12-x.sql`, `3.sql`: digits, then a name; dbmate's and plain SQL, golang-migrate's with `.up` or `.down`, TypeScript. */
const numbered = /^(\d+)(?:[._-]?(.*?))?(?:(?:\.(up|down))?\.sql|\.ts)$/
/** https://documentation.red-gate.com/fd/versioned-migrations-273973333.html: prefix, version with dots or single underscores, two underscores. */
const flyway = /^([VU])(\d+(?:[._]\d+)*)__(.+)\.(sql|ts)$/
const repeatable = /^R__(.+)\.(?:sql|ts)$/

/** Reads the name of a migration's file (without its folder); undefined where it is none that is known. */
export function parseMigrationName(file: string): MigrationName | undefined {
  const [, again] = repeatable.exec(file) ?? []
  if (again !== undefined) return { kind: 'repeatable', version: `R__${again}`, name: again }
  const [, letter, dotted, described, type] = flyway.exec(file) ?? []
  // One in TypeScript has both parts in one file.
  if (letter === 'U' && type === 'ts') return undefined
  if (dotted !== undefined && described !== undefined) {
    return { kind: letter === 'U' ? 'down' : 'up', version: dotted.replaceAll('_', '.'), name: described }
  }
  const [, version, name = '', direction] = numbered.exec(file) ?? []
  if (version === undefined) return undefined
  return { kind: direction === 'down' ? 'down' : 'up', version, name }
}

/** Whether a version is that of a repeatable migration, which runs again whenever its text is another one. */
export const isRepeatable = (version: string): boolean => version.startsWith('R__')

/** The order of versions: by number, part for part, so that 9 comes before 10 and 1.9 before 1.10; repeatable ones come last, by name. */
export function compareVersions(a: string, b: string): number {
  if (isRepeatable(a) || isRepeatable(b)) {
    if (isRepeatable(a) !== isRepeatable(b)) return isRepeatable(a) ? 1 : -1
    return a < b ? -1 : a > b ? 1 : 0
  }
  const [left, right] = [a.split('.'), b.split('.')]
  for (let part = 0; part < Math.max(left.length, right.length); part++) {
    const [one, other] = [BigInt(left[part] ?? 0), BigInt(right[part] ?? 0)]
    if (one !== other) return one < other ? -1 : 1
  }
  return 0
}
