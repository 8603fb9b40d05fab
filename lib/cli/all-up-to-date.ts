import { dropLooks, keepLooks } from '../task/fingerprint/looks.ts'
import { TaskRun } from '../task/run.ts'
import type { Execution } from './execute.ts'

/** Whether all that would run is up to date. Runs nothing; what it has found of inputs is kept for who looks next. */
export async function allUpToDate({ requests, table, invocation, flags }: Execution): Promise<boolean> {
  const { signal } = new AbortController()
  const run = new TaskRun({ table, invocation, signal, emit: () => {}, only: flags.only })
  try {
    const plan = await keepLooks(() => run.plan(requests))
    return plan.ok && plan.value.every(({ status }) => status?.state === 'up-to-date')
  } catch {
    // What is wrong is told by who runs it.
    dropLooks()
    return false
  }
}
