import type { MigrationRow } from '../../lib/database/migrations/compare.ts'
import { type TableView, table } from '../../lib/log/table.ts'

/** What `task migrate status` gives. `reachable`: the database has answered; where not, nothing is known of what is applied. */
export type MigrationStatus = { environment: string; reachable: boolean; migrations: MigrationRow[] }

/** The status as text. */
export function migrationStatusText({ migrations, reachable }: MigrationStatus, view: TableView): string {
  return table(
    ['version', 'name', 'state', 'effect', 'applied', 'took', 'by', 'release', 'what to do'],
    migrations.map((row) => cells(row, reachable)),
    view,
  )
}

function cells(row: MigrationRow, reachable: boolean): string[] {
  const { version, name, state, effect, appliedAt, durationMs, appliedBy, release, failure, action } = row
  return [
    version,
    name,
    reachable ? state : 'unknown',
    effect,
    appliedAt?.slice(0, 19).replace('T', ' ') ?? '',
    durationMs === undefined ? '' : `${(durationMs / 1000).toFixed(2)}s`,
    appliedBy ?? '',
    release === undefined ? '' : String(release),
    reachable ? [failure, action].filter(Boolean).join(': ') : '',
  ]
}
