import { z } from 'zod'
import type { RunSpec } from '../desired.ts'
import { type Lane, laneSchema } from '../rollout.ts'
import { defineOpKind, fingerprintSchema, runSpecSchema } from './shared.ts'

/** Starts a service, or replaces the running one. Its before-value is the running one's fingerprint. */
export const startService = defineOpKind({
  schema: z.strictObject({
    service: z.string(),
    spec: runSpecSchema,
    fingerprint: fingerprintSchema,
    /** What runs now; null when it does not run. */
    before: fingerprintSchema.nullable(),
    /** Which of the Deployments that take turns it becomes; only on kubernetes. */
    lane: laneSchema.exactOptional(),
  }),
  text: ({ service, spec, before, lane }) =>
    `${verb(spec, before, lane)} ${service}${
      spec.source.kind === 'release' ? ` (release ${spec.source.release})` : ''
    }${portsText(spec)}${before !== null && spec.docker?.overlap ? ' beside the old' : ''}${laneText(lane)}`,
})

function verb({ docker }: RunSpec, before: unknown, lane: Lane | undefined): string {
  if (lane) return lane.colour === lane.live ? 'restore' : 'start'
  if (before === null) return 'start'
  return docker?.overlap ? 'start the new' : 'restart'
}

function laneText(lane: Lane | undefined): string {
  if (!lane) return ''
  const as = lane.colour === 'plain' ? '' : ` as ${lane.colour}`
  if (lane.live === undefined || lane.live === lane.colour) return as
  const share = lane.percent === undefined ? '' : ` with ${lane.percent} % of its pods`
  return `${as} beside ${lane.live === 'plain' ? 'the one that is there' : lane.live}${share}${lane.there ? ', where it still is' : ''}`
}

/** The ports that a person can reach: of containers those that the host publishes. */
function portsText({ ports, docker }: RunSpec): string {
  const numbers = docker ? docker.published.map(({ host }) => host) : Object.values(ports)
  return numbers.length > 0 ? ` on ${numbers.join(', ')}` : ''
}
