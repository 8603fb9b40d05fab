import { type Failure, failed, ok } from '../../../model/failure.ts'
import type { Handler } from '../../../model/platform.ts'
import { runChecked } from '../../../system/command.ts'
import { runMark, withMark } from '../../../system/marks.ts'
import type { LocalContext } from '../context.ts'

/** Hands the release's outcome to a command, as JSON on its standard input. */
export const sendNotification = (local: LocalContext): Handler<'send-notification'> => ({
  async run({ data, timeoutMs }, { signal, run, output }) {
    const { on, command, release } = data
    const [program, ...args] = command
    if (program === undefined)
      return failed({ code: 'no-notification-command', message: 'a notification has no command' })
    const found = (await local.releases.list()).find(({ number }) => number === release)
    // All gates have passed; the record is closed right after the plan's last op, which this one is.
    const record = found && on === 'healthy' ? { ...found, outcome: 'healthy' } : found
    const sent = await runChecked([program, ...args], {
      cwd: local.folder,
      env: withMark(process.env, runMark, run),
      input: `${JSON.stringify({ on, environment: local.environment, release: record ?? { number: release } })}\n`,
      timeoutMs,
      signal,
    })
    if (!sent.ok) return failed(notSent(program, sent.failures[0]))
    for (const line of sent.value.stdout.split('\n')) if (line !== '') output(line)
    return ok({})
  },

  // Nobody can see from here whether a message arrived; the effect recorded with the release says whether it was sent.
  check: async () => 'unknown',
})

const notSent = (program: string, failure: Failure): Failure => ({
  ...failure,
  code: 'notification-not-sent',
  message: `the notification by ${program} was not sent: ${failure.message}`,
})
