import { type ImageReference, parseImage } from '../../model/image-reference.ts'
import type { RegistryImage } from '../../model/snapshot.ts'
import { credentialsFor, type RegistryCredentials } from './credentials.ts'

/** How a look into registries is made. */
export type LookUpOptions = {
  signal: AbortSignal
  env?: NodeJS.ProcessEnv
  /** All images together; default 4 s. A registry that is slower is found out when it is pulled from, or pushed to. */
  withinMs?: number
}

const lookMs = 4_000
/** How long an answer other than a digest counts: a plan is made twice in a row, and must not differ by chance. */
const freshMs = 60_000
const atOnce = 8

const kinds = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ')

type Known = { image: RegistryImage; at: number }
const answers = new Map<string, Known>()

/** Forgets what a registry has said of an image: it was changed. */
export const forgetImage = (reference: string): void => void answers.delete(reference)

/**
 * What registries have under these references, all at once, as far as they say so in time. Nothing is fetched but the digests. Registries are asked
 * over HTTP (OCI Distribution Specification) with the credentials that the docker command has; on loopback without TLS, as engines do.
 */
export async function lookUpImages(
  references: readonly string[],
  { signal, env, withinMs = lookMs }: LookUpOptions,
): Promise<Record<string, RegistryImage>> {
  const wanted = [...new Set(references)].filter((reference) => parseImage(reference) !== undefined)
  const deadline = AbortSignal.timeout(withinMs)
  const both = AbortSignal.any([signal, deadline])
  const found: Record<string, RegistryImage> = {}
  const rest = wanted.filter((reference) => {
    const known = answers.get(reference)
    const counts = known && (known.image.state === 'found' || performance.now() - known.at < freshMs)
    if (counts) found[reference] = known.image
    return !counts
  })
  const work = async () => {
    for (let reference = rest.shift(); reference !== undefined; reference = rest.shift()) {
      const image = await lookUp(parseImage(reference) as ImageReference, both, env).catch(
        (error: unknown): RegistryImage => ({
          state: 'unknown',
          why: deadline.aborted ? `no answer within ${withinMs / 1000} s` : reasonOf(error),
        }),
      )
      if (signal.aborted) return
      answers.set(reference, { image, at: performance.now() })
      found[reference] = image
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, rest.length) }, work))
  return found
}

/** What went wrong on the way, in one line: `fetch` says it in its cause. */
function reasonOf(error: unknown): string {
  const { cause, message } = error as Error & { cause?: { code?: string; message?: string } }
  return cause?.message || cause?.code || message
}

async function lookUp(image: ImageReference, signal: AbortSignal, env?: NodeJS.ProcessEnv): Promise<RegistryImage> {
  const { registry, repository, tag = 'latest', digest } = image
  const [first, second] = addressesOf(registry)
  const path = `/v2/${repository}/manifests/${digest ?? tag}`
  try {
    return await ask(`${first}${path}`, image, signal, env)
  } catch (error) {
    if (second === undefined || signal.aborted) throw error
    return ask(`${second}${path}`, image, signal, env)
  }
}

/** Whether a host (with or without a port) is this machine itself. */
export const isLoopback = (host: string): boolean => /^(localhost|127\.[\d.]+|\[::1\])(:\d+)?$/.test(host)

/** Where a registry answers. Engines take one on loopback without TLS. */
function addressesOf(registry: string): [string, string?] {
  if (registry === 'docker.io') return ['https://registry-1.docker.io']
  return isLoopback(registry) ? [`http://${registry}`, `https://${registry}`] : [`https://${registry}`]
}

async function ask(
  url: string,
  image: ImageReference,
  signal: AbortSignal,
  env?: NodeJS.ProcessEnv,
): Promise<RegistryImage> {
  const head = (headers: Record<string, string>) =>
    fetch(url, { method: 'HEAD', headers: { Accept: kinds, ...headers }, signal })
  let response = await head({})
  let credentials: RegistryCredentials | undefined
  if (response.status === 401) {
    credentials = await credentialsFor(image.registry, env, signal)
    const challenge = response.headers.get('www-authenticate') ?? ''
    const authorization = await authorizationFor(challenge, image, credentials, signal)
    if (authorization !== undefined) response = await head({ Authorization: authorization })
  }
  const { status } = response
  if (status === 404) return { state: 'missing', why: `${image.registry} does not have it` }
  if (status === 401 || status === 403) {
    const who = credentials ? 'to whom docker is logged in as' : 'without a login'
    return {
      state: 'refused',
      why: `${image.registry} does not give it ${who} (${status})`,
      login: credentials !== undefined,
    }
  }
  if (!response.ok) return { state: 'unknown', why: `${image.registry} answers ${status}` }
  const digest = response.headers.get('docker-content-digest')
  return digest === null ? { state: 'unknown', why: `${image.registry} says no digest` } : { state: 'found', digest }
}

/** The header that a challenge asks for; undefined where nothing is known that would answer it. */
async function authorizationFor(
  challenge: string,
  { repository, registry }: ImageReference,
  credentials: RegistryCredentials | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const basic =
    credentials && 'user' in credentials
      ? `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`
      : undefined
  if (/^basic/i.test(challenge)) return basic
  if (!/^bearer/i.test(challenge)) return undefined
  const said = Object.fromEntries(
    [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]),
  )
  if (said.realm === undefined || !URL.canParse(said.realm)) return undefined
  const realm = new URL(said.realm)
  // Whoever answers may name any address: credentials go to none in plain text.
  const open = realm.protocol === 'https:' || (isLoopback(registry) && isLoopback(realm.host))
  if (!open) return undefined
  const scope = said.scope ?? `repository:${repository}:pull`
  const service = said.service ?? ''
  const asked =
    credentials && 'identityToken' in credentials
      ? fetch(realm, {
          method: 'POST',
          body: new URLSearchParams({
            grant_type: 'refresh_token',
            refresh_token: credentials.identityToken,
            client_id: 'vital-ops',
            service,
            scope,
          }),
          signal,
        })
      : fetch(withQuery(realm, { service, scope }), {
          headers: basic === undefined ? {} : { Authorization: basic },
          signal,
        })
  const answer = await asked
  if (!answer.ok) return undefined
  const { token, access_token: access } = (await answer.json()) as { token?: string; access_token?: string }
  const bearer = token ?? access
  return bearer === undefined ? undefined : `Bearer ${bearer}`
}

function withQuery(url: URL, query: Record<string, string>): URL {
  const result = new URL(url)
  for (const [name, value] of Object.entries(query)) if (value !== '') result.searchParams.set(name, value)
  return result
}
