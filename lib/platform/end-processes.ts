import { FailureError } from '../model/failure.ts'
import type { Holder } from '../model/platform.ts'
import { endRun } from '../system/groups.ts'

/** Ends the processes on this machine that a dead holder of a lock has left. Throws `FailureError` (`leftovers-not-ended`) when some do not go. */
export async function endProcessesOf({ run, purpose }: Holder): Promise<void> {
  const { left } = await endRun(run)
  if (left.length === 0) return
  const pids = left.map(({ pid }) => pid)
  throw new FailureError({
    code: 'leftovers-not-ended',
    message: `processes of the run ${run} (${purpose}) could not be ended: pid ${pids.join(', ')}`,
    why: "they are another user's, or hang in the kernel",
    next: [`ps -o pid,user,stat,command -p ${pids.join(',')}`],
    outcome: 'unchanged',
  })
}
