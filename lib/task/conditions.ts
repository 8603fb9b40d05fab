import { createRedactor } from '../log/redact.ts'
import type { Failure } from '../model/failure.ts'
import type { Environment } from './environment.ts'
import type { TaskNode } from './graph.ts'
import type { ConditionContext, Precondition } from './options.ts'
import { placed } from './sources.ts'

type Values = Readonly<Record<string, unknown>>

/** Why a task does not run: the system is another one, or its `when` does not hold. Undefined: it runs. */
export function skipReason(
  { task: { definition } }: Pick<TaskNode, 'task'>,
  context: () => ConditionContext<Values> | Promise<ConditionContext<Values>>,
): string | undefined | Promise<string | undefined> {
  const { platforms, when } = definition
  if (platforms !== undefined && !platforms.includes(process.platform)) {
    return `it is for ${platforms.join(', ')}, and this is ${process.platform}`
  }
  if (when === undefined) return undefined
  return (async () => {
    const verdict = await when(await context())
    if (verdict === true) return undefined
    return typeof verdict === 'string' && verdict !== '' ? verdict : 'its condition does not hold'
  })()
}

/** What checking a node's preconditions takes. */
export type CheckContext = { context: ConditionContext<Values>; env: Environment; signal: AbortSignal }

/** The failures of a task's preconditions, all of them; none when they all hold. */
export async function failedPreconditions({ name, task }: TaskNode, given: CheckContext): Promise<Failure[]> {
  const { preconditions = [] } = task.definition
  const found = await Promise.all(
    (preconditions as readonly Precondition<Values>[]).map(async (one): Promise<Failure | undefined> => {
      const broken = await tryCheck(one, given)
      if (broken === undefined) return undefined
      const message = typeof one.message === 'string' ? one.message : one.message(given.context)
      return {
        code: 'precondition-failed',
        message: `task ${name}: ${message}`,
        ...placed(task.place),
        ...(broken === '' ? {} : { why: broken }),
        outcome: 'unchanged',
      }
    }),
  )
  return found.filter((failure) => failure !== undefined)
}

/** Why a check fails: empty when it only says so; undefined when it passes. Its commands are not shown, and have ended. */
async function tryCheck(
  { check }: Precondition<Values>,
  { context, env, signal }: CheckContext,
): Promise<string | undefined> {
  const { createCommandRunner } = await import('./command-runner.ts')
  const nothing = () => {}
  const runner = createCommandRunner({
    folder: context.folder,
    env,
    signal,
    redactor: createRedactor(),
    onCommand: nothing,
    onOutput: nothing,
  })
  try {
    return (await check({ ...context, $: runner.$({ quiet: true }) })) === false ? '' : undefined
  } catch (error) {
    signal.throwIfAborted()
    const { stderr } = error as { stderr?: unknown }
    if (typeof stderr === 'string') return stderr.trim().split('\n').at(-1) ?? ''
    return error instanceof Error ? error.message : String(error)
  } finally {
    await runner.end()
  }
}
