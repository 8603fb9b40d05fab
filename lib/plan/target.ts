import type { ContainerSpec, Desired, DesiredService, Fingerprint, RunSpec, Source } from '../model/desired.ts'
import type { Milliseconds } from '../model/duration.ts'
import type { Release, ReleasedService } from '../model/release.ts'
import type { ObservedService, Snapshot } from '../model/snapshot.ts'
import { fingerprintOf } from '../validate/fingerprint.ts'
import { pinnedImage, type SeenImages, withPushed } from './images.ts'

/** What a service should be, wherever that was read: in the catalogue or in a release's record. */
export type Target = {
  service: string
  /** Absent when the platform cannot run it. */
  spec?: RunSpec
  fingerprint: Fingerprint
  dependencies: { service: string; optional: boolean }[]
  unavailable?: string
  build?: { command: string[]; directory: string; timeoutMs: Milliseconds; dockerfile?: string }
}

/** Whether a service runs files of its own, which a release holds. An engine does not, nor does a database's container. */
export const hasFiles = (spec: RunSpec): boolean =>
  spec.command !== undefined ||
  spec.kubernetes !== undefined ||
  (spec.docker !== undefined && spec.database === undefined)

/** A service of the catalogue as a target, with the artefact that the source has for it. */
export function targetOf(
  service: DesiredService,
  source: Source,
  artefact: string | undefined,
  seen: SeenImages = {},
): Target {
  const target: Target = {
    service: service.name,
    fingerprint: service.fingerprint,
    dependencies: service.dependencies,
  }
  if (service.unavailable !== undefined) target.unavailable = service.unavailable
  if (!service.spec) return target
  target.spec = { ...service.spec, source: hasFiles(service.spec) ? source : { kind: 'working-tree' } }
  if (hasFiles(service.spec) && artefact !== undefined) {
    target.spec.artefact = artefact
    target.fingerprint = { ...service.fingerprint, artefact }
  }
  if (target.spec.docker) pinImages(target, target.spec.docker, artefact, seen)
  if (service.build) {
    const { command, directory, context, timeoutMs, dockerfile } = service.build
    target.build =
      dockerfile === undefined
        ? { command, directory, timeoutMs }
        : { command, directory: context, timeoutMs, dockerfile }
  }
  return target
}

/** Images by what they are, where that is known; a built one is named after the files that it is made of. */
function pinImages(target: Target, docker: ContainerSpec, artefact: string | undefined, seen: SeenImages) {
  const images = Object.entries(docker.images).map(
    ([name, image]) => [name, pinnedImage(image, artefact, seen)] as const,
  )
  const spec = { ...(target.spec as RunSpec), docker: { ...docker, images: Object.fromEntries(images) } }
  target.spec = { ...spec, ...(artefact !== undefined && { artefact }) }
  target.fingerprint = targetFingerprint(target.spec)
}

/** The fingerprint of a spec whose files are known: they count as what they are. */
export const targetFingerprint = ({ artefact, ...spec }: RunSpec): Fingerprint => ({
  ...fingerprintOf(spec),
  ...(artefact !== undefined && hasFiles(spec) && { artefact }),
})

/** All services of the catalogue as targets that run from the working tree. */
export const workingTreeTargets = (desired: Desired, snapshot: Snapshot): Target[] =>
  desired.services.map((service) =>
    targetOf(service, { kind: 'working-tree' }, snapshot.source?.artefacts[service.name], snapshot),
  )

/** The services of a release's record as targets. Needs no working tree. */
export const releaseTargets = (release: Release): Target[] =>
  release.services.map(({ service, spec, fingerprint, dependencies }) => ({
    service,
    fingerprint,
    dependencies,
    ...(spec ? { spec: withPushed(spec, release.pushed) } : { unavailable: 'not available when the release was made' }),
  }))

/** A target as a release records it. */
export const released = ({ service, spec, fingerprint, dependencies }: Target): ReleasedService => ({
  service,
  fingerprint,
  dependencies,
  ...(spec ? { spec } : {}),
})

/** Names of the parts in which two fingerprints differ, sorted. */
export function differingParts(before: Fingerprint, after: Fingerprint): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...names].filter((name) => before[name] !== after[name]).sort()
}

/** Whether the platform has the service up, by its status. */
export const isUp = (observed: ObservedService | undefined): boolean =>
  observed !== undefined && (observed.status === 'running' || observed.status === 'pending')

/** Whether there is something to stop: it is up, processes of it live on, or it will be started again. */
export const isAtWork = (observed: ObservedService | undefined): boolean =>
  isUp(observed) || observed?.pid !== undefined || observed?.retrying === true

/** Whether a one-shot service has done its work. */
const isFinished = (spec: RunSpec, observed: ObservedService | undefined): boolean =>
  spec.oneShot && observed?.status === 'stopped' && observed.exit?.status === 0

/**
 * Why a service has to be started or replaced to become its target; undefined when it is its target already. Speaks of
 * configuration and existence only.
 */
export function causeOfChange(target: Target, observed: ObservedService | undefined): string | undefined {
  if (!target.spec) return undefined
  if (!isUp(observed) && !isFinished(target.spec, observed)) {
    if (observed?.status === 'error') return `not running: ${observed.reason ?? 'it failed'}`
    return observed?.reason ? `not running: ${observed.reason}` : 'not running'
  }
  if (!observed?.fingerprint) return 'not known what it was started with'
  const parts = differingParts(observed.fingerprint, target.fingerprint)
  if (parts.length === 0) return undefined
  const environment = parts.filter((part) => part.startsWith('environment.')).map((part) => part.slice(12))
  const images = parts.filter((part) => part.startsWith('image.')).map((part) => part.slice(6))
  const others = parts.filter((part) => !/^(environment\.|image\.|artefact$)/.test(part))
  return [
    parts.includes('artefact') ? 'its files changed' : '',
    images.length > 0 ? `image changed: ${imageText(target.spec, images)}` : '',
    others.length > 0 ? `configuration changed: ${others.join(', ')}` : '',
    environment.length > 0 ? `environment changed: ${environment.join(', ')}` : '',
  ]
    .filter((text) => text !== '')
    .join('; ')
}

const imageText = ({ docker, kubernetes }: RunSpec, names: string[]): string =>
  names.map((name) => (docker?.images ?? kubernetes?.images)?.[name]?.reference ?? name).join(', ')
