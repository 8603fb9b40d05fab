import { tlsOf } from '../../database/tls.ts'
import type { TakenOf, TakenValue } from '../../model/backup-sources.ts'
import { FailureError, unwrap } from '../../model/failure.ts'
import type { SecretSource } from '../../model/platform.ts'
import { Secret } from '../../model/secret.ts'
import type { BackupPorts, Server } from '../context.ts'
import type { RedisAddress } from '../redis/connection.ts'

/** The text of a value, its secrets filled in. Throws `secret-missing`. */
export function revealValue(value: TakenValue, secrets: SecretSource): string {
  if (typeof value === 'string') return value
  return value
    .map((part) => {
      if (typeof part === 'string') return part
      if ('known' in part) return ''
      const secret = secrets.find(part)
      if (secret) return secret.reveal()
      throw new FailureError({
        code: 'secret-missing',
        message: `the secret ${part.secret} is not there, so its source cannot be reached`,
        next: [`add ${part.secret} to the .env file of the environment`],
        outcome: 'unchanged',
      })
    })
    .join('')
}

/** Where a database is, and who gets in: its service's administrator, or whoever its address names. Throws `FailureError`. */
export async function databaseAt(
  ports: Pick<BackupPorts, 'administrator'>,
  source: Pick<TakenOf<'database'>, 'service' | 'database' | 'url'>,
  secrets: SecretSource,
): Promise<{ server: Server; database: string }> {
  const { service, url } = source
  if (url === undefined) return { server: unwrap(await ports.administrator(service)), database: source.database }
  const address = urlOf(revealValue(url, secrets), service, ['postgres:', 'postgresql:'])
  const database = decodeURIComponent(address.pathname.slice(1)) || source.database
  if (database === '' || address.username === '')
    throw new FailureError(badUrl(service, 'it names no database or no user'))
  const tls = tlsOf(address.searchParams)
  if (typeof tls === 'string') throw new FailureError(badUrl(service, tls))
  return {
    server: {
      host: address.hostname.replace(/^\[|\]$/g, ''),
      port: Number(address.port || 5432),
      user: decodeURIComponent(address.username),
      password: new Secret(service, decodeURIComponent(address.password)),
      ...(tls && { tls }),
    },
    database,
  }
}

/** Where a Redis is, and its password. Throws `FailureError`. */
export async function redisAt(
  ports: Pick<BackupPorts, 'serviceAddress'>,
  { name, service, url, password }: Omit<TakenOf<'redis'>, 'type'>,
  secrets: SecretSource,
): Promise<RedisAddress> {
  if (url !== undefined) {
    const address = urlOf(revealValue(url, secrets), name, ['redis:', 'rediss:'])
    return {
      host: address.hostname.replace(/^\[|\]$/g, ''),
      port: Number(address.port || 6379),
      tls: address.protocol === 'rediss:',
      ...(address.username !== '' && { user: decodeURIComponent(address.username) }),
      ...(address.password !== '' && { password: decodeURIComponent(address.password) }),
    }
  }
  const place = unwrap(await ports.serviceAddress(service ?? name))
  return { ...place, tls: false, ...(password !== undefined && { password: revealValue(password, secrets) }) }
}

function urlOf(text: string, name: string, protocols: readonly string[]): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url && protocols.includes(url.protocol) && url.hostname !== '') return url
  throw new FailureError(badUrl(name, `expected ${protocols[0]}//user:password@host:port/…`))
}

/** The failure of an address; it does not show it, because the password is in it. */
const badUrl = (name: string, why: string) => ({
  code: 'bad-address',
  message: `the address of ${name} cannot be used`,
  why,
  next: ['mend the secret that its `url` names'],
  outcome: 'unchanged' as const,
})
