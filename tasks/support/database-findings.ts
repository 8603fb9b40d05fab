import { blockingFailures, migrationStatus } from '../../lib/database/migrations/compare.ts'
import type { Desired } from '../../lib/model/desired.ts'
import type { Plan } from '../../lib/model/plan.ts'
import type { Snapshot } from '../../lib/model/snapshot.ts'

/** The plan with what keeps its migrations from being applied: edited after they were applied, out of order. Said before anything runs. */
export function withMigrationFindings(plan: Plan, desired: Desired, snapshot: Snapshot): Plan {
  if (!plan.ops.some((op) => op.kind === 'apply-migrations')) return plan
  const rows = migrationStatus(desired.database?.migrations ?? [], snapshot.database?.applied ?? [])
  const findings = blockingFailures(rows).map(({ code, message, place, next }) => ({
    rule: code,
    severity: 'error' as const,
    message,
    ...(place ? { place } : {}),
    ...(next?.[0] ? { mend: next[0] } : {}),
  }))
  return { ...plan, findings: [...plan.findings, ...findings] }
}
