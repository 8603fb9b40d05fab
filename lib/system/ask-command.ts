import { execFile } from 'node:child_process'
import type { Result } from '../model/failure.ts'
import { failed, ok } from '../model/failure.ts'
import { type CommandOptions, type CommandResult, timedOut, tooLong } from './command.ts'
import { aborted, notStarted, prepareStart } from './process-start.ts'

/**
 * `runCommand` for a command that only asks and ends by itself: without its gate and its watchdog, which cost two more processes. Where this process
 * is killed meanwhile, the command ends unheard. Results and failures are those of `runCommand`.
 */
export async function askCommand(
  argv: readonly [string, ...string[]],
  options: Omit<CommandOptions, 'input' | 'graceMs'> = {},
): Promise<Result<CommandResult>> {
  const { timeoutMs, signal, maxBuffer = 64 * 1024 * 1024 } = options
  const prepared = prepareStart(argv, options)
  if (!prepared.ok) return prepared
  const { program, cwd, env } = prepared.value
  return new Promise((resolve) => {
    const given = { cwd, env, maxBuffer, timeout: timeoutMs ?? 0, killSignal: 'SIGKILL' as const }
    const child = execFile(program, argv.slice(1), { ...given, encoding: 'utf8' }, (error, stdout, stderr) => {
      signal?.removeEventListener('abort', end)
      if (signal?.aborted) return resolve(failed(aborted(argv[0])))
      if (error?.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return resolve(failed(tooLong(argv[0], maxBuffer)))
      if (error?.killed && timeoutMs !== undefined) return resolve(failed(timedOut(argv[0], timeoutMs)))
      if (typeof error?.code === 'string') return resolve(failed(notStarted(argv[0], error.message)))
      const killedBy = error?.signal
      resolve(ok({ status: error ? (error.code ?? 1) : 0, stdout, stderr, ...(killedBy && { killedBy }) }))
    })
    const end = () => void child.kill('SIGKILL')
    signal?.addEventListener('abort', end, { once: true })
    if (signal?.aborted) end()
    child.stdin?.end()
  })
}
