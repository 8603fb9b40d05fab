import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Which engine is meant; see engine.ts. */
type Address = { host?: string | undefined; context?: string | undefined }

/** Where the docker command finds an engine when nobody says anything (docs.docker.com/reference/cli/docker, `DOCKER_HOST`). */
const usualSocket = '/var/run/docker.sock'

/**
 * The Unix socket that the docker command would ask for the engine at an address, as far as that is known without asking it. Undefined for an engine behind ssh
 * or TCP, for a context that somebody has made, and where a version or TLS is prescribed: those are for the docker command.
 */
export function engineSocket({ host, context }: Address, env: NodeJS.ProcessEnv): string | undefined {
  const { DOCKER_HOST: said, DOCKER_CONTEXT: named, DOCKER_TLS, DOCKER_TLS_VERIFY, DOCKER_API_VERSION } = env
  if (DOCKER_TLS || DOCKER_TLS_VERIFY || DOCKER_API_VERSION) return undefined
  if (host !== undefined) return socketOf(host)
  if (context !== undefined) return undefined
  if (said) return socketOf(said)
  return isDefault(named || currentContext(env)) ? usualSocket : undefined
}

/** The file in which the docker command keeps which context is current; undefined where it has no home. */
export function dockerConfigPath({ DOCKER_CONFIG: folder, HOME: home }: NodeJS.ProcessEnv): string | undefined {
  if (folder) return join(folder, 'config.json')
  return home ? join(home, '.docker', 'config.json') : undefined
}

const socketOf = (host: string): string | undefined => (host.startsWith('unix:///') ? host.slice(7) : undefined)

const isDefault = (context: string): boolean => context === '' || context === 'default'

function currentContext(env: NodeJS.ProcessEnv): string {
  const path = dockerConfigPath(env)
  let text: string
  try {
    text = path === undefined ? '' : readFileSync(path, 'utf8')
  } catch {
    return ''
  }
  try {
    const { currentContext: name } = text === '' ? ({} as { currentContext?: unknown }) : JSON.parse(text)
    return typeof name === 'string' ? name : ''
  } catch {
    // What the docker command makes of it is for itself to say.
    return 'unreadable'
  }
}
