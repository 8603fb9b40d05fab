import { parseDuration } from '../../model/duration.ts'
import { type Failure, failed } from '../../model/failure.ts'
import { parseEnvFile } from '../../validate/env-file.ts'
import { runCommand } from '../command.ts'
import { secretsInText } from './env-text.ts'
import type { ProviderDefinition } from './provider.ts'

/**
 * Values from a program that prints NAME=value lines (`op`, `vault`, `sops` …). It runs in the workspace, without a shell. Failures: those of
 * `runCommand`, `secret-command-failed`, those of the printed lines.
 */
export const commandProvider: ProviderDefinition<'command'> = {
  allSecret: true,
  async read({ command, timeout }, { folder, env, signal }) {
    const timeoutMs = parseDuration(timeout) ?? 30_000
    const result = await runCommand(command as [string, ...string[]], { cwd: folder, env, signal, timeoutMs })
    if (!result.ok) return failed(...(result.failures.map(unchanged) as [Failure, ...Failure[]]))
    const { status, stdout, stderr, killedBy } = result.value
    if (status === 0 && killedBy === undefined) return secretsInText(`output of ${command[0]}`, stdout)
    const lines = withoutValues(stderr, stdout).trim().split('\n').slice(-10)
    return failed({
      code: 'secret-command-failed',
      message: `${command[0]}, which gives the secrets, ended with ${killedBy ?? `status ${status}`}`,
      ...(lines[0] !== '' && { lines }),
      outcome: 'unchanged',
    })
  },
}

const unchanged = (failure: Failure): Failure => ({ ...failure, outcome: 'unchanged' })

/** What a program complained of, without the values that it had printed before. */
function withoutValues(complaint: string, printed: string): string {
  const { entries } = parseEnvFile('', printed, { secret: true })
  const values = entries.map(({ value }) => value).filter((value) => value.length >= 4)
  return values.reduce((text, value) => text.replaceAll(value, '[redacted]'), complaint)
}
