import type { Desired, DesiredDatabase } from '../model/desired.ts'
import type { Finding } from '../model/finding.ts'
import type { OpOf } from '../model/op.ts'
import type { Plan } from '../model/plan.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { pendingMigrations, seedOp } from './roll.ts'

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
