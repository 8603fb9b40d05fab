import { type CatalogueEntry, findQuery, readQueries } from '../../lib/database/queries/catalogue.ts'
import { csvText, jsonRows, tableCell } from '../../lib/database/queries/format.ts'
import type { Query } from '../../lib/database/queries/query.ts'
import { type QueryResult, runQuery } from '../../lib/database/queries/run.ts'
import { table } from '../../lib/log/table.ts'
import type { PlatformName } from '../../lib/model/environment.ts'
import { FailureError, ok, unwrap } from '../../lib/model/failure.ts'
import { planQuery } from '../../lib/plan/database.ts'
import type { TaskContext, View } from '../../lib/task/definition.ts'
import { useDatabase } from './database.ts'
import type { Scope } from './flags.ts'
import { operate, type PlanFlags } from './operate.ts'
import { readValues } from './query-values.ts'
import { reportOperation, since } from './result.ts'
import { openNamed, workspaceFolder } from './session.ts'

type Arguments = PlanFlags & {
  readonly query: string | undefined
  readonly environment: string
  readonly platform?: PlatformName | undefined
  readonly param: readonly string[]
  readonly format: 'table' | 'json' | 'csv'
  readonly maxRows: number
  readonly timeout: number | undefined
}
type Context = TaskContext & { args: Arguments }

/** `task query [name] [--param value]` */
export async function runQueryTask(scope: Scope, context: Context) {
  const { args } = context
  const entries = unwrap(await readQueries(await workspaceFolder(scope, context)))
  if (args.query === undefined) return listed(entries, context)
  const query = unwrap(findQuery(entries, args.query))
  const values = unwrap(readValues(query, args.param))
  const timeoutMs = args.timeout ?? query.timeoutMs
  if (!query.readOnly) return change(scope, context, query, { values, timeoutMs })
  const session = await openNamed(scope, context, 'record')
  const result = await useDatabase(session, query.as, context.signal, (connection) =>
    runQuery(connection, query, { values, timeoutMs, maxRows: args.maxRows }),
  )
  if (result.more) context.log.warn(`there are more than ${args.maxRows} rows: --max-rows shows more of them`)
  return {
    query: query.name,
    environment: session.desired.environment,
    columns: result.columns.map(({ name }) => name),
    rows: jsonRows(result),
    more: result.more,
    text: (view: View) => rendered(result, args.format, view),
  }
}

function rendered(result: QueryResult, format: Arguments['format'], view: View): string {
  if (format === 'csv') return csvText(result)
  if (format === 'json') return `${JSON.stringify(jsonRows(result), null, 2)}\n`
  const { columns, rows } = result
  if (rows.length === 0) return 'no rows\n'
  return table(
    columns.map(({ name }) => name),
    rows.map((row) => row.map(tableCell)),
    view,
  )
}

/** A query that changes something: planned, confirmed, under the lock, in the journal. */
async function change(
  scope: Scope,
  context: Context,
  query: Query,
  { values, timeoutMs }: { values: Record<string, string | null>; timeoutMs: number },
) {
  const { args } = context
  const started = performance.now()
  const session = await openNamed(scope, context, 'environment')
  const { desired } = session
  const { name, folder, path = '', sha256 } = query
  const result = await operate(context, session, args, {
    purpose: `query ${name}`,
    covers: [],
    prepare: async (signal) => {
      const snapshot = unwrap(await session.platform.observe(desired, { signal }))
      return ok({
        plan: planQuery(desired, snapshot, { name, folder, path, sha256, values, timeoutMs }),
        snapshot,
        desired,
      })
    },
  })
  return reportOperation(result, {
    operation: `query ${name}`,
    environment: desired.environment,
    dryRun: args.dryRun === true,
    text: (view) => (result.outcome === 'done' && !args.dryRun ? `${name} ran ${since(started, view)}\n` : ''),
  })
}

function listed(entries: readonly CatalogueEntry[], context: Context) {
  if (context.args.param.length > 0) {
    throw new FailureError({
      code: 'missing-argument',
      message: `--${context.args.param[0]?.split('=')[0]}: a parameter of which query?`,
      outcome: 'usage',
      next: ['task query   # lists them'],
    })
  }
  const broken = entries.flatMap(({ query }) => (query.ok ? [] : query.failures))
  for (const { message, place } of broken) {
    context.log.warn(
      `${place ? `${[place.file, place.line, place.column].filter(Boolean).join(':')}: ` : ''}${message}`,
    )
  }
  const queries = entries.flatMap(({ query }) => (query.ok ? [query.value] : []))
  return {
    queries: queries.map(({ name, folder, path, description, readOnly, parameters }) => ({
      name,
      folder,
      path: path ?? null,
      description,
      readOnly,
      parameters,
    })),
    text: (view: View) =>
      table(
        ['query', 'folder', 'parameters', 'what it shows'],
        queries.map(({ name, folder, path, description, readOnly, parameters }) => [
          name,
          path === undefined ? `${folder} (built in)` : folder,
          parameters
            .map((one) => (one.default === undefined ? `--${one.name} ${one.type}` : `--${one.name}`))
            .join(' '),
          `${readOnly ? '' : '(changes data) '}${description}`,
        ]),
        view,
      ),
  }
}
