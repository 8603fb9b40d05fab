import { formatDuration } from '../model/duration.ts'
import { FailureError } from '../model/failure.ts'
import type { PlannedTask } from '../task/plan.ts'
import type { Execution } from './execute.ts'
import type { Ending } from './report.ts'

/**
 * Says of each task that is asked for whether it is up to date, and if not, why: which file, argument, variable, need or code changed. Nothing
 * runs, nothing is written. Status 0 when all are up to date, 1 when one is not.
 */
export async function why({ requests, table, invocation }: Execution): Promise<Ending> {
  const { TaskRun } = await import('../task/run.ts')
  const run = new TaskRun({ table, invocation, signal: new AbortController().signal, emit: () => {} })
  try {
    const plan = await run.plan(requests)
    if (!plan.ok) return { outcome: plan.failures[0].outcome ?? 'unchanged', failures: plan.failures }
    const asked = plan.value.filter((task) => task.asked)
    const isUpToDate = asked.every((task) => stateOf(task) === 'up-to-date' || task.skipped !== undefined)
    return {
      outcome: 'done',
      exitCode: isUpToDate ? 0 : 1,
      text: asked.map((task) => textOf(task, plan.value)).join('\n'),
      json: { upToDate: isUpToDate, tasks: plan.value },
    }
  } catch (error) {
    if (error instanceof FailureError) return { outcome: error.outcome, failures: error.failures }
    throw error
  }
}

const stateOf = ({ status }: PlannedTask) => status?.state ?? 'always'

const sentences = {
  'up-to-date': 'is up to date',
  restorable: 'gets its outputs from the cache',
  runs: 'runs',
  'may-run': 'may run',
  always: 'always runs',
} as const

function textOf(task: PlannedTask, all: readonly PlannedTask[]): string {
  const { status, skipped } = task
  if (skipped !== undefined) return `${task.task} is skipped: ${skipped}\n`
  const reasons = status?.reasons ?? []
  const { endedAt, durationMs } = status ?? {}
  const ago = endedAt === undefined ? '' : `, last run ${formatDuration(Math.max(0, Date.now() - endedAt))} ago`
  const took = durationMs === undefined ? '' : ` (${formatDuration(durationMs)})`
  const lines = [
    `${task.task} ${sentences[stateOf(task)]}${stateOf(task) === 'up-to-date' ? `${ago}${took}` : ''}`,
    ...reasons.map(({ text }) => `  ${text}`),
  ]
  const needs = all.filter(({ task: label }) => task.needs.includes(label))
  for (const need of needs) {
    const because = need.status?.reasons[0]?.text
    const why = stateOf(need) === 'up-to-date' || because === undefined ? '' : `: ${because}`
    lines.push(
      `  needs ${need.task}, which ${need.skipped === undefined ? sentences[stateOf(need)] : 'is skipped'}${why}`,
    )
  }
  return `${lines.join('\n')}\n`
}
