import { compareVersions, isRepeatable, parseMigrationName } from './names.ts'

/** How a migration's files are written. */
export type MigrationFormat = 'dbmate' | 'golang-migrate' | 'flyway' | 'plain' | 'ts'

/** The format of a folder's newest migration; undefined where there is none yet. `hasDirectives`: whether it holds `-- migrate:up`. */
export function formatOf(file: string, hasDirectives: boolean): MigrationFormat {
  if (/^[VUR]\d*.*__/.test(file)) return 'flyway'
  if (/\.(up|down)\.sql$/.test(file)) return 'golang-migrate'
  return hasDirectives ? 'dbmate' : 'plain'
}

/**
 * The files of a new migration, name to text. Its version is the moment (UTC, to the second), or, where the others are numbered 1, 2, 3 …, the next
 * number in as many digits; it is always after all others.
 *
 * @param others names of the files that are there
 */
export function newMigration(
  name: string,
  { format, now, others }: { format: MigrationFormat; now: Date; others: readonly string[] },
): { version: string; files: Record<string, string> } {
  const versions = others
    .flatMap((file) => parseMigrationName(file)?.version ?? [])
    .filter((version) => !isRepeatable(version))
    .sort(compareVersions)
  const version = nextVersion(versions.at(-1), now)
  const word = name
    .trim()
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
  const files: Record<string, string> = {
    dbmate: { [`${version}_${word}.sql`]: '-- migrate:up\n\n\n-- migrate:down\n\n' },
    'golang-migrate': { [`${version}_${word}.up.sql`]: '\n', [`${version}_${word}.down.sql`]: '\n' },
    flyway: { [`V${version}__${word}.sql`]: '\n' },
    plain: { [`${version}_${word}.sql`]: '\n' },
    ts: { [`${version}_${word}.ts`]: typed },
  }[format]
  return { version, files }
}

const typed = `import { migration } from 'vital-ops/operations'

export default migration({
  // 'breaking', where running code does not go on working with it.
  effect: 'expand',
  async up({ sql }) {
    await sql\`\`
  },
  async down({ sql }) {
    await sql\`\`
  },
})
`

function nextVersion(newest: string | undefined, now: Date): string {
  const moment = now.toISOString().replace(/\D/g, '').slice(0, 14)
  if (newest === undefined) return moment
  const [first = '0'] = newest.split('.')
  // Four digits are a number or a year, more are a date.
  if (first.length < 8) return String(BigInt(first) + 1n).padStart(first.length, '0')
  return compareVersions(moment, newest) > 0 ? moment : String(BigInt(first) + 1n)
}
