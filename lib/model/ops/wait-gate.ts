import { z } from 'zod'
import { defineOpKind, runSpecSchema } from './shared.ts'

/** Waits until a service's probes passed often enough in a row, or its absolute deadline is over. */
export const waitGate = defineOpKind({
  schema: z.strictObject({ service: z.string(), spec: runSpecSchema }),
  text: ({ service, spec }) =>
    spec.oneShot
      ? `gate ${service}: runs to its end with status 0, within ${spec.health.deadlineMs / 1000}s`
      : `gate ${service}: ${spec.health.passes} passes in a row of ${
          spec.health.probes.map((probe) => probe.name ?? probe.type).join(', ') || 'being alive'
        }, within ${spec.health.deadlineMs / 1000}s`,
})
