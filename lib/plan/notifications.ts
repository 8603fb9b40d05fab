import { parseDuration } from '../model/duration.ts'
import type { EnvironmentConfiguration } from '../model/environment.ts'
import type { OpOf } from '../model/op.ts'
import type { Release } from '../model/release.ts'

/** How a deploy can end, for those who are told. */
export type NotifiedOutcome = OpOf<'send-notification'>['data']['on']

/** The notifications of an environment as a release records them: with timeouts in milliseconds. */
export const recordedNotifications = (configuration: EnvironmentConfiguration): NonNullable<Release['notifications']> =>
  configuration.notifications.map(({ on, command, timeout }) => ({
    on: [...on],
    command: [...command],
    timeoutMs: parseDuration(timeout) as number,
  }))

/** The ops that tell of one outcome of a release, in the order of the configuration. `after` is left to the caller. */
export const notificationOps = (
  notifications: Release['notifications'],
  outcome: NotifiedOutcome,
  release: number,
): OpOf<'send-notification'>[] =>
  (notifications ?? [])
    .filter(({ on }) => on.includes(outcome))
    .map(({ command, timeoutMs }, index) => ({
      id: `notify:${outcome}:${index + 1}`,
      kind: 'send-notification' as const,
      after: [],
      cause: 'the environment asks for it',
      changes: false,
      timeoutMs,
      data: { on: outcome, command, release },
    }))
