import type { Desired, DesiredDatabase, MigrationFile } from '../model/desired.ts'
import type { Finding } from '../model/finding.ts'
import { type AppliedMigration, pendingAmong } from '../model/migration.ts'
import { nearest } from '../model/nearest.ts'
import type { OpOf } from '../model/op.ts'
import type { Plan } from '../model/plan.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { planOnDatabase } from './database.ts'
import { migrationOp, statementTimeout } from './roll.ts'

/** How far a command goes: to a version, or a number of steps. */
export type Limit = { to?: string | undefined; steps?: number | undefined }

const source = { kind: 'working-tree' } as const
/** As long as applying may take. */
const timeoutMs = 30 * 60_000

/** Applies the pending migrations of an environment's database, which must be running: all, up to a version, or a number of them. */
export function planMigrate(desired: Desired, snapshot: Snapshot, limit: Limit = {}): Plan {
  return planOnDatabase('migrate up', desired, snapshot, (database) => {
    const findings = unknownVersion(database.migrations, limit.to)
    if (findings.length > 0) return { ops: [], findings }
    const migrations = limited(database.migrations, snapshot.database?.applied ?? [], limit)
    const op = migrationOp({ ...database, migrations }, snapshot.database, source)
    const note = 'a breaking migration is pending: there is no way back but restore'
    return { ops: op ? [op] : [], notes: op?.destructive ? [note] : [] }
  })
}

/** The files as far as a limit goes. What is applied stays among them, so that what stands in the way is still found. */
function limited(files: MigrationFile[], applied: AppliedMigration[], { to, steps }: Limit): MigrationFile[] {
  const pending = pendingAmong(files, applied)
  const last = steps === undefined ? undefined : pending[steps - 1]
  const ends = [to, last].flatMap((version) => (version === undefined ? [] : [files.findIndex(sameAs(version))]))
  return ends.length === 0 ? files : files.slice(0, Math.min(...ends) + 1)
}

/** A version as typed, with or without leading zeros. */
const sameAs =
  (version: string) =>
  (one: { version: string }): boolean =>
    one.version === version || one.version.replace(/^0+(?=\d)/, '') === version.replace(/^0+(?=\d)/, '')

/** Undoes the last applied migrations, in the order in which they were applied: one, a number of them, or all after a version. */
export function planDown(desired: Desired, snapshot: Snapshot, limit: Limit = {}): Plan {
  return planOnDatabase('migrate down', desired, snapshot, (database) => {
    const { undone, findings } = lastApplied(database, snapshot, limit)
    if (findings.length > 0 || undone.length === 0) return { ops: [], findings }
    return { ops: [revertOp(database, undone)], notes: [lossNote] }
  })
}

/** Undoes the last applied migration and applies it again, as its file is. */
export function planRedo(desired: Desired, snapshot: Snapshot): Plan {
  return planOnDatabase('migrate redo', desired, snapshot, (database) => {
    const { undone, findings } = lastApplied(database, snapshot, { steps: 1 })
    const [file] = undone
    if (findings.length > 0 || file === undefined || !snapshot.database) return { ops: [], findings }
    const migrations = database.migrations.slice(0, database.migrations.indexOf(file) + 1)
    const applied = (snapshot.database.applied ?? []).filter(({ version }) => version !== file.version)
    const again = migrationOp({ ...database, migrations }, { ...snapshot.database, applied }, source)
    const undo = revertOp(database, undone)
    return { ops: [undo, ...(again ? [{ ...again, after: [undo.id] }] : [])], notes: [lossNote] }
  })
}

const lossNote = 'what the migrations have put into the database since goes with them'

/**
 * The undoing of all applied migrations that a release does not know, the last applied first; none where it knows all. Findings say what keeps them from
 * being undone.
 */
export function revertBeyond(
  database: DesiredDatabase,
  snapshot: Snapshot,
  known: ReadonlySet<string>,
  cause: string,
): { op?: OpOf<'revert-migrations'>; findings: Finding[] } {
  const applied = (snapshot.database?.applied ?? []).filter(({ version }) => !version.startsWith('R__'))
  const first = applied.findIndex(({ version }) => !known.has(version))
  if (first < 0) return { findings: [] }
  const between = applied.slice(first).filter(({ version }) => known.has(version))
  const { undone, findings } = lastApplied(database, snapshot, { steps: applied.length - first })
  if (between.length > 0) findings.push(appliedBetween(between))
  return findings.length > 0 ? { findings } : { op: { ...revertOp(database, undone), cause }, findings }
}

const appliedBetween = (migrations: AppliedMigration[]): Finding => ({
  rule: 'migration-out-of-order',
  severity: 'error',
  message: `${migrations.map(({ version }) => version).join(', ')} would have to be undone too: applied after what is to go, and known to the release`,
  mend: 'undo single ones by hand (task migrate down), then roll back',
})

const revertOp = (database: DesiredDatabase, files: MigrationFile[]): OpOf<'revert-migrations'> => ({
  id: `undo:${database.service}`,
  kind: 'revert-migrations',
  after: [],
  cause: 'asked for',
  changes: true,
  destructive: true,
  service: database.service,
  timeoutMs,
  data: { service: database.service, database: database.name, source, ...statementTimeout(database), files },
})

/** The files of the last applied migrations, last first, and what keeps them from being undone. */
function lastApplied(
  { migrations }: DesiredDatabase,
  snapshot: Snapshot,
  { to, steps = to === undefined ? 1 : undefined }: Limit,
): { undone: MigrationFile[]; findings: Finding[] } {
  const applied = (snapshot.database?.applied ?? []).filter(({ version }) => !version.startsWith('R__'))
  const unknown = unknownVersion(applied, to)
  if (unknown.length > 0) return { undone: [], findings: unknown }
  const stays = to === undefined ? -1 : applied.findIndex(sameAs(to))
  const from = steps === undefined ? stays + 1 : Math.max(stays + 1, applied.length - steps)
  const findings: Finding[] = []
  const undone: MigrationFile[] = []
  for (const { version, name, sha256 } of applied.slice(from).reverse()) {
    const file = migrations.find((one) => one.version === version)
    const place = file ? { place: { file: file.path } } : {}
    const problem = cannotUndo(file, sha256)
    if (problem) {
      const [rule, why, mend] = problem
      findings.push({ rule, severity: 'error', message: `migration ${version} ${name} ${why}`, mend, ...place })
    } else if (file) undone.push(file)
  }
  return { undone, findings }
}

function cannotUndo(file: MigrationFile | undefined, sha256: string): [string, string, string] | undefined {
  if (file === undefined) {
    return ['migration-missing', 'is applied, but its file is gone', 'take the file back from the revision that had it']
  }
  if (file.sha256 !== sha256) {
    return [
      'migration-changed',
      'was changed after it was applied: its down part may not fit',
      `restore it (git log -p ${file.path}), or task migrate repair`,
    ]
  }
  if (file.down === undefined) {
    return ['migration-no-down', 'has no down part: nothing says how to undo it', 'write a new migration that does']
  }
  return undefined
}

function unknownVersion(known: readonly { version: string }[], version: string | undefined): Finding[] {
  if (version === undefined || known.some(sameAs(version))) return []
  const versions = known.map((one) => one.version)
  const near = nearest(version, versions) ?? versions.at(-1)
  return [
    {
      rule: 'unknown-version',
      severity: 'error',
      message: `there is no migration ${version}`,
      ...(near === undefined ? {} : { mend: `did you mean ${near}?` }),
    },
  ]
}

/** Records the migrations up to a version as applied, without running them: for a database whose schema is older than its ledger. */
export function planBaseline(desired: Desired, snapshot: Snapshot, { to }: { to: string }): Plan {
  return planOnDatabase('migrate baseline', desired, snapshot, (database) => {
    const findings = unknownVersion(database.migrations, to)
    const applied = snapshot.database?.applied ?? []
    if (applied.length > 0) findings.push(notEmpty(applied.length))
    if (findings.length > 0) return { ops: [], findings }
    const files = limited(database.migrations, [], { to }).filter(({ repeatable }) => !repeatable)
    return { ops: [ledgerOp(database, 'baseline', { record: files.map((file) => ({ file })) })] }
  })
}

const notEmpty = (count: number): Finding => ({
  rule: 'ledger-not-empty',
  severity: 'error',
  message: `the ledger has ${count} ${count === 1 ? 'migration' : 'migrations'} already`,
  mend: 'task migrate status',
})

/** Takes over what another tool says is applied, without running anything. */
export function planImport(
  desired: Desired,
  snapshot: Snapshot,
  history: { tool: string; entries: readonly { file: MigrationFile; appliedAt?: string }[]; findings: Finding[] },
): Plan {
  return planOnDatabase(`migrate import ${history.tool}`, desired, snapshot, (database) => {
    const known = new Map((snapshot.database?.applied ?? []).map(({ version, sha256 }) => [version, sha256]))
    const record = history.entries.filter(({ file }) => known.get(file.version) !== file.sha256)
    const other = record.filter(({ file }) => known.has(file.version))
    const findings = [...history.findings, ...(other.length > 0 ? [notEmpty(known.size)] : [])]
    const errors = findings.some(({ severity }) => severity === 'error')
    const ops =
      errors || record.length === 0
        ? []
        : [ledgerOp(database, `imported from ${history.tool}`, { record: [...record] })]
    return { ops, findings }
  })
}

/**
 * Makes the ledger agree with the files, where somebody says that the database does: changed files count as they are now, the rows of missing files are
 * taken away. `versions`: only these; default is all.
 */
export function planRepair(desired: Desired, snapshot: Snapshot, versions: readonly string[] = []): Plan {
  return planOnDatabase('migrate repair', desired, snapshot, (database) => {
    const applied = snapshot.database?.applied ?? []
    const findings = versions.flatMap((version) => unknownVersion(applied, version))
    if (findings.length > 0) return { ops: [], findings }
    const meant = applied.filter((entry) => versions.length === 0 || versions.some((one) => sameAs(one)(entry)))
    const files = new Map(database.migrations.map((file) => [file.version, file]))
    const accept = meant.flatMap(({ version, sha256 }) => {
      const file = files.get(version)
      return file && !file.repeatable && file.sha256 !== sha256 ? [{ file, from: sha256 }] : []
    })
    const forget = meant.map(({ version }) => version).filter((version) => !files.has(version))
    if (accept.length === 0 && forget.length === 0) return { ops: [] }
    const op = ledgerOp(database, 'repair', { accept, forget })
    const note = 'nothing is run: that the database is as the files say now is yours to know'
    return { ops: [{ ...op, destructive: true }], notes: [note] }
  })
}

const ledgerOp = (
  database: DesiredDatabase,
  reason: string,
  edits: Partial<Pick<OpOf<'edit-ledger'>['data'], 'record' | 'accept' | 'forget'>>,
): OpOf<'edit-ledger'> => ({
  id: `ledger:${database.service}`,
  kind: 'edit-ledger',
  after: [],
  cause: reason,
  changes: true,
  service: database.service,
  timeoutMs: 660_000,
  data: {
    service: database.service,
    database: database.name,
    source,
    reason,
    record: [],
    accept: [],
    forget: [],
    ...edits,
  },
})
