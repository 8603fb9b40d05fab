import { z } from 'zod'
import type { RunSpec } from '../desired.ts'
import { defineOpKind, fingerprintSchema, runSpecSchema } from './shared.ts'

/** Starts a service, or replaces the running one. Its before-value is the running one's fingerprint. */
export const startService = defineOpKind({
  schema: z.strictObject({
    service: z.string(),
    spec: runSpecSchema,
    fingerprint: fingerprintSchema,
    /** What runs now; null when it does not run. */
    before: fingerprintSchema.nullable(),
  }),
  text: ({ service, spec, before }) =>
    `${before === null ? 'start' : spec.docker?.overlap ? 'start the new' : 'restart'} ${service}${
      spec.source.kind === 'release' ? ` (release ${spec.source.release})` : ''
    }${portsText(spec)}${before !== null && spec.docker?.overlap ? ' beside the old' : ''}`,
})

/** The ports that a person can reach: of containers those that the host publishes. */
function portsText({ ports, docker }: RunSpec): string {
  const numbers = docker ? docker.published.map(({ host }) => host) : Object.values(ports)
  return numbers.length > 0 ? ` on ${numbers.join(', ')}` : ''
}
