import type { TaskContext } from '../../lib/task/definition.ts'
import type { Scope } from './flags.ts'
import { wantsFile, writeRunFile } from './runs-files.ts'
import { findRun, listReport, type RunKind, showReport } from './runs-report.ts'
import { opsFolder } from './session.ts'

/** `task runs` */
export const runList = async (
  scope: Scope,
  context: TaskContext & { args: { readonly last: number; readonly kind: RunKind } },
) => listReport(await opsFolder(scope, context), context.args)

/** `task runs show <id>`: its events once more, or a file of its timeline. */
export async function runShow(
  scope: Scope,
  context: TaskContext & {
    args: { readonly run: string; readonly html: boolean; readonly trace: boolean; readonly out?: string | undefined }
  },
) {
  const { args, invocation } = context
  const ops = await opsFolder(scope, context)
  const found = await findRun(ops, args.run)
  if (!wantsFile(args)) return showReport(found)
  return writeRunFile(ops, found, { ...args, folder: invocation.folder })
}
