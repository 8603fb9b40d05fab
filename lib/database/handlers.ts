import { join } from 'node:path'
import type { Source } from '../model/desired.ts'
import { parseDuration } from '../model/duration.ts'
import { type Failure, failed, ok, type Result } from '../model/failure.ts'
import { pendingAmong } from '../model/migration.ts'
import type { OpOf } from '../model/op.ts'
import type { DatabaseAdministrator, Handler, OpContext, OpResult } from '../model/platform.ts'
import { ensureDatabase, missingParts } from './admin.ts'
import { applicationName, type Connection, withDatabase } from './connect.ts'
import { createCluster, inspectCluster } from './engine/cluster.ts'
import type { Engine } from './engine/postgres.ts'
import type { KnownFiles } from './known-files.ts'
import { maintainTable, pruneRows } from './maintenance.ts'
import { applyMigrations } from './migrations/apply.ts'
import { type MigrationHandlers, migrationHandlers } from './migrations/handlers.ts'
import { readLedger } from './migrations/ledger.ts'
import { withOwner } from './owner.ts'
import { csvText } from './queries/format.ts'
import { parseQuery } from './queries/query.ts'
import { runQuery } from './queries/run.ts'
import { applySeeds, pendingSeeds } from './seeds/apply.ts'
import { readSql } from './sql-file.ts'
import { importHandler } from './transfer/handler.ts'

/** What the database's handlers need to know of a platform. */
export type DatabasePorts = {
  /** The engine that serves a service, found (and made usable) here. */
  engine(
    wanted: { service: string; version: number; prefer: 'embedded' | 'system' },
    signal: AbortSignal,
  ): Promise<Result<Engine>>
  /** The service's data folder, which holds a folder for each major version. */
  dataFolder(service: string): Promise<string>
  /** Where the service's server answers, and its administrator. */
  administrator(service: string): Promise<Result<DatabaseAdministrator>>
  /** The folder that holds a source's files. */
  sourceFolder(source: Source): string
  /** What was found in migration files before, for a database that is made from nothing. */
  knownFiles?(): Promise<KnownFiles>
  /** The environment as commands are given it. */
  environment: string
}

/** The handlers of the kinds of ops that concern databases. */
export type DatabaseHandlers = {
  'create-data': Handler<'create-data'>
  'ensure-database': Handler<'ensure-database'>
  'apply-migrations': Handler<'apply-migrations'>
  'apply-seeds': Handler<'apply-seeds'>
  'run-query': Handler<'run-query'>
  'reset-database': Handler<'reset-database'>
  'maintain-table': Handler<'maintain-table'>
  'prune-rows': Handler<'prune-rows'>
  'import-data': Handler<'import-data'>
} & MigrationHandlers

/** Makes the handlers for a platform. Each is idempotent and finds out by itself what is already done. */
export function databaseHandlers(ports: DatabasePorts): DatabaseHandlers {
  return {
    'create-data': createData(ports),
    'ensure-database': ensure(ports),
    'apply-migrations': migrate(ports),
    'apply-seeds': seed(ports),
    'run-query': changingQuery(ports),
    ...migrationHandlers(
      ({ service, database }, context, use) => asOwner(ports, service, database, context, use),
      ports,
    ),
    'reset-database': reset(ports),
    'maintain-table': maintain(ports),
    'prune-rows': prune(ports),
    'import-data': importHandler(({ service, database }, context, use) =>
      asOwner(ports, service, database, context, use),
    ),
  }
}

function createData(ports: DatabasePorts): Handler<'create-data'> {
  return {
    async run({ data }, { signal, output }) {
      const engine = await ports.engine(data, signal)
      if (!engine.ok) return engine
      const folder = await ports.dataFolder(data.service)
      const made = await createCluster({ engine: engine.value, folder, signal, output })
      if (!made.ok) return made
      return ok({ message: made.value.created ? `PostgreSQL ${engine.value.version} in ${folder}` : 'already there' })
    },
    async check({ data }) {
      const { created } = await inspectCluster(await ports.dataFolder(data.service), data.version)
      return created ? 'done' : 'pending'
    },
  }
}

function ensure(ports: DatabasePorts): Handler<'ensure-database'> {
  return {
    async run({ data }, context) {
      const password = context.secrets.find(data.password)
      if (password === undefined) return failed(secretMissing(data.password.secret))
      return withAdministrator(ports, data.service, 'postgres', context, async (admin) => {
        const done = await ensureDatabase(admin, { name: data.name, user: data.user, password })
        return ok({ message: done.length === 0 ? 'already there' : `made or set: ${done.join(', ')}` })
      })
    },
    async check({ data }, context) {
      const password = context.secrets.find(data.password)
      if (password === undefined) return 'unknown'
      const missing = await withAdministrator(ports, data.service, 'postgres', context, async (admin) =>
        ok(await missingParts(admin, { name: data.name, user: data.user, password })),
      )
      if (!missing.ok) return 'unknown'
      return missing.value.length === 0 ? 'done' : 'pending'
    },
  }
}

function migrate(ports: DatabasePorts): Handler<'apply-migrations'> {
  return {
    async run({ data }, context) {
      return asOwner(ports, data.service, data.database, context, async (connection): Promise<Result<OpResult>> => {
        const { applied: known } = await readLedger(connection)
        const now = pendingAmong(data.files, known)
        // What nobody could see, nobody has confirmed. A database that was never migrated has nothing to lose.
        const unseen = data.pending === null && known.length > 0 ? breakingOf(data.files, now) : []
        if (unseen.length > 0) return failed(breakingUnseen(data.database, unseen, ports.environment))
        const unexpected = data.pending && now.filter((version) => !data.pending?.includes(version))
        if (unexpected && unexpected.length > 0) return failed(changedMeanwhile(data.database, unexpected))
        const applied = await applyMigrations(connection, data.files, {
          root: ports.sourceFolder(data.source),
          output: context.output,
          signal: context.signal,
          ...(known.length === 0 && ports.knownFiles && { known: await ports.knownFiles() }),
          ...(data.statementTimeoutMs !== undefined && { statementTimeoutMs: data.statementTimeoutMs }),
          ...(data.source.kind === 'release' && { release: data.source.release }),
        })
        if (!applied.ok) return applied
        const count = applied.value.length
        return ok({
          message: count === 0 ? 'nothing was pending' : `applied ${applied.value.join(', ')}`,
          value: applied.value,
        })
      })
    },
    async check({ data }, context) {
      const pending = await asOwner(ports, data.service, data.database, context, async (connection) =>
        ok(pendingAmong(data.files, (await readLedger(connection)).applied)),
      )
      if (!pending.ok) return 'unknown'
      return pending.value.length === 0 ? 'done' : 'pending'
    },
  }
}

const breakingOf = (files: OpOf<'apply-migrations'>['data']['files'], versions: string[]): string[] =>
  files
    .filter(({ effect, version }) => effect === 'breaking' && versions.includes(version))
    .map(({ version }) => version)

const breakingUnseen = (database: string, versions: string[], environment: string): Failure => ({
  code: 'breaking-migration-unknown',
  message: `${versions.join(', ')} (breaking) is pending on ${database}, which did not answer when the plan was made`,
  why: 'there is no way back but restore after it, and nobody has confirmed that; nothing was applied',
  next: [`task migrate up ${environment}`],
  outcome: 'unchanged',
})

function seed(ports: DatabasePorts): Handler<'apply-seeds'> {
  return {
    async run({ data }, context) {
      return asOwner(ports, data.service, data.database, context, async (connection): Promise<Result<OpResult>> => {
        const now = pendingSeeds(data.files, (await readLedger(connection)).seeds).map(({ name }) => name)
        const unexpected = data.pending && now.filter((name) => !data.pending?.includes(name))
        if (unexpected && unexpected.length > 0) return failed(changedMeanwhile(data.database, unexpected))
        const applied = await applySeeds(connection, data.files, {
          root: ports.sourceFolder(data.source),
          output: context.output,
          signal: context.signal,
        })
        if (!applied.ok) return applied
        const names = applied.value.join(', ')
        return ok({ message: names === '' ? 'nothing was pending' : `ran ${names}`, value: applied.value })
      })
    },
    async check({ data }, context) {
      const pending = await asOwner(ports, data.service, data.database, context, async (connection) =>
        ok(pendingSeeds(data.files, (await readLedger(connection)).seeds)),
      )
      if (!pending.ok) return 'unknown'
      return pending.value.length === 0 ? 'done' : 'pending'
    },
  }
}

function changingQuery(ports: DatabasePorts): Handler<'run-query'> {
  return {
    async run({ data }, context) {
      const path = join(ports.sourceFolder(data.source), data.path)
      const read = await readSql(path, data.path)
      if (!read.ok) return read
      if (read.value.sha256 !== data.sha256) return failed(changedMeanwhile(data.database, [data.path]))
      const { name, folder, sha256, values, timeoutMs } = data
      const query = parseQuery(read.value.text, { name, folder, file: data.path, sha256 })
      if (!query.ok) return query
      const use = (connection: Connection) =>
        runQuery(connection, { ...query.value, path: data.path }, { values, timeoutMs, maxRows: 1000 })
      const done = await (query.value.as === 'administrator'
        ? withAdministrator(ports, data.service, data.database, context, use)
        : asOwner(ports, data.service, data.database, context, use))
      if (!done.ok) return done
      const { command, count, columns, rows } = done.value
      if (columns.length > 0) for (const line of csvText({ columns, rows }).trimEnd().split('\n')) context.output(line)
      return ok({ message: `${command} ${count}` })
    },
    // Whether it ran cannot be seen afterwards.
    check: async () => 'unknown',
  }
}

function reset(ports: DatabasePorts): Handler<'reset-database'> {
  return {
    async run({ data }, context) {
      const password = context.secrets.find(data.password)
      if (password === undefined) return failed(secretMissing(data.password.secret))
      return withAdministrator(ports, data.service, 'postgres', context, async (admin) => {
        await admin.query(`drop database if exists ${admin.escapeIdentifier(data.name)} with (force)`)
        await ensureDatabase(admin, { name: data.name, user: data.user, password })
        return ok({ message: `${data.name} is empty` })
      })
    },
    check: async () => 'unknown',
  }
}

function maintain(ports: DatabasePorts): Handler<'maintain-table'> {
  return {
    run: ({ data }, context) =>
      withAdministrator(ports, data.service, data.database, context, async (connection) =>
        ok({ message: await maintainTable(connection, data) }),
      ),
    check: async () => 'unknown',
  }
}

function prune(ports: DatabasePorts): Handler<'prune-rows'> {
  return {
    run: ({ data }, context) =>
      asOwner(ports, data.service, data.database, context, async (connection) => {
        const keepMs = parseDuration(data.keep) ?? Number.POSITIVE_INFINITY
        const say = (count: number) => context.output(`${count} rows deleted so far`)
        return ok({ message: `${await pruneRows(connection, { ...data, keepMs }, say)} rows deleted` })
      }),
    check: async () => 'unknown',
  }
}

async function withAdministrator<T>(
  ports: DatabasePorts,
  service: string,
  database: string,
  { run, signal }: OpContext,
  use: (connection: Connection) => Promise<Result<T>>,
): Promise<Result<T>> {
  const administrator = await ports.administrator(service)
  if (!administrator.ok) return administrator
  const address = { ...administrator.value, database, applicationName: applicationName(run), signal }
  return withDatabase(address, use)
}

/** A connection that acts as the database's owner, so that what migrations and seeds make is the service's own. */
async function asOwner<T>(
  ports: DatabasePorts,
  service: string,
  database: string,
  { run, signal }: OpContext,
  use: (connection: Connection) => Promise<Result<T>>,
): Promise<Result<T>> {
  const administrator = await ports.administrator(service)
  if (!administrator.ok) return administrator
  return withOwner({ ...administrator.value, applicationName: applicationName(run), signal }, database, use)
}

function secretMissing(name: string): Failure {
  return {
    code: 'secret-missing',
    message: `the secret ${name} is not there, so the database's password cannot be set`,
    next: ['task setup', `or add ${name} to the .env file of the environment`],
    outcome: 'unchanged',
  }
}

function changedMeanwhile(database: string, unexpected: string[]): Failure {
  return {
    code: 'changed-meanwhile',
    message: `the database ${database} is not as it was when the plan was made`,
    why: `${unexpected.join(', ')} would run too, which the plan does not say`,
    next: ['run the command again, and look at its plan'],
    outcome: 'unchanged',
  }
}
