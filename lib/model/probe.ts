import { z } from 'zod'
import { durationSchema, nameSchema, portSchema } from './values.ts'

/** A port of the service by its name, or a fixed number. */
const portReference = z.union([nameSchema, portSchema])

const common = {
  name: z.string().min(1).optional().describe('Shown in tables; default is the kind of the probe'),
  timeout: durationSchema.optional().describe('How long one attempt may take (default 5s)'),
}

/** The kinds of probes. A new probe is one entry here and one file in lib/probes/. */
export const probeSchemas = {
  http: z.strictObject({
    ...common,
    type: z.literal('http'),
    port: portReference.optional().describe("Name of one of the service's ports; default is its first"),
    url: z.string().optional().describe('A whole address instead of port and path'),
    path: z.string().startsWith('/').default('/').describe('Path and query'),
    method: z.enum(['GET', 'HEAD', 'POST']).default('GET'),
    headers: z.record(z.string(), z.string()).optional(),
    status: z
      .union([z.int().min(100).max(599), z.array(z.int().min(100).max(599)).nonempty()])
      .optional()
      .describe('Accepted status (default 200 to 299)'),
    body: z.string().optional().describe('Text that the body must contain'),
    json: z
      .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
      .optional()
      .describe('Path into the JSON body (`checks.database`) and the value it must have'),
    latency: durationSchema.optional().describe('The longest accepted answer time'),
  }),
  tcp: z.strictObject({
    ...common,
    type: z.literal('tcp'),
    port: portReference.optional(),
    host: z.string().optional(),
  }),
  postgres: z.strictObject({
    ...common,
    type: z.literal('postgres'),
    port: portReference.optional(),
    url: z.string().optional().describe("A connection address; default is the service's own database"),
    query: z.string().default('select 1').describe('Must succeed; a first column that is false fails'),
  }),
  redis: z.strictObject({
    ...common,
    type: z.literal('redis'),
    port: portReference.optional(),
    url: z.string().optional(),
  }),
  exec: z.strictObject({
    ...common,
    type: z.literal('exec'),
    command: z.array(z.string()).nonempty().describe('Program and arguments; status 0 passes'),
  }),
  disk: z.strictObject({
    ...common,
    type: z.literal('disk'),
    path: z.string().default('.'),
    free: z
      .string()
      .regex(/^\d+(\.\d+)?(%|[KMGT]i?B?)$/, 'expected a share or a size like 10% or 2GiB')
      .default('10%')
      .describe('The least free space: `10%` or `2GiB`'),
  }),
  certificate: z.strictObject({
    ...common,
    type: z.literal('certificate'),
    host: z.string(),
    port: portSchema.default(443),
    validFor: durationSchema.default('14d').describe('The least remaining validity'),
  }),
} as const

/** A probe as configured. */
export const probeSchema = z.discriminatedUnion('type', [
  probeSchemas.http,
  probeSchemas.tcp,
  probeSchemas.postgres,
  probeSchemas.redis,
  probeSchemas.exec,
  probeSchemas.disk,
  probeSchemas.certificate,
])

/** The kinds of probes, by the names that configuration uses. */
export type ProbeType = keyof typeof probeSchemas
/** A probe as configured, with defaults filled in. */
export type Probe = z.output<typeof probeSchema>
/** The probes of one type. */
export type ProbeOf<T extends ProbeType> = Extract<Probe, { type: T }>

/** What one attempt of a probe found. `message` is one line for a person; it holds no secret. */
export type ProbeResult = { passed: boolean; message: string; latencyMs: number }

/** Where a probe looks when its configuration does not say: the service's addresses and what it runs with. */
export type ProbeTarget = {
  service: string
  host: string
  /** Port number by port name; the first entry is the default. */
  ports: Record<string, number>
  /** The service's own database address, for the postgres probe. */
  databaseUrl?: string
  /** Working folder and environment of exec probes. */
  directory: string
  environment: Record<string, string>
  /** Values that no message may show, in no form. */
  secrets?: string[]
}

const health = {
  probes: z.array(probeSchema).describe('All of them must pass'),
  interval: durationSchema.describe('Between two attempts while a gate waits (default 1s)'),
  passes: z.int().min(1).max(100).describe('Consecutive passes of all probes that make the service ready (default 2)'),
  deadline: durationSchema.describe('After this long a gate fails, whatever happened before (default 60s)'),
  watch: durationSchema.describe('Between two attempts while the service runs (default 10s)'),
}

/** A service's health configuration. */
export const healthSchema = z.strictObject({
  probes: health.probes.default([]),
  interval: health.interval.default('1s'),
  passes: health.passes.default(2),
  deadline: health.deadline.default('60s'),
  watch: health.watch.default('10s'),
})
/** A service's health configuration, with defaults filled in. */
export type Health = z.output<typeof healthSchema>

/** What an environment says differently. It has no defaults: `healthSchema.partial()` would fill them in over the service's own. */
export const healthOverrideSchema = z.strictObject(health).partial()
/** What the policy of an environment's deploys says of all gates. Which probes make a service healthy only the service can say. */
export const gatePolicySchema = z
  .strictObject({ interval: health.interval, passes: health.passes, deadline: health.deadline })
  .partial()
