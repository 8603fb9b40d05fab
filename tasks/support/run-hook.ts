import { type Failure, FailureError, failed, ok } from '../../lib/model/failure.ts'
import { nearest } from '../../lib/model/nearest.ts'
import type { Handler } from '../../lib/model/platform.ts'
import type { TaskContext } from '../../lib/task/definition.ts'
import { withinHook } from './within.ts'

/**
 * The handler of `run-hook`: runs the task that the hook names, with those of environment, release, revision and previous that it
 * declares as arguments. Its effect cannot be observed; the executor keeps its end with the release.
 */
export const runHookHandler = (context: TaskContext): Handler<'run-hook'> => ({
  async run(op, { signal }) {
    const { task: name, moment } = op.data
    const found = context.tasks.find(name)
    if (!found) return failed(unknownTask(name, moment, context.tasks.names))
    const given: Record<string, unknown> = { ...op.data.arguments, previous: op.data.arguments.previous ?? undefined }
    const declared = found.definition.args ?? {}
    const input = Object.fromEntries(
      Object.keys(declared)
        .filter((key) => given[key] !== undefined)
        .map((key) => [key, inKind(given[key], declared[key]?.specification?.kind)]),
    )
    try {
      // Another moment may name the same task; each is an op of its own.
      await withinHook(op.data, () => context.run(found, input, { signal, again: true }))
      return ok({})
    } catch (error) {
      return failed(hookFailure(name, moment, error))
    }
  },
  async check() {
    return 'unknown'
  },
})

/** A number for a task that takes numbers, else text. */
const inKind = (value: unknown, kind: string | undefined): unknown =>
  kind === 'number' ? Number(value) : String(value)

function unknownTask(name: string, moment: string, names: readonly string[]): Failure {
  const close = nearest(name, names)
  return {
    code: 'unknown-hook-task',
    message: `the hook ${moment} names the task ${name}, which the Taskfile does not have`,
    ...(close === undefined ? {} : { nearest: close }),
    next: ['task --list'],
  }
}

function hookFailure(name: string, moment: string, error: unknown): Failure {
  const failure = { code: 'hook-failed', message: `the hook ${moment} failed: task ${name}` }
  if (!(error instanceof FailureError)) return { ...failure, why: (error as Error).message }
  const why = error.failures.map(({ message, why }) => (why ? `${message}: ${why}` : message)).join('; ')
  // What to do about tasks that wait for each other is in the Taskfile; every other next command is about another operation.
  const [circle] = error.failures.filter(({ code }) => code === 'task-cycle')
  return { ...failure, why, ...(circle?.next ? { next: circle.next } : {}) }
}
