import { type Failure, failed, ok, type Result } from '../../model/failure.ts'
import type { OpData } from '../../model/op.ts'
import type { Connection } from '../connect.ts'
import { lexSql } from '../sql/lexer.ts'
import { type ApplyOptions, noteSchema } from './apply.ts'
import { ensureLedger, forgetMigration, readLedger, recordMigration } from './ledger.ts'
import { lockMigrations, unlockMigrations } from './lock.ts'
import { notAsPlanned } from './prepare.ts'
import { prepareSession } from './session.ts'
import { isTyped, readMigrationText } from './source.ts'

/**
 * Changes the ledger as planned, in one transaction under the migration lock, without running a migration. What is already so stays so. Returns how
 * many rows were changed. Failures: `changed-meanwhile`, `migrations-locked`, `pooler-between`, those of reading the files.
 */
export async function editLedger(
  connection: Connection,
  { record, accept, forget, reason }: OpData<'edit-ledger'>,
  options: ApplyOptions,
): Promise<Result<number>> {
  const session = await prepareSession(connection)
  if (!session.ok) return session
  const texts = new Map<string, string>()
  for (const { file } of [...record, ...accept]) {
    const read = await readMigrationText(options.root, file.path)
    if (!read.ok) return read
    if (read.value.sha256 !== file.sha256) return failed(notAsPlanned(file))
    texts.set(file.version, read.value.text)
  }
  const { output, signal, lockWaitMs = 10 * 60_000 } = options
  const locked = await lockMigrations(connection, { waitMs: lockWaitMs, output, ...(signal && { signal }) })
  if (!locked.ok) return locked
  try {
    await ensureLedger(connection)
    const known = new Map((await readLedger(connection)).applied.map((entry) => [entry.version, entry.sha256]))
    const wrong = accept.find(({ file, from }) => ![from, file.sha256].includes(known.get(file.version) ?? ''))
    const taken = record.find(({ file }) => ![undefined, file.sha256].includes(known.get(file.version)))
    if (wrong ?? taken) return failed(changedMeanwhile((wrong ?? taken)?.file.version ?? ''))
    let changes = 0
    await connection.query('begin')
    try {
      for (const { file, appliedAt } of record) {
        if (known.has(file.version)) continue
        const text = texts.get(file.version) ?? ''
        const statements = isTyped(file.path) ? 0 : lexSql(text).statements.length
        await recordMigration(connection, file, { text, statements, durationMs: 0 })
        await connection.query(
          `update vital_ops.migrations set applied_by = left($2 || ' by ' || applied_by, 200),
             applied_at = coalesce($3::timestamptz, applied_at) where version = $1`,
          [file.version, reason, appliedAt ?? null],
        )
        changes++
      }
      for (const { file } of accept) {
        const { rowCount } = await connection.query(
          `update vital_ops.migrations set sha256 = $2, name = $3, effect = $4, source = $5 where version = $1 and sha256 <> $2`,
          [file.version, file.sha256, file.name, file.effect, texts.get(file.version)],
        )
        changes += rowCount ?? 0
      }
      for (const version of forget) {
        if (known.has(version)) changes++
        await forgetMigration(connection, version)
      }
      await connection.query('commit')
    } catch (error) {
      await connection.query('rollback').catch(() => {})
      throw error
    }
    if (changes > 0) await noteSchema(connection, options)
    return ok(changes)
  } finally {
    await unlockMigrations(connection).catch(() => {})
  }
}

const changedMeanwhile = (version: string): Failure => ({
  code: 'changed-meanwhile',
  message: `the ledger has another text of migration ${version} than the plan was made from`,
  why: 'somebody else has changed it since',
  next: ['run the command again'],
  outcome: 'unchanged',
})
