import type { ContainerImage, RunSpec } from '../model/desired.ts'
import type { Finding } from '../model/finding.ts'
import type { Op } from '../model/op.ts'
import type { Snapshot } from '../model/snapshot.ts'
import type { Target } from './target.ts'

const networkTimeoutMs = 60_000
const pullTimeoutMs = 30 * 60_000

/** The ops among these that one service's containers need: of its own networks and images. */
export function neededBy(target: Target, ops: readonly Op[]): string[] {
  const { networks = {}, images = {} } = target.spec?.docker ?? {}
  const own = new Set([
    ...Object.values(networks).map((network) => `network:${network}`),
    ...Object.values(images).map(({ reference }) => `pull:${reference}`),
  ])
  return ops.flatMap(({ id }) => (own.has(id) ? [id] : []))
}

/** What the engine must have before the first container of these services is stopped or started: their networks and images. */
export function containerOps(targets: Target[], snapshot: Snapshot): { ops: Op[]; findings: Finding[] } {
  const specs = targets.flatMap(({ service, spec, build }) =>
    spec?.docker ? [{ service, docker: spec.docker, builds: build !== undefined }] : [],
  )
  const findings: Finding[] = []
  const ops: Op[] = []
  for (const network of new Set(specs.flatMap(({ docker }) => Object.values(docker.networks)))) {
    const state = snapshot.networks?.[network] ?? 'missing'
    if (state === 'present') continue
    if (state === 'foreign') {
      findings.push(foreignNetwork(network))
      continue
    }
    ops.push({
      id: `network:${network}`,
      kind: 'ensure-network',
      after: [],
      cause: 'it is missing',
      changes: true,
      timeoutMs: networkTimeoutMs,
      data: { network },
    })
  }
  const images = new Map(
    specs.flatMap(({ docker, service, builds }) =>
      Object.values(docker.images).map((image) => [image.reference, { image, service, builds }] as const),
    ),
  )
  for (const { image, service, builds } of images.values()) {
    const { reference, identity, built, pushed } = image
    // What its own build makes is there once that has run; what is kept comes back without its image.
    if ((built && builds && identity === undefined) || isThere(image, snapshot) || snapshot.services[service]?.kept)
      continue
    if (built && !pushed ? true : identity?.startsWith('sha256:')) {
      findings.push(imageGone(service, image))
      continue
    }
    ops.push({
      id: `pull:${reference}`,
      kind: 'pull-image',
      after: [],
      cause: 'the engine does not have it',
      changes: true,
      timeoutMs: pullTimeoutMs,
      data: { reference, identity: identity ?? null },
    })
  }
  return { ops, findings }
}

/** Whether the engine has an image, as far as was looked. What is known by its digest or id has to be that. */
function isThere({ reference, identity }: ContainerImage, { images }: Snapshot): boolean {
  if (identity !== undefined && images?.[identity]?.state === 'present') return true
  const seen = images?.[reference]
  if (seen?.state !== 'present') return seen === undefined
  return identity === undefined || seen.identity === undefined || seen.identity === identity
}

const imageGone = (service: string, { reference, identity }: ContainerImage): Finding => ({
  rule: 'image-gone',
  severity: 'error',
  service,
  message: `the image of ${service}, ${reference}${identity === undefined ? '' : ` (${identity.slice(7, 19)})`}, is not on the engine any more, and no registry has it`,
  mend: 'go back to another release (--to), or deploy the revision anew: task deploy --revision; with build.repository images stay in a registry',
})

const foreignNetwork = (network: string): Finding => ({
  rule: 'foreign-network',
  severity: 'error',
  message: `a network ${network} is on the engine already, and is not this environment's`,
  mend: `docker network inspect ${network}   # whose it is; docker network rm ${network} when it is nobody's`,
})

/** Removes what a service's new containers have replaced; they are the last thing that an old release can come back with at once. */
export const dropOp = (service: string, spec: RunSpec, cause: string): Op => ({
  id: `drop:${service}`,
  kind: 'drop-replaced',
  after: [],
  cause,
  changes: true,
  service,
  timeoutMs: 60_000 + (spec.docker?.overlap ? 2 * spec.docker.overlap.drainMs + spec.graceMs : 0),
  data: { service, ...(spec.docker?.overlap && { overlap: { ...spec.docker.overlap, main: spec.docker.main } }) },
})
