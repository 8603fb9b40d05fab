import { join, relative } from 'node:path'
import { examine, readShape, type Shape } from '../../lib/database/sync/examine.ts'
import { syncHandler } from '../../lib/database/sync/handler.ts'
import { readMasking, withRows } from '../../lib/database/sync/masking-file.ts'
import { countRows, type Synced } from '../../lib/database/sync/run.ts'
import type { PlatformName } from '../../lib/model/environment.ts'
import { FailureError, ok, unwrap } from '../../lib/model/failure.ts'
import type { Masking, Subset } from '../../lib/model/masking.ts'
import { Secret } from '../../lib/model/secret.ts'
import { databaseFinding } from '../../lib/plan/database.ts'
import { planSync, type SyncKnowledge } from '../../lib/plan/sync.ts'
import { openKeyring } from '../../lib/system/secrets/keyring.ts'
import { finish, type TaskContext } from '../../lib/task/definition.ts'
import { databaseOf, useDatabase } from './database.ts'
import type { Scope } from './flags.ts'
import { operate, type PlanFlags } from './operate.ts'
import { findingFailure, reportOperation, since } from './result.ts'
import { openNamed, openSession, type Session } from './session.ts'

type Arguments = PlanFlags & {
  readonly from: string
  readonly environment: string
  readonly platform?: PlatformName | undefined
  readonly masking?: string | undefined
  readonly rows: readonly string[]
}

/** `task data sync` */
export async function runSync(scope: Scope, context: TaskContext & { args: Arguments }) {
  const { args } = context
  const started = performance.now()
  if (args.from === args.environment) throw new FailureError(sameEnvironment(args.from))
  const target = await openNamed(scope, context, 'environment')
  const source = await openSession(scope, context, { environment: args.from, needs: 'environment' })
  const { desired } = target
  const path = args.masking ?? join(target.folder, 'database/masking.yaml')
  const file = relative(target.folder, path)
  const masking = unwrap(await readMasking(path, file))
  const subset = unwrap(withRows(masking.subset, args.rows))
  const keyring = unwrap(await openKeyring(join(target.folder, '.ops/secrets')))
  let synced: Synced | undefined
  let known: SyncKnowledge | undefined
  const result = await operate(context, target, args, {
    purpose: `data sync from ${args.from}`,
    covers: [],
    again: 'data sync',
    // Also where nobody has said that it is protected.
    asksForName: desired.configuredAs === 'production' && !desired.rehearsal,
    handlers: {
      'sync-data': syncHandler({
        // Kept with the workspace's other keys: the same value gets the same mask next time.
        key: keyring.digest(new Secret('masking', 'masks of data sync')).digest,
        file,
        source: {
          database: databaseOf(source).name,
          administrator: () => source.platform.administrator(databaseOf(source).service),
        },
        target: { administrator: () => target.platform.administrator(databaseOf(target).service) },
        done: (value) => {
          synced = value
        },
      }),
    },
    beforeExecute: async () => unwrap(await keyring.keep([])),
    prepare: async (signal) => {
      const snapshot = unwrap(await target.platform.observe(desired, { signal }))
      await requireSource(source, signal)
      if (databaseFinding(desired, snapshot)) {
        const nothing = { data: { from: args.from, tables: [], subset: null }, findings: [], counts: new Map() }
        return ok({ plan: planSync(desired, snapshot, nothing), snapshot, desired })
      }
      known = await knowledge({ source, target, masking, subset, file, from: args.from, counts: known?.counts }, signal)
      return ok({ plan: planSync(desired, snapshot, known), snapshot, desired })
    },
  })
  await source.finish()
  const {
    outcome,
    failures,
    result: report,
  } = reportOperation(result, {
    operation: 'data sync',
    environment: desired.environment,
    dryRun: args.dryRun === true,
    text: (view) =>
      synced ? `${synced.rows} rows of ${synced.tables.length} tables from ${args.from} ${since(started, view)}\n` : '',
  })
  const tables = (known?.data.tables ?? []).map(({ table, masks, rows }) => ({
    table,
    rows: synced?.tables.find((one) => one.table === table)?.rows ?? known?.counts.get(table) ?? 0,
    emptied: rows === 'none',
    masks,
  }))
  const scan = synced ? { masked: synced.masked, scanned: synced.scanned } : {}
  return finish(outcome, { ...report, from: args.from, tables, ...scan }, failures)
}

type Asked = {
  source: Session
  target: Session
  masking: Masking
  subset: Subset | undefined
  file: string
  from: string
  counts: SyncKnowledge['counts'] | undefined
}

async function knowledge(
  { source, target, masking, subset, file, from, counts }: Asked,
  signal: AbortSignal,
): Promise<SyncKnowledge> {
  const to = await useDatabase(target, 'owner', signal, async (connection): Promise<ReturnType<typeof ok<Shape>>> => {
    return ok(await readShape(connection))
  })
  return useDatabase(source, 'owner', signal, async (connection) => {
    await connection.query('set row_security = off; begin isolation level repeatable read read only')
    const { tables, findings } = await examine(connection, await readShape(connection), to, masking, file)
    await connection.query('commit')
    const data = { from, tables, subset: subset ?? null }
    const wrong = findings.some(({ severity }) => severity === 'error')
    const rows = wrong ? new Map() : (counts ?? (await countRows(connection, data)))
    return ok({ data, findings, counts: rows })
  })
}

/** The source must answer, as the target must; its findings would be taken for the target's. */
async function requireSource(source: Session, signal: AbortSignal): Promise<void> {
  const snapshot = unwrap(await source.platform.observe(source.desired, { signal }))
  const finding = databaseFinding(source.desired, snapshot)
  if (finding)
    throw new FailureError({ ...findingFailure(finding), message: `${source.desired.environment}: ${finding.message}` })
}

const sameEnvironment = (name: string) => ({
  code: 'usage',
  message: `${name} cannot be synced from itself`,
  next: ['task data sync production staging'],
  outcome: 'usage' as const,
})
