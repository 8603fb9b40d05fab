import { z } from 'zod'
import type { ContainerImage, ContainerSpec, Fingerprint, RunSpec, Source, Value } from '../desired.ts'
import { probeSchema } from '../probe.ts'
import { rolloutStrategySchema } from '../rollout.ts'
import { proxyAdapterNames } from '../service.ts'

/** A secret by reference. */
export const secretReferenceSchema = z.strictObject({ secret: z.string(), digest: z.string() })

const valueSchema: z.ZodType<Value> = z.union([
  z.string(),
  z.array(z.union([z.string(), secretReferenceSchema, z.strictObject({ known: z.enum(['release', 'revision']) })])),
])

/** Where files come from. */
export const sourceSchema: z.ZodType<Source> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('working-tree') }),
  z.strictObject({ kind: z.literal('release'), release: z.int().min(1) }),
])

/** The parts of a spec as digests. */
export const fingerprintSchema: z.ZodType<Fingerprint> = z.record(z.string(), z.string())

/** How containers change without downtime. */
export const overlapSchema = z.strictObject({
  drainMs: z.number(),
  proxy: z
    .strictObject({ service: z.string(), adapter: z.enum(proxyAdapterNames), port: z.int(), network: z.string() })
    .exactOptional(),
})

const imageSchema: z.ZodType<ContainerImage> = z.strictObject({
  reference: z.string(),
  identity: z.string().exactOptional(),
  built: z.literal(true).exactOptional(),
  pushed: z.literal(true).exactOptional(),
})

const containerSpecSchema: z.ZodType<ContainerSpec> = z.strictObject({
  project: z.string(),
  main: z.string(),
  compose: z.string(),
  variables: z.record(z.string(), valueSchema),
  images: z.record(z.string(), imageSchema),
  replicas: z.record(z.string(), z.int()),
  networks: z.record(z.string(), z.string()),
  published: z.array(
    z.strictObject({
      name: z.string(),
      of: z.string(),
      container: z.int(),
      host: z.int(),
      declared: z.int().exactOptional(),
      address: z.string().exactOptional(),
      protocol: z.enum(['tcp', 'udp']),
    }),
  ),
  overlap: overlapSchema.exactOptional(),
})

/** All that a platform needs to run a service, as ops and release records carry it. */
export const runSpecSchema: z.ZodType<RunSpec> = z.strictObject({
  service: z.string(),
  source: sourceSchema,
  command: z.array(z.string()).exactOptional(),
  engine: z
    .strictObject({ name: z.literal('postgres'), version: z.int(), prefer: z.enum(['embedded', 'system']) })
    .exactOptional(),
  directory: z.string(),
  environment: z.record(z.string(), valueSchema),
  ports: z.record(z.string(), z.int()),
  declared: z.record(z.string(), z.int()).exactOptional(),
  portUses: z
    .array(
      z.strictObject({
        path: z.array(z.union([z.string(), z.int()])),
        from: z.int(),
        to: z.int(),
        service: z.string(),
        port: z.string(),
        declared: z.int(),
      }),
    )
    .exactOptional(),
  restart: z.enum(['always', 'on-failure', 'never']),
  stopSignal: z.enum(['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP']),
  graceMs: z.number(),
  oneShot: z.boolean(),
  database: z.strictObject({ name: z.string(), user: z.string(), password: secretReferenceSchema }).exactOptional(),
  health: z.strictObject({
    probes: z.array(probeSchema),
    intervalMs: z.number(),
    passes: z.int(),
    deadlineMs: z.number(),
    watchMs: z.number(),
  }),
  artefact: z.string().exactOptional(),
  docker: containerSpecSchema.exactOptional(),
  kubernetes: z
    .strictObject({
      namespace: z.string(),
      only: z.literal(true).exactOptional(),
      manifests: z.array(z.string()),
      replicas: z.int().exactOptional(),
      images: z.record(z.string(), imageSchema).exactOptional(),
      settleMs: z.number().exactOptional(),
      patienceMs: z.number().exactOptional(),
      strategy: rolloutStrategySchema.exactOptional(),
      routes: z.literal(true).exactOptional(),
      pullSecrets: z.array(z.string()).exactOptional(),
      storage: z.record(z.string(), z.string()).exactOptional(),
    })
    .exactOptional(),
})

/** A kind of op: the schema of its data, and its line in a printed plan. */
export type OpKindDefinition<S extends z.ZodType> = { schema: S; text(data: z.output<S>): string }

/** Infers the data's type for `text` from the schema. */
export const defineOpKind = <S extends z.ZodType>(definition: OpKindDefinition<S>): OpKindDefinition<S> => definition
