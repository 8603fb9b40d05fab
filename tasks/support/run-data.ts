import { exportTables, manifestName, readManifest } from '../../lib/database/transfer/export.ts'
import { exportId, importedTables } from '../../lib/database/transfer/import.ts'
import type { PlatformName } from '../../lib/model/environment.ts'
import { FailureError, ok, unwrap } from '../../lib/model/failure.ts'
import { databaseFinding, planImport } from '../../lib/plan/database.ts'
import type { TaskContext, View } from '../../lib/task/definition.ts'
import { useDatabase } from './database.ts'
import type { Scope } from './flags.ts'
import { operate, type PlanFlags } from './operate.ts'
import { reportOperation, since } from './result.ts'
import { openNamed } from './session.ts'

type Named = { readonly environment: string; readonly platform?: PlatformName | undefined }
type ExportArguments = Named & {
  readonly tables: readonly string[]
  readonly out: string
  readonly format: 'csv' | 'jsonl'
}
type ImportArguments = PlanFlags & Named & { readonly folder: string; readonly replace: boolean }

/** `task data export` */
export async function runExport(scope: Scope, context: TaskContext & { args: ExportArguments }) {
  const { args, log } = context
  const started = performance.now()
  const session = await openNamed(scope, context, 'record')
  const { resumed, ...manifest } = await useDatabase(session, 'owner', context.signal, (connection) =>
    exportTables(connection, { folder: args.out, format: args.format, tables: args.tables, progress: log }),
  )
  if (resumed > 0) log.warn(`${resumed} tables were there from a run that was broken off: they are of its moment`)
  const rows = manifest.tables.reduce((sum, one) => sum + one.rows, 0)
  return {
    environment: session.desired.environment,
    folder: args.out,
    resumed,
    tables: manifest.tables,
    text: (view: View) => `${rows} rows of ${manifest.tables.length} tables in ${args.out} ${since(started, view)}\n`,
  }
}

/** `task data import` */
export async function runImport(scope: Scope, context: TaskContext & { args: ImportArguments }) {
  const { args } = context
  const started = performance.now()
  const manifest = unwrap(await readManifest(args.folder))
  if (!manifest?.complete) {
    throw new FailureError({
      code: 'export-incomplete',
      message: `${args.folder} holds no export that is complete`,
      why: manifest ? `${manifestName} says that it was broken off` : `there is no ${manifestName} in it`,
      next: [`task data export --out ${args.folder}`],
      outcome: 'unchanged',
    })
  }
  const session = await openNamed(scope, context, 'environment')
  const { desired } = session
  const id = exportId(manifest)
  const result = await operate(context, session, args, {
    purpose: 'data import',
    covers: [],
    again: 'data import',
    prepare: async (signal) => {
      const snapshot = unwrap(await session.platform.observe(desired, { signal }))
      const done =
        args.replace || databaseFinding(desired, snapshot)
          ? []
          : await useDatabase(session, 'owner', signal, async (connection) => ok(await importedTables(connection, id)))
      const parts = manifest.tables.filter(({ table }) => !done.includes(table))
      const data = { folder: args.folder, export: id, format: manifest.format, replace: args.replace, parts }
      return ok({ plan: planImport(desired, snapshot, data), snapshot, desired })
    },
  })
  return reportOperation(result, {
    operation: 'data import',
    environment: desired.environment,
    dryRun: args.dryRun === true,
    text: (view) => {
      if (result.outcome !== 'done' || args.dryRun) return ''
      const op = result.plan?.ops[0]
      if (op?.kind !== 'import-data') return 'this export was imported already\n'
      return `${op.data.parts.reduce((sum, one) => sum + one.rows, 0)} rows imported ${since(started, view)}\n`
    },
  })
}
