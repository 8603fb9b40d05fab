import { parseImage } from '../../model/image-reference.ts'
import type { RegistryImage } from '../../model/snapshot.ts'
import { isLoopback, lookUpImages } from '../images/registry.ts'
import type { DockerContext } from './context.ts'
import { isLocalEngine } from './reach.ts'

/** What registries have, as far as it is seen from here: a registry on the loopback of an engine's host is another one than ours. */
export async function lookUpFor(
  { engine }: Pick<DockerContext, 'engine'>,
  references: readonly string[],
  signal: AbortSignal,
): Promise<Record<string, RegistryImage>> {
  if (references.length === 0) return {}
  const isLocal = await isLocalEngine(engine)
  const seen = references.filter((reference) => isLocal || !isLoopback(parseImage(reference)?.registry ?? ''))
  return lookUpImages(seen, { signal })
}
