import type { TaskContext } from '../../lib/task/definition.ts'
import type { Scope } from './flags.ts'
import { findRun, listReport, type RunKind, showReport } from './runs-report.ts'
import { opsFolder } from './session.ts'

/** `task runs` */
export const runList = async (
  scope: Scope,
  context: TaskContext & { args: { readonly last: number; readonly kind: RunKind } },
) => listReport(await opsFolder(scope, context), context.args)

/** `task runs show <id>`: its events once more. */
export async function runShow(scope: Scope, context: TaskContext & { args: { readonly run: string } }) {
  return showReport(await findRun(await opsFolder(scope, context), context.args.run))
}
