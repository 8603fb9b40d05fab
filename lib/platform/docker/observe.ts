import { posix } from 'node:path'
import type { Desired } from '../../model/desired.ts'
import { ok, type Result } from '../../model/failure.ts'
import type { ObserveOptions, SecretSource } from '../../model/platform.ts'
import type { Snapshot } from '../../model/snapshot.ts'
import { pinnedImage } from '../../plan/images.ts'
import { placeRelease } from '../../plan/ports.ts'
import { targetOf } from '../../plan/target.ts'
import { type Contexts, observeSource } from '../local/source.ts'
import { environmentContainers } from './containers.ts'
import type { DockerContext } from './context.ts'
import { databaseOf, type Ways } from './database-access.ts'
import { observeNetworks } from './networks.ts'
import { observeImages } from './observe-images.ts'
import { blockedPorts } from './ports.ts'
import { lookUpFor } from './registry.ts'
import { observedServices } from './state.ts'

/** Looks at an environment on its engine, and changes nothing. Fails where the engine does not answer, or a revision is unknown. */
export async function observeDocker(
  docker: DockerContext,
  ways: Ways,
  desired: Desired,
  secrets: SecretSource,
  { source, images: given = [], signal }: ObserveOptions,
): Promise<Result<Snapshot>> {
  // All at once: the two of the releases are one look at their volume.
  const [containers, listed, current] = await Promise.all([
    environmentContainers(docker, signal),
    docker.releases.list(),
    docker.releases.current(),
  ])
  if (!containers.ok) return containers
  const at = docker.clock.wall()
  const releases = listed.map((release) => placeRelease(release, docker.ports))
  // What a command may start: of the catalogue, and of every release that can come back.
  const specs = desired.services.flatMap(({ spec }) => spec ?? [])
  const recorded = releases.flatMap(({ services }) => services.flatMap(({ spec }) => spec ?? []))
  const known = [...specs, ...recorded].flatMap(({ docker: own }) => own ?? [])
  const references = [
    ...given,
    ...known.flatMap(({ images }) =>
      Object.values(images).flatMap(({ reference, identity }) => [
        reference,
        ...(identity === undefined ? [] : [identity]),
      ]),
    ),
  ]
  const [files, ports, networks, images, database] = await Promise.all([
    source ? observeSource(docker.folder, buildContexts(desired), source) : undefined,
    blockedPorts(docker, specs, signal),
    observeNetworks(docker, [...new Set(known.flatMap((own) => Object.values(own.networks)))], signal),
    observeImages(docker.engine, references, signal),
    databaseOf(docker, ways, desired, secrets, signal),
  ])
  if (files && !files.ok) return files
  if (!ports.ok) return ports
  if (!networks.ok) return networks
  if (!images.ok) return images
  const registry = files?.ok
    ? await inRegistries(docker, desired, { artefacts: files.value.artefacts, images: images.value, given }, signal)
    : undefined
  const built = files?.ok ? await builtImages(docker, desired, files.value.artefacts, signal) : ok({})
  if (!built.ok) return built
  return ok({
    at: at.toISOString(),
    services: observedServices(containers.value, at),
    ports: ports.value,
    ...(database && { database }),
    ...(files && { source: files.value }),
    releases,
    ...(current !== undefined && { current }),
    programs: {},
    built: built.value,
    networks: networks.value,
    images: images.value,
    ...(registry && { registry }),
  })
}

/** What registries say of a deploy's images: of those that it builds and pushes, and of those that the engine does not have. */
function inRegistries(
  docker: DockerContext,
  desired: Desired,
  seen: { artefacts: Record<string, string>; images: NonNullable<Snapshot['images']>; given: readonly string[] },
  signal: AbortSignal,
): Promise<NonNullable<Snapshot['registry']>> {
  const catalogue = desired.services.flatMap(({ name, spec }) =>
    Object.values(spec?.docker?.images ?? {}).flatMap((image) => {
      const { reference } = pinnedImage(image, seen.artefacts[name], {})
      return image.built ? (image.pushed ? [reference] : []) : missingIn(seen.images, reference)
    }),
  )
  return lookUpFor(
    docker,
    [...catalogue, ...seen.given.flatMap((reference) => missingIn(seen.images, reference))],
    signal,
  )
}

const missingIn = (images: NonNullable<Snapshot['images']>, reference: string): string[] =>
  images[reference]?.state === 'missing' && !reference.includes('@') ? [reference] : []

/** The folders whose content identifies the images that services build. */
const buildContexts = (desired: Desired): Contexts =>
  Object.fromEntries(
    desired.services.flatMap(({ name, spec, build }) =>
      spec && build?.dockerfile !== undefined ? [[name, posix.normalize(build.context)] as const] : [],
    ),
  )

/** Which images of the present files the engine has already. */
async function builtImages(
  { engine }: DockerContext,
  desired: Desired,
  artefacts: Record<string, string>,
  signal: AbortSignal,
): Promise<Result<Record<string, string>>> {
  const wanted = desired.services.flatMap((service) => {
    const artefact = artefacts[service.name]
    if (service.build?.dockerfile === undefined || artefact === undefined) return []
    const { spec } = targetOf(service, { kind: 'working-tree' }, artefact)
    const image = Object.values(spec?.docker?.images ?? {}).find(({ built }) => built)
    return image ? [{ service: service.name, artefact, reference: image.reference }] : []
  })
  const images = await observeImages(
    engine,
    wanted.map(({ reference }) => reference),
    signal,
  )
  if (!images.ok) return images
  const there = wanted.filter(({ reference }) => images.value[reference]?.state === 'present')
  return ok(Object.fromEntries(there.map(({ service, artefact }) => [service, artefact])))
}
