import { ok, type Result } from '../../model/failure.ts'
import type { ObservedImage } from '../../model/snapshot.ts'
import type { Engine } from './engine.ts'

type Inspected = { Id: string; RepoTags: string[] | null; RepoDigests: string[] | null }

/**
 * What the engine has under these references. An image that a registry knows is `repository@sha256:…`, another one is its id on this engine.
 * One call for all; an image that is not there is no failure.
 */
export async function observeImages(
  engine: Engine,
  references: readonly string[],
  signal?: AbortSignal,
): Promise<Result<Record<string, ObservedImage>>> {
  const wanted = [...new Set(references)]
  if (wanted.length === 0) return ok({})
  // In the order of the arguments, without those that are missing: so each is asked for by its name as well.
  const found = await engine.run(['image', 'inspect', ...wanted], signal ? { signal } : {})
  if (!found.ok) return found
  const images = JSON.parse(found.value.stdout.trim() || '[]') as Inspected[]
  return ok(
    Object.fromEntries(
      wanted.map((reference): [string, ObservedImage] => {
        const image = images.find((one) => isNamed(one, reference))
        return [reference, image ? { state: 'present', identity: identityOf(image, reference) } : { state: 'missing' }]
      }),
    ),
  )
}

function isNamed({ Id, RepoTags, RepoDigests }: Inspected, reference: string): boolean {
  if (reference === Id || `sha256:${reference}` === Id) return true
  const names = [...(RepoTags ?? []), ...(RepoDigests ?? [])]
  return names.includes(reference) || names.includes(withTag(reference)) || names.includes(shortName(reference))
}

/** A reference without a tag is `latest`. */
const withTag = (reference: string): string => {
  const short = shortName(reference)
  return /:[^/]*$|@/.test(short) ? short : `${short}:latest`
}

/** The engine leaves out what the registry of Docker itself is called. */
const shortName = (reference: string): string => reference.replace(/^(docker\.io|index\.docker\.io)\/(library\/)?/, '')

function identityOf({ Id, RepoDigests }: Inspected, reference: string): string {
  const repository = shortName(reference)
    .replace(/@.*$/, '')
    .replace(/:[^:/]*$/, '')
  return RepoDigests?.find((digest) => digest.startsWith(`${repository}@`)) ?? Id
}
