import { blockingFailures, migrationStatus } from '../../lib/database/migrations/compare.ts'
import { parserMajor } from '../../lib/database/sql/parser.ts'
import type { Desired } from '../../lib/model/desired.ts'
import type { Finding } from '../../lib/model/finding.ts'
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
  return { ...plan, findings: [...plan.findings, ...findings, ...unreadable(desired, snapshot)] }
}

/** What the parser cannot read of the migrations that are not applied. A server that is newer than the parser may know better. */
function unreadable({ database, services }: Desired, snapshot: Snapshot): Finding[] {
  const applied = new Set(snapshot.database?.applied?.map(({ version }) => version))
  const major = services.find(({ name }) => name === database?.service)?.spec?.engine?.version
  const newer = major === undefined || major > parserMajor
  return (database?.migrations ?? []).flatMap(({ version, path, problem }) =>
    problem && !applied.has(version)
      ? [
          {
            rule: 'migration-syntax',
            severity: newer ? ('warning' as const) : ('error' as const),
            message: problem.message,
            place: { file: path, line: problem.line, column: problem.column },
          },
        ]
      : [],
  )
}
