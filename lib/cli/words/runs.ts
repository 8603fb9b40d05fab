import { dirname, join } from 'node:path'
import { listArguments, showArguments } from '../../../tasks/runs.ts'
import { wantsFile, writeRunFile } from '../../../tasks/support/runs-files.ts'
import { findRun, listReport, showReport } from '../../../tasks/support/runs-report.ts'
import { FailureError, type Result } from '../../model/failure.ts'
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
      args: listArguments,
      run: ({ args, tasks, color }) => answer(tasks, color, (ops) => listReport(ops, args)),
    }),
    show: builtInCommand({
      description: 'what happened in a run',
      args: showArguments,
      run: ({ args, tasks, color, folder }) =>
        answer(tasks, color, async (ops) => {
          const found = await findRun(ops, args.run)
          return wantsFile(args) ? writeRunFile(ops, found, { ...args, folder }) : showReport(found)
        }),
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
