import { FailureError } from '../model/failure.ts'
import type { TaskNode } from './graph.ts'
import type { Invocation } from './invocation.ts'
import { type PlannedTask, planText } from './plan.ts'

/** What asking takes. */
export type ConfirmOptions = {
  invocation: Invocation
  /** Asks on the terminal; absent when there is nobody to ask. */
  ask?(question: string): Promise<string>
}

/** The longest plan that is shown whole, in tasks. */
const shownTasks = 20

/**
 * Asks what tasks want confirmed, before any of them runs, with what would run. Rejects with `declined`, or with `no-terminal` where
 * nobody can be asked (both `unchanged`).
 */
export async function confirmAll(
  nodes: readonly TaskNode[],
  planned: () => readonly PlannedTask[],
  { invocation, ask }: ConfirmOptions,
): Promise<void> {
  const wanted = nodes.flatMap(({ name, task, values, skip }) => {
    const { confirm } = task.definition
    if (!confirm || skip !== undefined) return []
    const question = typeof confirm === 'string' ? confirm : confirm({ args: values })
    return question === false ? [] : [{ name, question }]
  })
  if (wanted.length === 0 || invocation.yes) return
  let plan = nodes.length > 1 ? `This would run, in this order:\n${shortened(planned())}` : ''
  for (const { name, question } of wanted) {
    if (!ask) {
      throw new FailureError({
        code: 'no-terminal',
        message: `task ${name} asks before it runs, and there is no terminal to ask on: ${question}`,
        next: [`task --yes ${(invocation.shownArgv ?? invocation.argv).join(' ')}`],
        outcome: 'unchanged',
      })
    }
    const answer = await ask(`${plan}${question} [y/N] `)
    plan = ''
    if (!/^y(es)?$/i.test(answer.trim())) {
      throw new FailureError({ code: 'declined', message: `declined; ${name} did not run`, outcome: 'unchanged' })
    }
  }
}

function shortened(tasks: readonly PlannedTask[]): string {
  if (tasks.length <= shownTasks) return planText(tasks)
  return `${planText(tasks.slice(0, shownTasks))}… and ${tasks.length - shownTasks} more\n`
}
