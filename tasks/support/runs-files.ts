import { relative, resolve } from 'node:path'
import { runsFolder } from '../../lib/execute/run-record.ts'
import type { Failure } from '../../lib/model/failure.ts'
import { FailureError } from '../../lib/model/failure.ts'
import { writeFileAtomic } from '../../lib/system/files.ts'
import type { View } from '../../lib/task/definition.ts'
import { timelinePage } from '../../lib/task/record/page.ts'
import { type Timeline, taskTimeline } from '../../lib/task/record/timeline.ts'
import { traceOf } from '../../lib/task/record/trace.ts'
import { operationTimeline } from './operation-timeline.ts'
import { type AnyRun, commandLine, outcomeText } from './runs-report.ts'

/** What is to be written of a run, and where; `folder` is where a relative path begins. */
export type RunFiles = { html: boolean; trace: boolean; out?: string | undefined; folder: string }

/** Whether a file of the run is asked for, and not its text. */
export const wantsFile = ({ html, trace, out }: Omit<RunFiles, 'folder'>): boolean => html || trace || out !== undefined

/** Writes the timeline of a run as a page, or as a trace, beside its record or to `out`. Throws `FailureError` for what cannot be written. */
export async function writeRunFile(ops: string, found: AnyRun, { html, trace, out, folder }: RunFiles) {
  if (html === trace) throw new FailureError(html ? tooMany : tooFew)
  const { run } = found.run
  const path =
    out === undefined ? resolve(runsFolder(ops), run, html ? 'timeline.html' : 'trace.json') : resolve(folder, out)
  const timeline: Timeline =
    found.kind === 'task'
      ? taskTimeline(found.run, commandLine(found.run))
      : operationTimeline(ops, found.run, outcomeText(found.run))
  const content = html ? timelinePage(timeline) : `${JSON.stringify(traceOf(timeline))}\n`
  await writeFileAtomic(path, content)
  const shown = relative(folder, path)
  return { run, written: path, text: (_view: View) => `wrote ${shown.startsWith('..') ? path : shown}\n` }
}

const tooMany: Failure = {
  code: 'invalid-value',
  message: '--html and --trace are two files: ask for one',
  outcome: 'usage',
}

const tooFew: Failure = {
  code: 'missing-argument',
  message: '--out says where a file goes, and not which one',
  next: ['task runs show last --html --out run.html'],
  outcome: 'usage',
}
