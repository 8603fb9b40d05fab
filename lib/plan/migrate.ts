import type { Desired } from '../model/desired.ts'
import type { Plan } from '../model/plan.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { planOnDatabase } from './database.ts'
import { migrationOp } from './roll.ts'

/** Applies the pending migrations of an environment's database, which must be running. */
export function planMigrate(desired: Desired, snapshot: Snapshot): Plan {
  return planOnDatabase('migrate up', desired, snapshot, (database) => {
    const op = migrationOp(database, snapshot.database, { kind: 'working-tree' })
    const note = 'a breaking migration is pending: there is no way back but restore'
    return { ops: op ? [op] : [], notes: op?.destructive ? [note] : [] }
  })
}
