import type { StdioOptions } from 'node:child_process'
import type { Readable } from 'node:stream'
import { EndedCommand } from './command-output.ts'
import { type CommandOptions, spanOf } from './command-promise.ts'

/** What running a command at once takes. */
export type SyncCommand = {
  text: string
  options: CommandOptions
  place(): string | undefined
  /** Runs it; everything waits. */
  run(
    whole: string,
    how: { stdio: StdioOptions; input?: string | Uint8Array; timeout?: number },
  ): {
    status: number | null
    signal: NodeJS.Signals | null
    error?: Error
    stdout: Buffer | null
    stderr: Buffer | null
  }
  onStart(): void
  onOutput(stream: 'stdout' | 'stderr', data: Uint8Array): void
  onEnd(output: EndedCommand): void
}

/** `$.sync`: gives what the command gave, or throws it where the command fails. */
export function runAtOnce(command: SyncCommand): EndedCommand {
  const { text, options, place } = command
  const { prefix = '', postfix = '', stdio = 'pipe', input, timeout, nothrow, quiet, verbose = true } = options
  if (input !== undefined && typeof input !== 'string' && !(input instanceof Uint8Array)) {
    throw new TypeError(`$.sync cannot read a stream (${(input as Readable).constructor.name}) as input`)
  }
  const isVerbose = verbose && !quiet
  if (isVerbose) command.onStart()
  const begun = performance.now()
  const ended = command.run(prefix + text + postfix, {
    stdio: stdio as StdioOptions,
    ...(input === undefined ? {} : { input }),
    ...(timeout === undefined ? {} : { timeout: spanOf(timeout) }),
  })
  const chunks = (['stdout', 'stderr'] as const).flatMap((stream) => {
    const data = ended[stream]
    return data?.length ? [{ stream, data }] : []
  })
  for (const { stream, data } of chunks) if (stream === 'stderr' ? !quiet : isVerbose) command.onOutput(stream, data)
  const output = new EndedCommand({
    exitCode: ended.status,
    signal: ended.signal,
    duration: performance.now() - begun,
    ...(ended.error === undefined || ended.signal !== null ? {} : { cause: ended.error }),
    chunks,
    place,
  })
  command.onEnd(output)
  if (!output.ok && !nothrow) throw output
  return output
}
