import type { Desired } from '../model/desired.ts'
import type { Finding } from '../model/finding.ts'
import { isKept, maskText } from '../model/masking.ts'
import type { OpOf } from '../model/op.ts'
import type { Plan } from '../model/plan.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { planOnDatabase } from './database.ts'

/** What was found out for a sync: its op's data, what is wrong, and how many rows of each table would come. */
export type SyncKnowledge = {
  data: Omit<OpOf<'sync-data'>['data'], 'service' | 'database'>
  findings: Finding[]
  /** By table; empty where something is wrong. */
  counts: ReadonlyMap<string, number>
}

/** The rows of another environment in place of an environment's own, as a plan. */
export const planSync = (desired: Desired, snapshot: Snapshot, { data, findings, counts }: SyncKnowledge): Plan =>
  planOnDatabase('data sync', desired, snapshot, ({ service, name }) => ({
    ops: [
      {
        id: `sync:${service}`,
        kind: 'sync-data',
        after: [],
        cause: 'asked for',
        changes: true,
        destructive: true,
        service,
        timeoutMs: 12 * 3_600_000,
        data: { ...data, service, database: name },
      },
    ],
    findings,
    // Counts stand here and not in the op: another number of rows is no other plan.
    notes: data.tables.map(({ table, masks, rows }) => {
      const count = rows === 'none' ? 'emptied' : `${counts.get(table) ?? 0} rows`
      const masked = Object.entries(masks).filter(([, mask]) => !isKept(mask))
      const said = masked.map(([column, mask]) => `${column} → ${maskText(mask)}`).join(', ')
      return `${table}: ${count}${said === '' || rows === 'none' ? '' : `; ${said}`}`
    }),
  }))
