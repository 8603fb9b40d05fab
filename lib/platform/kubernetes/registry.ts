import type { Desired } from '../../model/desired.ts'
import type { Finding } from '../../model/finding.ts'
import { isSameRepository, parseImage, taggedFor } from '../../model/image-reference.ts'
import type { OpOf } from '../../model/op.ts'
import type { Plan } from '../../model/plan.ts'
import type { ObservedSource, RegistryImage } from '../../model/snapshot.ts'
import { askMs, type Engine } from '../docker/engine.ts'
import { pushFindings } from '../images/findings.ts'
import { lookUpImages } from '../images/registry.ts'
import { findingOf } from '../preflight-findings.ts'

const isOpen = (reference: string): boolean => parseImage(reference) !== undefined && !reference.includes('@')

/** What registries say of a deploy's images: of those that manifests name without a digest, that are given, and that it would build. */
export function lookUpManifests(
  desired: Desired,
  { manifestImages = {}, builds = {} }: ObservedSource,
  given: readonly string[],
  signal: AbortSignal,
): Promise<Record<string, RegistryImage>> {
  const wanted = desired.services.flatMap(({ name, build }) => {
    const { repository } = build ?? {}
    const artefact = builds[name]
    const own = repository !== undefined && artefact !== undefined ? [taggedFor(repository, artefact)] : []
    const named = manifestImages[name] ?? []
    return [...own, ...named.filter((text) => repository === undefined || !isSameRepository(text, repository))]
  })
  return lookUpImages([...wanted, ...given].filter(isOpen), { signal })
}

/**
 * What is to be said of a plan's images before it runs. A node may have what its registry has not, and a cluster may get what we do not: so what is
 * fetched is no error.
 *
 * @param images that objects of the plan name
 */
export async function imageFindings(
  engine: Engine,
  { ops }: Plan,
  images: readonly string[],
  signal: AbortSignal,
): Promise<Finding[]> {
  const pushes = ops
    .filter((op): op is OpOf<'push-image'> => op.kind === 'push-image')
    .map(({ data }) => data.reference)
  const open = images.filter((image) => isOpen(image) && !pushes.includes(image))
  const builds = ops.some(({ kind }) => kind === 'run-build' || kind === 'push-image')
  const [seen, built] = await Promise.all([
    lookUpImages([...open, ...pushes], { signal }),
    builds ? builderFindings(engine, signal) : [],
  ])
  const unpinned = open.flatMap((reference) => {
    const image = seen[reference]
    return image?.state === 'unknown' || image?.state === 'refused' ? [{ reference, why: image.why }] : []
  })
  return [
    ...built,
    ...pushes.flatMap((reference) => pushFindings(reference, seen[reference])),
    ...open.flatMap((reference): Finding[] => {
      const image = seen[reference]
      if (image?.state !== 'missing') return []
      return [
        {
          rule: 'image-not-pullable',
          severity: 'warning',
          message: `${reference} can be pulled by no node: ${image.why}`,
          mend: 'name one that is there, or give another one: --image service=reference',
        },
      ]
    }),
    ...(unpinned.length === 0 ? [] : [notPinned(unpinned)]),
  ]
}

function notPinned(images: { reference: string; why: string }[]): Finding {
  const names = images.map(({ reference }) => reference).join(', ')
  const why = [...new Set(images.map(({ why }) => why))].join('; ')
  return { rule: 'image-not-pinned', severity: 'note', message: `not pinned by digest: ${names} (${why})` }
}

/** A cluster builds nothing: an engine that is reached from here does. */
async function builderFindings(engine: Engine, signal: AbortSignal): Promise<Finding[]> {
  const asked = await engine.checked(['version', '--format', '{{.Server.Version}}'], { signal, timeoutMs: askMs })
  if (asked.ok) return []
  const finding = findingOf(asked.failures[0])
  return [{ ...finding, message: `images are built by a Docker engine: ${finding.message}` }]
}
