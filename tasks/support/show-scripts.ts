import { planScripts } from '../../lib/database/migrations/scripts-of-plan.ts'
import { unwrap } from '../../lib/model/failure.ts'
import type { Plan } from '../../lib/model/plan.ts'
import type { Session } from './session.ts'

/** The SQL that a plan's migrations would send, for `--dry-run`; empty where there are none. Throws what reading the files fails with. */
export async function sayScripts(plan: Plan, session: Session): Promise<string> {
  return unwrap(await planScripts(plan, session.folder))
}
