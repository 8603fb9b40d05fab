import { basename, relative } from 'node:path'
import { findQuery, readQueries } from '../../lib/database/queries/catalogue.ts'
import { parseQuery, type Query } from '../../lib/database/queries/query.ts'
import { selectText } from '../../lib/database/queries/run.ts'
import { readSql } from '../../lib/database/sql-file.ts'
import { exportTables, manifestName, readManifest } from '../../lib/database/transfer/export.ts'
import { exportId, importedTables } from '../../lib/database/transfer/import.ts'
import type { PlatformName } from '../../lib/model/environment.ts'
import { FailureError, ok, unwrap } from '../../lib/model/failure.ts'
import { databaseFinding, planImport } from '../../lib/plan/database.ts'
import type { TaskContext, View } from '../../lib/task/definition.ts'
import { useDatabase } from './database.ts'
import type { Scope } from './flags.ts'
import { operate, type PlanFlags } from './operate.ts'
import { readValues } from './query-values.ts'
import { reportOperation, since } from './result.ts'
import { openNamed } from './session.ts'

type Named = { readonly environment: string; readonly platform?: PlatformName | undefined }
type ExportArguments = Named & {
  readonly tables: readonly string[]
  readonly out: string
  readonly query?: string | undefined
  readonly sqlFile?: string | undefined
  readonly param: readonly string[]
  readonly format: 'csv' | 'jsonl' | 'parquet'
}
type ImportArguments = PlanFlags & Named & { readonly folder: string; readonly replace: boolean }

/** `task data export` */
export async function runExport(scope: Scope, context: TaskContext & { args: ExportArguments }) {
  const { args, log } = context
  const started = performance.now()
  const session = await openNamed(scope, context, 'record')
  const queries = await queriesOf(session.folder, args)
  const as = args.tables.length === 0 && queries.some((one) => one.as === 'administrator') ? 'administrator' : 'owner'
  const { out: folder, format, tables } = args
  const { resumed, ...manifest } = await useDatabase(session, as, context.signal, (connection) =>
    exportTables(connection, { folder, format, tables, queries, progress: log }),
  )
  if (resumed > 0) log.warn(`${resumed} files were there from a run that was broken off: they are of its moment`)
  const rows = [...manifest.tables, ...manifest.queries].reduce((sum, one) => sum + one.rows, 0)
  const parts = [
    ...(manifest.tables.length > 0 ? [`${manifest.tables.length} tables`] : []),
    ...manifest.queries.map(({ query }) => `the query ${query}`),
  ]
  return {
    environment: session.desired.environment,
    folder: args.out,
    resumed,
    tables: manifest.tables,
    queries: manifest.queries,
    text: (view: View) => `${rows} rows of ${parts.join(' and ')} in ${args.out} ${since(started, view)}\n`,
  }
}

/** The queries that an export names, as one text each. Throws what is wrong with them. */
async function queriesOf(workspace: string, { query, sqlFile, param }: ExportArguments) {
  const found: Query[] = []
  if (query !== undefined) found.push(unwrap(findQuery(unwrap(await readQueries(workspace)), query)))
  if (sqlFile !== undefined) {
    const file = relative(workspace, sqlFile)
    const { text, sha256 } = unwrap(await readSql(sqlFile, file))
    const at = { name: basename(sqlFile).replace(/\.sql$/, ''), folder: 'analytics' as const, file, sha256 }
    found.push({ ...unwrap(parseQuery(text, at)), path: file })
  }
  if (found.length === 0 && param.length > 0) throw new FailureError(paramOfNothing)
  return Promise.all(
    found.map(async (one) => {
      const mine = found.length > 1 ? param.filter((text) => declares(one, text)) : param
      const sql = unwrap(await selectText(one, unwrap(readValues(one, mine))))
      return { name: one.name, sql, as: one.as }
    }),
  )
}

const declares = ({ parameters }: Query, text: string): boolean =>
  parameters.some(({ name }) => name === text.split('=')[0]?.replaceAll('-', '_'))

const paramOfNothing = {
  code: 'missing-argument',
  message: '--param: a parameter of which query?',
  next: ['task query   # lists them'],
  outcome: 'usage' as const,
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
  const { format } = manifest
  if (format === 'parquet') throw new FailureError(notTakenIn(args.folder))
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
      const data = { folder: args.folder, export: id, format, replace: args.replace, parts }
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

const notTakenIn = (folder: string) => ({
  code: 'export-format',
  message: `${folder} has Parquet files, which are not taken in`,
  next: [`task data export --out ${folder}-csv`],
  outcome: 'unchanged' as const,
})
