import type { ContainerImage, DesiredService, ManifestSpec, RunSpec } from '../model/desired.ts'
import type { Finding } from '../model/finding.ts'
import { byDigest, isSameRepository, parseImage, taggedFor } from '../model/image-reference.ts'
import type { Release } from '../model/release.ts'
import type { Snapshot } from '../model/snapshot.ts'

/** What was seen of images: on the engine, and in registries. */
export type SeenImages = Pick<Snapshot, 'images' | 'registry'>

const digestIn = ({ registry }: SeenImages, reference: string): string | undefined => {
  const found = registry?.[reference]
  return found?.state === 'found' ? found.digest : undefined
}

/** An image as containers run it: pinned by what the engine has, else by what its registry has; a built one is named after the files that it is made of. */
export function pinnedImage(image: ContainerImage, artefact: string | undefined, seen: SeenImages): ContainerImage {
  if (image.built) {
    const reference = artefact === undefined ? image.reference : taggedFor(image.reference, artefact)
    const digest = image.pushed && digestIn(seen, reference)
    return { ...image, reference, ...(digest && { identity: byDigest(reference, digest) }) }
  }
  const { reference } = image
  const digest = parseImage(reference)?.digest ?? digestIn(seen, reference)
  const identity = seen.images?.[reference]?.identity ?? (digest && byDigest(reference, digest))
  return identity === undefined ? image : { ...image, identity }
}

/**
 * The images of manifests by what they are, as far as registries say it: the service's own build in the place of all of its repository. What is not known
 * now stays as the release before has it.
 *
 * @param named as the manifests name them
 * @param artefact of what the service's image is built from
 */
export function manifestImages(
  named: readonly string[],
  { build, artefact, seen, before }: ManifestKnowledge,
): Record<string, ContainerImage> {
  const images: Record<string, ContainerImage> = {}
  for (const text of named) {
    const isOwn = build?.repository !== undefined && isSameRepository(text, build.repository)
    if (isOwn && artefact !== undefined) {
      const reference = taggedFor(build.repository as string, artefact)
      const digest = digestIn(seen, reference)
      images[text] = { reference, built: true, pushed: true, ...(digest && { identity: `${reference}@${digest}` }) }
      continue
    }
    if (parseImage(text)?.digest !== undefined) continue
    const earlier = before?.[text]?.reference === text ? before[text]?.identity : undefined
    const digest = digestIn(seen, text)
    const identity = digest === undefined ? earlier : `${text}@${digest}`
    if (identity !== undefined) images[text] = { reference: text, identity }
  }
  return images
}

/** What the images of manifests are decided by. */
export type ManifestKnowledge = {
  build: DesiredService['build'] | undefined
  artefact: string | undefined
  seen: SeenImages
  /** Those of the release before. */
  before: ManifestSpec['images'] | undefined
}

/**
 * A service's spec with the image that was given for it (`--image service=reference`). A finding says where it is not clear which image it takes the
 * place of.
 *
 * @param named the images that its manifests name, on kubernetes
 */
export function withGivenImage(
  spec: RunSpec,
  reference: string,
  { seen, named, repository }: { seen: SeenImages; named: readonly string[]; repository: string | undefined },
): RunSpec | Finding {
  if (spec.docker) {
    const { docker } = spec
    const image = pinnedImage({ reference }, undefined, seen)
    return { ...spec, docker: { ...docker, images: { ...docker.images, [docker.main]: image } } }
  }
  if (!spec.kubernetes) {
    return finding('image-not-run', spec.service, `${spec.service} runs no image on this platform`)
  }
  const same = named.filter((text) => isSameRepository(text, reference))
  const own = named.filter((text) => repository !== undefined && isSameRepository(text, repository))
  const places = same.length > 0 ? same : own.length > 0 ? own : named
  if (places.length === 0)
    return finding('image-not-run', spec.service, `the manifests of ${spec.service} run no image`)
  if (new Set(places.map((text) => parseImage(text)?.name)).size > 1) {
    return finding(
      'image-place-not-clear',
      spec.service,
      `which of the images of ${spec.service} (${places.join(', ')}) ${reference} takes the place of is not clear`,
      'give one of the same repository, or say build.repository in the catalogue: the image of that repository is meant',
    )
  }
  const digest = digestIn(seen, reference)
  const image = {
    reference,
    ...(digest && parseImage(reference)?.digest === undefined && { identity: `${reference}@${digest}` }),
  }
  const given = Object.fromEntries(places.map((text) => [text, image]))
  return { ...spec, kubernetes: { ...spec.kubernetes, images: { ...spec.kubernetes.images, ...given } } }
}

const finding = (rule: string, service: string, message: string, mend?: string): Finding => ({
  rule,
  severity: 'error',
  service,
  message,
  ...(mend !== undefined && { mend }),
})

/** A spec as its release has run it: with the digests that were known only after its images were pushed. */
export function withPushed(spec: RunSpec, pushed: Release['pushed']): RunSpec {
  if (!pushed) return spec
  const known = (images: Record<string, ContainerImage>, pin: (reference: string, digest: string) => string) =>
    Object.fromEntries(
      Object.entries(images).map(([name, image]): [string, ContainerImage] => {
        const digest = pushed[image.reference]
        return [name, digest === undefined ? image : { ...image, identity: pin(image.reference, digest) }]
      }),
    )
  const { docker, kubernetes } = spec
  return {
    ...spec,
    ...(docker && { docker: { ...docker, images: known(docker.images, byDigest) } }),
    ...(kubernetes?.images && {
      kubernetes: { ...kubernetes, images: known(kubernetes.images, (reference, digest) => `${reference}@${digest}`) },
    }),
  }
}
