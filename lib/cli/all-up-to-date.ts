import { dirname } from 'node:path'
import { type Ahead, expectAhead, worthAhead } from '../task/fingerprint/ahead.ts'
import { dropLooks, keepLooks } from '../task/fingerprint/looks.ts'
import { TaskRun } from '../task/run.ts'
import type { Execution } from './execute.ts'
import { noteAhead } from './look-ahead.ts'

/**
 * Whether all that would run is up to date. Runs nothing; what it has found of inputs is kept for who looks next.
 *
 * @param ahead a look at inputs that was begun
 */
export async function allUpToDate(
  { requests, table, invocation, flags }: Execution,
  ahead: Ahead | undefined,
): Promise<boolean> {
  const { signal } = new AbortController()
  const run = new TaskRun({ table, invocation, signal, emit: () => {}, only: flags.only })
  expectAhead(ahead)
  try {
    const plan = await keepLooks(() => run.plan(requests))
    // Every word is the name of a task.
    if (requests.length === invocation.argv.length)
      noteAhead(dirname(table.file), invocation.argv, worthAhead(), ahead?.look)
    return plan.ok && plan.value.every(({ status }) => status?.state === 'up-to-date')
  } catch {
    // What is wrong is told by who runs it.
    dropLooks()
    return false
  }
}
