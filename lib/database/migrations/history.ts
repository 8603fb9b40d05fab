import { join } from 'node:path'
import type { MigrationFile } from '../../model/desired.ts'
import { failed, ok, type Result } from '../../model/failure.ts'
import type { Finding } from '../../model/finding.ts'
import type { Connection } from '../connect.ts'
import { isServerError } from '../failures.ts'
import { readSql } from '../sql-file.ts'
import { flywayChecksum } from './flyway-checksum.ts'
import { compareVersions } from './names.ts'

/** The tools whose history can be taken over. */
export const historyTools = ['dbmate', 'flyway', 'golang-migrate'] as const
/** One of them. */
export type HistoryTool = (typeof historyTools)[number]

/** What another tool says is applied: the files, in the order of application, and what does not fit. */
export type History = { tool: HistoryTool; entries: { file: MigrationFile; appliedAt?: string }[]; findings: Finding[] }

/** Where each keeps its history, by default. */
const tables: Record<HistoryTool, string> = {
  dbmate: 'schema_migrations',
  flyway: 'flyway_schema_history',
  'golang-migrate': 'schema_migrations',
}

/**
 * Reads another tool's history and finds the files that it speaks of. Writes nothing. Failures: `history-missing` (no such table),
 * `history-other-tool` (a table of that name with other columns).
 *
 * @param options `root` is what the files' paths are relative to, `table` the history's table where it is not the tool's default
 */
export async function readHistory(
  connection: Connection,
  tool: HistoryTool,
  files: readonly MigrationFile[],
  options: { root: string; table?: string | undefined },
): Promise<Result<History>> {
  const table = options.table ?? tables[tool]
  const quoted = table
    .split('.')
    .map((part) => connection.escapeIdentifier(part))
    .join('.')
  try {
    const history = await readers[tool](connection, quoted, files, options.root)
    return ok({ tool, ...history })
  } catch (error) {
    if (!isServerError(error)) throw error
    if (error.code === '42P01') {
      return failed({
        code: 'history-missing',
        message: `there is no table ${table}: ${tool} has no history in this database`,
        why: 'where it has another table, `--table schema.name` names that',
        next: ['task migrate status'],
        outcome: 'unchanged',
      })
    }
    if (error.code === '42703') {
      return failed({
        code: 'history-other-tool',
        message: `the table ${table} is not ${tool}'s: ${error.message}`,
        next: historyTools.filter((one) => one !== tool).map((one) => `task migrate import ${one}`),
        outcome: 'unchanged',
      })
    }
    throw error
  }
}

type Read = Omit<History, 'tool'>
type Reader = (connection: Connection, table: string, files: readonly MigrationFile[], root: string) => Promise<Read>

const fileOf = (files: readonly MigrationFile[], version: string): MigrationFile | undefined =>
  files.find((file) => !file.repeatable && /^[\d.]+$/.test(version) && compareVersions(file.version, version) === 0)

const fileMissing = (version: string): Finding => ({
  rule: 'migration-missing',
  severity: 'warning',
  message: `${version} is applied, but has no file: it is not taken over`,
  mend: 'take the file back from the revision that had it, and import again',
})

/** A row for each applied version: https://github.com/amacneil/dbmate (schema_migrations.version). */
const readDbmate: Reader = async (connection, table, files) => {
  const { rows } = await connection.query<{ version: string; dirty: boolean | null }>(
    `select version::text as version, (to_jsonb(t)->>'dirty')::boolean as dirty from ${table} t`,
  )
  if (rows.some(({ dirty }) => dirty !== null)) throw otherColumns('it has a column "dirty"')
  const sorted = rows.map(({ version }) => version).sort((a, b) => (/^\d+$/.test(a + b) ? compareVersions(a, b) : 0))
  const entries = sorted.flatMap((version) => {
    const file = fileOf(files, version)
    return file ? [{ file }] : []
  })
  return { entries, findings: sorted.filter((version) => !fileOf(files, version)).map(fileMissing) }
}

/** One row: the version it stands at, and whether the last migration failed (dirty). */
const readGolangMigrate: Reader = async (connection, table, files) => {
  const { rows } = await connection.query<{ version: string; dirty: boolean }>(
    `select version::text as version, dirty from ${table}`,
  )
  const [row] = rows
  if (row === undefined) return { entries: [], findings: [] }
  const { version, dirty } = row
  if (dirty) {
    return {
      entries: [],
      findings: [
        {
          rule: 'history-dirty',
          severity: 'error',
          message: `golang-migrate says that ${version} failed in the middle (dirty): nobody knows what of it is in the database`,
          mend: `look, then: migrate force VERSION (${version} if all of it is there, else the one before)`,
        },
      ],
    }
  }
  const entries = files
    .filter((file) => !file.repeatable && compareVersions(file.version, version) <= 0)
    .map((file) => ({ file }))
  return { entries, findings: fileOf(files, version) ? [] : [fileMissing(version)] }
}

type FlywayRow = {
  version: string | null
  type: string
  script: string
  checksum: number | null
  success: boolean
  at: Date
}

/** https://documentation.red-gate.com/flyway: a row for each attempt, in the order of `installed_rank`; undone ones follow as rows of their own. */
const readFlyway: Reader = async (connection, table, files, root) => {
  const { rows } = await connection.query<FlywayRow>(
    `select version, type, script, checksum, success, installed_on as at from ${table} order by installed_rank`,
  )
  const applied = new Map<string, { file: MigrationFile; appliedAt: string; checksum: number | null }>()
  const findings: Finding[] = []
  for (const row of rows) {
    const appliedAt = row.at.toISOString()
    const key = row.version ?? row.script
    if (!row.success) {
      findings.push({
        rule: 'history-failed',
        severity: 'error',
        message: `flyway says that ${row.script} failed`,
        mend: 'flyway repair, once what it left is cleared',
      })
    } else if (/^UNDO|DELETE$/.test(row.type)) applied.delete(key)
    else if (row.type.includes('BASELINE')) {
      for (const file of files.filter((one) => !one.repeatable && compareVersions(one.version, key) <= 0))
        applied.set(file.version, { file, appliedAt, checksum: null })
    } else if (row.type !== 'SCHEMA') {
      const named = row.script.replace(/^.*\//, '')
      const file = row.version === null ? files.find(({ path }) => path.endsWith(`/${named}`)) : fileOf(files, key)
      if (file) applied.set(key, { file, appliedAt, checksum: row.checksum })
      else findings.push(fileMissing(row.script))
    }
  }
  const entries: History['entries'] = []
  for (const { file, appliedAt, checksum } of applied.values()) {
    const read = await readSql(join(root, file.path), file.path)
    const same = checksum === null || (read.ok && flywayChecksum(read.value.text) === checksum)
    // A repeatable one that differs is simply pending.
    if (same) entries.push({ file, appliedAt })
    else if (!file.repeatable) findings.push(changedSince(file))
  }
  return { entries, findings }
}

const changedSince = (file: MigrationFile): Finding => ({
  rule: 'migration-changed',
  severity: 'error',
  message: `migration ${file.version} ${file.name} was changed after flyway applied it: its checksum is another`,
  place: { file: file.path },
  mend: `restore it (git log -p ${file.path}), or flyway repair`,
})

const otherColumns = (message: string) => Object.assign(new Error(message), { severity: 'ERROR', code: '42703' })

const readers: Record<HistoryTool, Reader> = {
  dbmate: readDbmate,
  flyway: readFlyway,
  'golang-migrate': readGolangMigrate,
}
