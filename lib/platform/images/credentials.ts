import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { runCommand } from '../../system/command.ts'

/** Who asks a registry: a name with a password, or a token that stands for both. */
export type RegistryCredentials = { user: string; password: string } | { identityToken: string }

type DockerConfig = {
  auths?: Record<string, { auth?: string; identitytoken?: string; username?: string; password?: string }>
  credHelpers?: Record<string, string>
  credsStore?: string
}

/** What `docker login` calls Docker's own registry. */
const ownKey = 'https://index.docker.io/v1/'

/**
 * The credentials that the docker command has for a registry: of its helper or store, or of its configuration's file. Undefined where it has none, or
 * they cannot be read: then the registry says what it gives to anybody.
 */
export async function credentialsFor(
  registry: string,
  env: NodeJS.ProcessEnv = process.env,
  signal?: AbortSignal,
): Promise<RegistryCredentials | undefined> {
  const folder = env.DOCKER_CONFIG ?? join(env.HOME ?? homedir(), '.docker')
  const text = await readFile(join(folder, 'config.json'), 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  let config: DockerConfig
  try {
    config = JSON.parse(text) as DockerConfig
  } catch {
    return undefined
  }
  const key = registry === 'docker.io' ? ownKey : registry
  const helper = config.credHelpers?.[registry] ?? config.credHelpers?.[key] ?? config.credsStore
  const helped = helper ? await fromHelper(helper, key, env, signal) : undefined
  return helped ?? fromFile(config, registry, key)
}

/** Asks a helper (docker-credential-helpers: the registry on its standard input, JSON on its output). */
async function fromHelper(
  helper: string,
  key: string,
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<RegistryCredentials | undefined> {
  if (!/^[\w.-]+$/.test(helper)) return undefined
  const asked = await runCommand([`docker-credential-${helper}`, 'get'], {
    input: key,
    env,
    timeoutMs: 10_000,
    ...(signal && { signal }),
  })
  if (!asked.ok || asked.value.status !== 0) return undefined
  try {
    const { Username: user, Secret: password } = JSON.parse(asked.value.stdout) as Record<string, string>
    if (user === undefined || password === undefined) return undefined
    return user === '<token>' ? { identityToken: password } : { user, password }
  } catch {
    return undefined
  }
}

function fromFile({ auths = {} }: DockerConfig, registry: string, key: string): RegistryCredentials | undefined {
  const found = auths[key] ?? auths[registry] ?? auths[`https://${registry}`] ?? auths[`https://${registry}/v1/`]
  if (!found) return undefined
  if (found.identitytoken) return { identityToken: found.identitytoken }
  if (found.username !== undefined && found.password !== undefined)
    return { user: found.username, password: found.password }
  const [user, ...password] = Buffer.from(found.auth ?? '', 'base64')
    .toString('utf8')
    .split(':')
  return user && password.length > 0 ? { user, password: password.join(':') } : undefined
}
