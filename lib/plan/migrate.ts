import type { Desired } from '../model/desired.ts'
import type { Finding } from '../model/finding.ts'
import type { Plan } from '../model/plan.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { migrationOp } from './roll.ts'

/** Applies the pending migrations of an environment's database, which must be running. */
export function planMigrate(desired: Desired, snapshot: Snapshot): Plan {
  const { database } = desired
  const findings: Finding[] = []
  const plan: Plan = { operation: 'migrate up', environment: desired.environment, ops: [], findings, notes: [] }
  if (!database) {
    findings.push({
      rule: 'no-database',
      severity: 'error',
      message: `environment ${desired.environment} names no database`,
      mend: `add \`database: { service: … }\` to config/environments/${desired.configuredAs}.yaml`,
    })
    return plan
  }
  if (snapshot.database?.ready !== true) {
    findings.push({
      rule: 'database-not-ready',
      severity: 'error',
      service: database.service,
      message: snapshot.database?.reachable
        ? `${database.service} runs, but the database ${database.name} is missing or refuses ${database.user}`
        : `${database.service} does not answer`,
      mend: snapshot.database?.reachable
        ? `task setup ${desired.configuredAs}`
        : `task services up ${database.service} --environment ${desired.configuredAs}`,
    })
    return plan
  }
  const op = migrationOp(database, snapshot.database, { kind: 'working-tree' })
  if (op) plan.ops.push(op)
  if (op?.destructive) plan.notes.push('a breaking migration is pending: there is no way back but restore')
  return plan
}
