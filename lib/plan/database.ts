import type { Desired, DesiredDatabase } from '../model/desired.ts'
import type { Finding } from '../model/finding.ts'
import type { Op, OpOf } from '../model/op.ts'
import type { Plan } from '../model/plan.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { chain, migrationOp, pendingMigrations, seedOp } from './roll.ts'

/** Why an environment's database cannot be worked on; undefined when it can. */
export function databaseFinding(desired: Desired, snapshot: Snapshot): Finding | undefined {
  const { database } = desired
  if (!database) {
    return {
      rule: 'no-database',
      severity: 'error',
      message: `environment ${desired.environment} names no database`,
      mend: `add \`database: { service: … }\` to config/environments/${desired.configuredAs}.yaml`,
    }
  }
  if (snapshot.database?.ready === true) return undefined
  const { reachable } = snapshot.database ?? {}
  if (database.url !== undefined) {
    return {
      rule: 'database-not-ready',
      severity: 'error',
      message: `the database ${database.name} does not answer at its address`,
      mend: `task db:wait ${desired.configuredAs}   # says why; database.url of config/environments/${desired.configuredAs}.yaml`,
    }
  }
  return {
    rule: 'database-not-ready',
    severity: 'error',
    service: database.service,
    message: reachable
      ? `${database.service} runs, but the database ${database.name} is missing or refuses ${database.user}`
      : `${database.service} does not answer`,
    mend: reachable
      ? `task setup ${desired.configuredAs}`
      : `task services up ${database.service} --environment ${desired.configuredAs}`,
  }
}

/** A plan of ops on an environment's database, which must be ready; with the finding that says why not otherwise. */
export function planOnDatabase(
  operation: string,
  desired: Desired,
  snapshot: Snapshot,
  make: (database: DesiredDatabase) => Pick<Plan, 'ops'> & Partial<Pick<Plan, 'notes' | 'findings'>>,
): Plan {
  const plan: Plan = { operation, environment: desired.environment, ops: [], findings: [], notes: [] }
  const finding = databaseFinding(desired, snapshot)
  if (finding || !desired.database) return { ...plan, findings: finding ? [finding] : [] }
  return { ...plan, ...make(desired.database) }
}

/** A query that changes something, as a plan. */
export const planQuery = (
  desired: Desired,
  snapshot: Snapshot,
  query: Omit<OpOf<'run-query'>['data'], 'service' | 'database' | 'source'>,
): Plan =>
  planOnDatabase(`query ${query.name}`, desired, snapshot, ({ service, name }) => ({
    ops: [
      {
        id: `query:${query.name}`,
        kind: 'run-query',
        after: [],
        cause: 'asked for',
        changes: true,
        // What a statement changes, nothing here can take back.
        destructive: true,
        service,
        timeoutMs: query.timeoutMs + 60_000,
        data: { ...query, service, database: name, source: { kind: 'working-tree' } },
      },
    ],
  }))

/** The seeds of an environment that are new or changed, as a plan. */
export const planSeed = (desired: Desired, snapshot: Snapshot): Plan =>
  planOnDatabase('seed', desired, snapshot, (database) => {
    const op = seedOp(database, snapshot.database, { kind: 'working-tree' })
    const pending = pendingMigrations(database, snapshot.database) ?? []
    const findings =
      op && pending.length > 0
        ? [
            {
              rule: 'migrations-pending',
              severity: 'warning' as const,
              message: `${pending.length} migrations are pending: seeds may need what they make`,
              mend: `task migrate up ${desired.configuredAs}`,
            },
          ]
        : []
    return { ops: op ? [op] : [], findings }
  })

/** An export's tables that a database has not taken yet, as a plan. */
export const planImport = (
  desired: Desired,
  snapshot: Snapshot,
  data: Omit<OpOf<'import-data'>['data'], 'service' | 'database'>,
): Plan =>
  planOnDatabase('data import', desired, snapshot, ({ service, name }) => ({
    ops:
      data.parts.length === 0
        ? []
        : [
            {
              id: `import:${service}`,
              kind: 'import-data',
              after: [],
              cause: 'asked for',
              changes: true,
              ...(data.replace ? { destructive: true } : {}),
              service,
              timeoutMs: 12 * 3_600_000,
              data: { ...data, service, database: name },
            },
          ],
  }))

/** Drops an environment's database and makes it anew with its migrations and seeds; only where nobody else's data can be lost. */
export function planReset(desired: Desired, snapshot: Snapshot): Plan {
  const { database, configuration } = desired
  const plan: Plan = { operation: 'db:reset', environment: desired.environment, ops: [], findings: [], notes: [] }
  const refused =
    configuration.protected || desired.configuredAs === 'production'
      ? `${desired.environment} is ${configuration.protected ? 'protected' : 'production'}`
      : desired.platform !== 'local'
        ? `${desired.environment} runs on ${desired.platform}`
        : undefined
  if (refused !== undefined && !desired.rehearsal) {
    const message = `${refused}: only a database for development on this machine is reset`
    return { ...plan, findings: [{ rule: 'reset-not-allowed', severity: 'error', message }] }
  }
  // A database that is missing is no obstacle: a reset may have been broken off.
  const finding = databaseFinding(desired, snapshot)
  if (!database || (finding && !snapshot.database?.reachable)) return { ...plan, findings: finding ? [finding] : [] }
  const { service, name, user, password, url } = database
  if (url !== undefined) {
    const message = `the database of ${desired.environment} is not run by a service of it: it is not reset`
    return { ...plan, findings: [{ rule: 'reset-not-allowed', severity: 'error', message }] }
  }
  const source = { kind: 'working-tree' as const }
  const empty = { created: false, reachable: true, applied: [], seeded: [] }
  const steps = [migrationOp(database, empty, source), seedOp(database, empty, source)].filter((op) => op !== undefined)
  const reset: Op = {
    id: `reset:${service}`,
    kind: 'reset-database',
    after: [],
    cause: 'asked for',
    changes: true,
    destructive: true,
    service,
    timeoutMs: 120_000,
    data: { service, name, user, password },
  }
  return {
    ...plan,
    ops: chain([reset, ...steps], []),
    notes: ['sessions that are open are ended; services connect again'],
  }
}

/** What was found of a database, by which maintenance is planned. */
export type Figures = {
  tables: { table: string; live: number; dead: number; changed: number; analysed: boolean; frozenAge: number }[]
  indexes: { index: string; invalid: boolean; leftover: boolean; emptyPercent: number; emptyBytes: number }[]
  prune: { table: string; column: string; keep: string; rows: number }[]
}

/** From how many dead or changed rows, and from which part of all, something is done; autovacuum's own default is 50 and a fifth. */
const least = { rows: 1000, part: 0.1, frozenAge: 0.5 }

/** Vacuums, analyses and rebuilds what its figures say needs it, and deletes what the policy does not keep. */
export const planMaintain = (desired: Desired, snapshot: Snapshot, figures: Figures): Plan =>
  planOnDatabase('db:maintain', desired, snapshot, ({ service, name }) => {
    const common = { after: [], changes: true, service, timeoutMs: 6 * 3_600_000 }
    const prune = figures.prune
      .filter(({ rows }) => rows > 0)
      .map(({ rows, ...data }) => ({
        ...common,
        id: `prune:${data.table}`,
        kind: 'prune-rows' as const,
        cause: `${rows} rows are older`,
        destructive: true,
        data: { service, database: name, ...data },
      }))
    const pruned = new Set(prune.map(({ data }) => data.table))
    const tables = figures.tables.flatMap((table) => {
      const need = tableNeed(table, pruned.has(table.table))
      if (!need) return []
      const after = prune.filter(({ data }) => data.table === table.table).map(({ id }) => id)
      const data = { service, database: name, action: need.action, target: table.table }
      return [
        { ...common, after, id: `vacuum:${table.table}`, kind: 'maintain-table' as const, cause: need.cause, data },
      ]
    })
    const indexes = figures.indexes.map(({ index, invalid, leftover, emptyPercent, emptyBytes }) => ({
      ...common,
      id: `${leftover ? 'drop' : 'reindex'}:${index}`,
      kind: 'maintain-table' as const,
      cause: leftover
        ? 'a rebuild that was broken off left it'
        : invalid
          ? 'it is not valid'
          : `${emptyPercent}% of it is empty, ${(emptyBytes / 1048576).toFixed(1)} MB`,
      data: {
        service,
        database: name,
        action: leftover ? ('drop index' as const) : ('reindex' as const),
        target: index,
      },
    }))
    return { ops: [...prune, ...tables, ...indexes] }
  })

type Need = { action: 'vacuum' | 'analyze' | 'vacuum analyze'; cause: string }

function tableNeed(
  { live, dead, changed, analysed, frozenAge }: Figures['tables'][0],
  pruned: boolean,
): Need | undefined {
  const all = live + dead
  if (pruned) return { action: 'vacuum analyze', cause: 'rows of it are deleted' }
  if (dead >= least.rows && dead >= least.part * all) {
    const part = Math.round((100 * dead) / all)
    return { action: 'vacuum analyze', cause: `${dead} of ${all} rows are dead (${part}%)` }
  }
  if (frozenAge >= least.frozenAge) {
    return {
      action: 'vacuum',
      cause: `its oldest row is ${Math.round(100 * frozenAge)}% of the way to a forced vacuum`,
    }
  }
  if (live >= least.rows && !analysed) return { action: 'analyze', cause: `no statistics of its ${live} rows` }
  if (changed >= least.rows && changed >= least.part * live) {
    return { action: 'analyze', cause: `${changed} rows changed since its statistics were made, of ${live}` }
  }
  return undefined
}
