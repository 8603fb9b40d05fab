import { parseDuration } from '../model/duration.ts'
import type { EnvironmentConfiguration, HookMoment } from '../model/environment.ts'
import type { Op, OpOf } from '../model/op.ts'
import type { Release } from '../model/release.ts'

/** What a hook's task is told. */
export type HookArguments = OpOf<'run-hook'>['data']['arguments']

/** The hooks of an environment as a release records them: with timeouts in milliseconds. */
export const recordedHooks = (configuration: EnvironmentConfiguration): Release['hooks'] =>
  Object.fromEntries(
    Object.entries(configuration.deploy.hooks).map(([moment, hooks]) => [
      moment,
      (hooks ?? []).map(({ task, timeout, onError, repeatable }) => ({
        task,
        timeoutMs: parseDuration(timeout) as number,
        onError,
        repeatable,
      })),
    ]),
  )

/** The ops of one moment, in the order in which the configuration lists them. `after` is left to the caller. */
export const hookOps = (hooks: Release['hooks'], moment: HookMoment, given: HookArguments): Op[] =>
  (hooks[moment] ?? []).map(({ task, timeoutMs, onError, repeatable }, index) => ({
    id: `hook:${moment}:${task}${index > 0 && hooks[moment]?.[index - 1]?.task === task ? `:${index + 1}` : ''}`,
    kind: 'run-hook' as const,
    after: [],
    cause: 'the deploy policy names it',
    changes: false,
    timeoutMs,
    data: { moment, task, onError, repeatable, arguments: given },
  }))
