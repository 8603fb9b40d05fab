import { dirname, join } from 'node:path'
import { findRun, listReport, showReport } from '../../../tasks/support/runs-report.ts'
import { FailureError, type Result } from '../../model/failure.ts'
import { choice, number, text } from '../../task/arguments.ts'
import type { View } from '../../task/definition.ts'
import type { LoadedTasks } from '../../task/table.ts'
import { builtIn, builtInCommand } from '../built-in.ts'
import type { Ending } from '../report.ts'

/** `task runs` where the Taskfile has no operations, which bring a task of that name. */
export const runs = builtIn({
  defaultCommand: 'list',
  commands: {
    list: builtInCommand({
      description: 'the last runs, newest first',
      args: {
        last: number({ integer: true, min: 1 }).default(20).describe('how many'),
        kind: choice(['all', 'operations', 'tasks']).default('all').describe('those of which kind'),
      },
      run: ({ args, tasks, color }) => answer(tasks, color, (ops) => listReport(ops, args)),
    }),
    show: builtInCommand({
      description: 'what happened in a run',
      args: { run: text().positional().describe('its id, `last`, or its number from the newest, which is 1') },
      run: ({ args, tasks, color }) => answer(tasks, color, async (ops) => showReport(await findRun(ops, args.run))),
    }),
  },
})

async function answer(
  tasks: Result<LoadedTasks>,
  color: boolean,
  report: (ops: string) => Promise<object & { text(view: View): string }>,
): Promise<Ending> {
  if (!tasks.ok) return { outcome: 'unchanged', failures: tasks.failures }
  try {
    const { text: textOf, ...result } = await report(join(dirname(tasks.value.file), '.ops'))
    return { outcome: 'done', result, text: textOf({ color, columns: process.stdout.columns ?? 80 }) }
  } catch (error) {
    if (error instanceof FailureError) return { outcome: error.outcome, failures: error.failures }
    throw error
  }
}
