import { join } from 'node:path'
import { failed, ok, type Result } from '../../model/failure.ts'
import { runProgram } from './program.ts'
import type { EngineUser } from './user.ts'

/** The version that the server in a folder of binaries says it has, e.g. `17.10`: proof that this account can run it. */
export async function askVersion(
  bin: string,
  user: EngineUser | undefined,
  signal?: AbortSignal,
): Promise<Result<string>> {
  const answer = await runProgram([join(bin, 'postgres'), '--version'], { user, ...(signal && { signal }) })
  if (!answer.ok) return answer
  const [, version] = /PostgreSQL\) (\d+(?:\.\d+)*)/.exec(answer.value.join('\n')) ?? []
  if (version !== undefined) return ok(version)
  return failed({
    code: 'engine-version-unknown',
    message: `${join(bin, 'postgres')} does not say its version`,
    lines: answer.value,
  })
}
