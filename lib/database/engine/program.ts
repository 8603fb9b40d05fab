import { type Failure, failed, ok, type Result } from '../../model/failure.ts'
import { startProcess } from '../../system/processes.ts'
import type { EngineUser } from './user.ts'

/** How many of a program's last lines are kept. */
const keptLines = 40

/**
 * Runs one of the server's programs to its end, under the given account, with a bare environment, and returns its output's last lines (both
 * streams). It dies with this process. Failures: those of starting it, `program-failed`, `aborted`.
 */
export async function runProgram(
  argv: [string, ...string[]],
  options: { user: EngineUser | undefined; signal?: AbortSignal; output?: (line: string) => void },
): Promise<Result<string[]>> {
  const { user, signal, output } = options
  const lines: string[] = []
  const take = lineReader((line) => {
    output?.(line)
    lines.push(line)
    if (lines.length > keptLines) lines.shift()
  })
  const started = await startProcess({
    argv,
    cwd: '/',
    env: serverEnvironment(),
    ...(user && { uid: user.uid, gid: user.gid }),
    ...(signal && { signal }),
    stdout: take.chunk,
    stderr: take.chunk,
  })
  if (!started.ok) return started
  const { status } = await started.value.exited
  await started.value.stop({ graceMs: 1000 })
  take.end()
  if (status === 0) return ok(lines)
  return failed(programFailed(argv[0], status, lines, signal?.aborted ?? false))
}

/**
 * The environment of the server and its programs: nothing of the user's, whose PGDATA, PGOPTIONS or locale must not change what a
 * workspace's database is.
 */
export function serverEnvironment(): Record<string, string> {
  return { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C', TZ: 'UTC' }
}

function programFailed(program: string, status: number, lines: string[], aborted: boolean): Failure {
  if (aborted) return { code: 'aborted', message: `${program} was ended, because the command was interrupted` }
  return { code: 'program-failed', message: `${program} ended with status ${status}`, lines }
}

function lineReader(take: (line: string) => void): { chunk(chunk: Buffer): void; end(): void } {
  let rest = ''
  return {
    chunk(chunk) {
      const parts = (rest + chunk.toString('utf8')).split('\n')
      rest = parts.pop() ?? ''
      for (const part of parts) take(part)
    },
    end() {
      if (rest !== '') take(rest)
      rest = ''
    },
  }
}
