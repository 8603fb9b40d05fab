import { join } from 'node:path'
import { failed, ok, type Result } from '../../model/failure.ts'
import { prepareNative } from './native.ts'
import { findEnginePackage } from './package.ts'
import { findSystemServer } from './system.ts'
import { type EngineUser, engineUser } from './user.ts'

/** What is looked for. */
export type EngineRequest = {
  /** The major version, e.g. 17. */
  version: number
  prefer: 'embedded' | 'system'
  /** Where the package is resolved from first. */
  workspaceFolder: string
  /** Where a copy of the package's files is kept if one is needed; reachable for the server's account. */
  engineFolder: string
  signal?: AbortSignal
}

/** A PostgreSQL that runs here. */
export type Engine = {
  kind: 'embedded' | 'system'
  /** `17.10` or, of the package, `17.10.0-beta.17`. */
  version: string
  major: number
  /** The folder of `postgres` and `initdb`. */
  bin: string
  /** Under whom it runs; absent for an ordinary user, who runs it himself. */
  user?: EngineUser
}

/**
 * Finds the PostgreSQL for a service: the one that npm brought, or with `prefer: 'system'` one of that major version on the machine if there is
 * one. Makes the package usable where it is not (links, a copy for another account). Failures: `engine-not-installed` (with the
 * command that installs it), `engine-version-missing`, `engine-platform-unknown`, `engine-not-runnable`, `no-engine-user`.
 */
export async function locateEngine(request: EngineRequest): Promise<Result<Engine>> {
  const { version, prefer, signal } = request
  const account = engineUser()
  if (!account.ok) return account
  const user = account.value
  const system = prefer === 'system' ? await findSystemServer(version, user, process.env.PATH, signal) : undefined
  if (system) return ok({ kind: 'system', ...system, ...(user && { user }) })

  const found = await findEnginePackage(request.workspaceFolder, version)
  if (!found.ok) {
    const [failure] = found.failures
    const other = prefer === 'embedded' ? await findSystemServer(version, user, process.env.PATH, signal) : undefined
    if (other === undefined) return found
    const hint = `or set prefer: system in the service's local section: PostgreSQL ${other.version} is in ${other.bin}`
    return failed({ ...failure, next: [...(failure.next ?? []), hint] })
  }
  const { major } = found.value
  const native = await prepareNative(found.value, {
    engineFolder: request.engineFolder,
    user,
    ...(signal && { signal }),
  })
  if (!native.ok) return native
  return ok({
    kind: 'embedded',
    version: found.value.version,
    major,
    bin: join(native.value, 'bin'),
    ...(user && { user }),
  })
}
