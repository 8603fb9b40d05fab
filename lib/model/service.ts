import { z } from 'zod'
import { healthSchema } from './probe.ts'
import { strategySchema } from './rollout.ts'
import { durationSchema, nameSchema, portSchema, variableSchema } from './values.ts'

/** The categories of services, in the order in which tables show them. */
export const categories = ['applications', 'databases', 'infrastructure', 'monitoring', 'storage', 'utilities'] as const
/** One of `categories`. */
export type Category = (typeof categories)[number]

/** The proxies that can be told who gets requests; each has an adapter in the docker platform. */
export const proxyAdapterNames = ['nginx'] as const
/** One of `proxyAdapterNames`. */
export type ProxyAdapterName = (typeof proxyAdapterNames)[number]

const command = z.array(z.string().min(1)).nonempty()

/** A dependency: a service's name, or with `optional: true` one whose absence degrades and does not fail. */
export const dependencySchema = z.union([
  nameSchema,
  z.strictObject({
    service: nameSchema,
    optional: z.boolean().default(false).describe('Its absence degrades the service and does not fail it'),
  }),
])

const publishedPort = z.strictObject({
  name: nameSchema.optional(),
  container: portSchema,
  host: portSchema.optional().describe('Published on the host; absent: reachable on the networks only'),
  protocol: z.enum(['tcp', 'udp']).default('tcp'),
})

const restartSchema = z.enum(['always', 'on-failure', 'never'])

/** How the local platform runs a service: by a command, or by an engine that vital-ops brings. */
const localSchema = z.strictObject({
  command: command.optional().describe('Program and arguments'),
  engine: z.enum(['postgres']).optional().describe('An embedded engine instead of a command'),
  prefer: z
    .enum(['embedded', 'system'])
    .default('embedded')
    .describe('`system`: the one on the machine, where there is one'),
  version: z.int().min(15).max(18).default(17).describe('Major version of the engine'),
  directory: z.string().default('.').describe('Working folder, relative to the workspace'),
  ports: z.record(nameSchema, portSchema).default({}).describe('Ports by name; on loopback'),
  requires: z
    .array(z.string())
    .default([])
    .describe('Programs that must be on the machine; else the service is unavailable'),
  restart: restartSchema.default('on-failure'),
  stopSignal: z.enum(['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP']).default('SIGTERM'),
  grace: durationSchema.default('10s').describe('Between the stop signal and KILL'),
  oneShot: z.boolean().default(false).describe('Runs to its end; ready when it exited 0'),
})

/** Services whose requests come through this one, and how it is told to whom they go. */
const proxySchema = z.strictObject({
  adapter: z.enum(proxyAdapterNames).describe('What it is'),
  routes: z
    .array(
      z.strictObject({
        service: nameSchema.describe('Gets requests through it'),
        port: portSchema.optional().describe('Of its containers; default is the first of its `docker.ports`'),
      }),
    )
    .nonempty(),
})

const buildSchema = z.strictObject({
  command: command.optional().describe('Runs in `directory`, inside the release'),
  directory: z.string().default('.'),
  dockerfile: z.string().optional(),
  context: z.string().optional().describe('Folder whose content identifies the artefact; default is `directory`'),
  repository: z.string().optional().describe('Image repository that builds are pushed to'),
  timeout: durationSchema.default('15m'),
})

/** A file `config/services/<name>.yaml`, after the service model of seeds/5. */
export const serviceSchema = z
  .strictObject({
    name: nameSchema.describe('The same as the name of the file'),
    category: z.enum(categories).describe('Where it stands in tables and for --category'),
    description: z.string().optional().describe('One sentence, for people'),
    dependencies: z.array(dependencySchema).default([]).describe('Services that must be ready before it starts'),
    docker: z
      .strictObject({
        path: z.string().describe('Folder with the compose.yaml'),
        dependencies: z.array(dependencySchema).default([]).describe('Added to `dependencies` on this platform'),
        networks: z.array(nameSchema).default([]).describe('Shared networks that it joins'),
        ports: z.array(publishedPort).default([]).describe('Ports of its containers'),
        oneShot: z.boolean().default(false).describe('Runs to its end; ready when it exited 0'),
        proxy: proxySchema.optional().describe('It sends requests to other services'),
      })
      .optional()
      .describe('How Docker Compose runs it'),
    kubernetes: z
      .strictObject({
        namespace: nameSchema,
        manifests: z.array(z.string()).nonempty().describe('Manifest files, or folders with a kustomization.yaml'),
        settle: durationSchema
          .optional()
          .describe('How long it must stay ready; default 10s where all containers have readiness probes, else 20s'),
        patience: durationSchema
          .optional()
          .describe(
            'How long a deploy waits with a cause that may heal (no node, no quota, a Secret is missing); default 45s',
          ),
        strategy: strategySchema.optional().describe('How new pods take the place of the old ones; default is rolling'),
        dependencies: z.array(dependencySchema).default([]).describe('Added to `dependencies` on this platform'),
      })
      .optional()
      .describe('How Kubernetes runs it'),
    local: localSchema.optional().describe('How this machine runs it, without containers'),
    configuration: z
      .strictObject({
        environment_variables: z
          .record(variableSchema, z.union([z.string(), z.number(), z.boolean()]))
          .default({})
          .describe('May hold ${NAME}, ${NAME:-default}, ${services.<name>.host}, ${ports.<name>} …'),
        secrets: z.array(variableSchema).default([]).describe('Variables whose values are secret'),
        volumes: z
          .array(
            z.strictObject({
              name: nameSchema.optional(),
              source: z.string().optional().describe('A file or folder of the workspace; kept with each release'),
              target: z.string(),
              readOnly: z.boolean().default(false),
            }),
          )
          .default([])
          .describe('Files and data folders that it sees'),
      })
      .prefault({})
      .describe('What it runs with'),
    database: z
      .strictObject({
        name: z.string().min(1),
        user: z.string().min(1),
        password: variableSchema.describe('The secret that holds the password'),
      })
      .optional()
      .describe('For a database service: what must exist in it'),
    build: buildSchema.optional().describe('How its artefact is made'),
    rollout: z
      .enum(['overlap', 'recreate'])
      .default('recreate')
      .describe('`overlap`: the new one is ready before the old one ends'),
    concurrent: z
      .boolean()
      .default(false)
      .describe('Two of it at once do no harm: it may overlap (docker) although no proxy sends it requests'),
    health: healthSchema.prefault({}).describe('When it is ready, and how that is watched'),
  })
  .describe('A service of the catalogue')

/** A service as its file says, with defaults filled in. */
export type ServiceConfiguration = z.output<typeof serviceSchema>
/** A dependency in its long form. */
export type Dependency = { service: string; optional: boolean }
