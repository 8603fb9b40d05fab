import type { RunSpec, Value } from '../../model/desired.ts'
import { type Failure, failed, ok, type Result } from '../../model/failure.ts'
import type { SecretSource } from '../../model/platform.ts'

/** What the source of a service is called, for the parts of values that only a release knows. */
export type Known = { release: string; revision: string }

/** A service's own variables with their values, and the secrets among them. */
export type ResolvedVariables = { env: Record<string, string>; secrets: string[] }

/** Puts secrets and what is known of the release into a service's variables. Failures: `secret-missing`, one for each. */
export function resolveVariables(spec: RunSpec, secrets: SecretSource, known: Known): Result<ResolvedVariables> {
  const env: Record<string, string> = {}
  const used = new Map<string, string>()
  const missing = new Map<string, Failure>()
  const part = (one: Exclude<Value, string>[number]): string => {
    if (typeof one === 'string') return one
    if ('known' in one) return known[one.known]
    const secret = secrets.find(one)
    if (!secret) missing.set(one.secret, secretMissing(one.secret, spec))
    else used.set(one.secret, secret.reveal())
    return secret?.reveal() ?? ''
  }
  for (const [name, value] of Object.entries(spec.environment)) {
    env[name] = typeof value === 'string' ? value : value.map(part).join('')
  }
  const [first, ...others] = missing.values()
  return first ? failed(first, ...others) : ok({ env, secrets: [...used.values()] })
}

/** The failure of a secret that no provider has, in the value that the service was recorded with. */
export function secretMissing(name: string, { service, source }: RunSpec): Failure {
  const recorded = source.kind === 'release' ? `, in the value that release ${source.release} was made with` : ''
  return {
    code: 'secret-missing',
    message: `${service} needs the secret ${name}, which no provider has${recorded}`,
    service,
    next: [`set ${name} in the .env file of the environment`],
    outcome: 'unchanged',
  }
}

/** Of the user's environment what programs need to find their files, other programs, languages, and the way out of the network. */
const inherited = new Set([
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'SHELL',
  'LANG',
  'LANGUAGE',
  'TZ',
  'TMPDIR',
  'XDG_RUNTIME_DIR',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'NODE_EXTRA_CA_CERTS',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
])

/**
 * What every service gets besides its own variables. Not the user's whole environment: a service that works only in the shell of who
 * started it is no service, and tokens of that shell are none of its business.
 */
export function baseEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined && (inherited.has(entry[0]) || entry[0].startsWith('LC_')),
    ),
  )
}
