import { z } from 'zod'
import { backupSchema } from './backup.ts'
import { gatePolicySchema, healthOverrideSchema } from './probe.ts'
import { durationSchema, nameSchema, portSchema, variableSchema } from './values.ts'

/** The platforms that the catalogue drives. */
export const platforms = ['local', 'docker', 'kubernetes'] as const
/** One of `platforms`. */
export type PlatformName = (typeof platforms)[number]

/** The moments of a deploy at which hooks run, in their order. */
export const hookMoments = [
  'beforeBuild',
  'afterBuild',
  'beforeMigrate',
  'afterMigrate',
  'beforeGate',
  'afterHealthy',
  'onFailure',
  'afterRollback',
] as const
/** One of `hookMoments`. */
export type HookMoment = (typeof hookMoments)[number]

const hookSchema = z.strictObject({
  task: z.string().min(1).describe('A task of the Taskfile'),
  timeout: durationSchema.default('5m'),
  onError: z.enum(['fail', 'warn']).default('fail'),
  repeatable: z.boolean().default(true).describe('May run again when a recovery passes over it'),
})

const secretProviderSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('file'), path: z.string().describe('An .env file, mode 0600') }),
  z.strictObject({ type: z.literal('process'), prefix: z.string().default('') }),
  z.strictObject({
    type: z.literal('command'),
    command: z.array(z.string().min(1)).nonempty().describe('`op`, `vault`, `sops`…: prints NAME=value lines'),
    timeout: durationSchema.default('30s'),
  }),
  z.strictObject({
    type: z.literal('age'),
    path: z.string(),
    identity: z.string().describe('File with the private key'),
  }),
])
/** Where secrets come from, one of the four kinds. */
export type SecretProvider = z.output<typeof secretProviderSchema>

const notificationSchema = z.strictObject({
  on: z.array(z.enum(['healthy', 'failed', 'rolled-back'])).nonempty(),
  command: z.array(z.string().min(1)).nonempty().describe('Receives the release as JSON on its standard input'),
  timeout: durationSchema.default('30s'),
})

const quantitiesSchema = z.record(z.string(), z.string())

const overrideSchema = z.strictObject({
  environment_variables: z
    .record(variableSchema, z.union([z.string(), z.number(), z.boolean()]))
    .default({})
    .describe('Added to those of the service, or in their place'),
  ports: z.record(nameSchema, portSchema).default({}).describe("Other numbers for the service's ports, by name"),
  health: healthOverrideSchema.optional().describe('Replaces what the service says; `probes` as a whole'),
  replicas: z.int().min(0).max(1000).optional().describe('How many of it run (kubernetes)'),
})

/** A file `config/environments/<name>.yaml`. */
export const environmentSchema = z
  .strictObject({
    name: nameSchema.describe('The same as the name of the file'),
    description: z.string().optional().describe('One sentence, for people'),
    platform: z.enum(platforms).describe('Where its services run'),
    docker: z
      .strictObject({
        context: z.string().optional().describe('A context of the docker command'),
        host: z.string().optional().describe('Address of an engine: unix:///…, ssh://…, tcp://…'),
      })
      .optional()
      .describe('The engine; default is the current context'),
    kubernetes: z
      .strictObject({
        context: z.string().describe('A context of the kubectl configuration'),
        namespace: nameSchema.optional().describe('In place of the namespaces that services name'),
        podSecurity: z
          .enum(['privileged', 'baseline', 'restricted'])
          .optional()
          .describe('Enforced in its namespaces; default is the strictest level that its own pods meet'),
        networkPolicies: z
          .boolean()
          .optional()
          .describe('Deny all that dependencies do not imply; default true (`task setup k8s`)'),
        outside: z.array(nameSchema).optional().describe('Services that may call addresses outside of the cluster'),
        ingressControllers: z
          .array(z.string())
          .optional()
          .describe('Namespaces that requests to Ingresses come from; default is everywhere'),
        storageClass: z
          .array(z.string().min(1))
          .nonempty()
          .optional()
          .describe('Of claims that name none: the first that the cluster has; `default` stands for its default class'),
        pullSecrets: z
          .array(
            z.strictObject({
              name: nameSchema.describe('Of the Secret'),
              registry: z.string().min(1).describe('registry.example.com'),
              login: z
                .strictObject({ user: z.string().min(1), password: variableSchema.describe('A secret') })
                .optional()
                .describe('Default: what `docker login` has left on the machine that sets the cluster up'),
            }),
          )
          .optional()
          .describe('With what images are pulled; `task setup k8s` makes them'),
        pullSecretsOn: z
          .enum(['serviceAccounts', 'pods'])
          .optional()
          .describe('Who names them; default is the accounts that pods run as'),
        quota: quantitiesSchema.optional().describe('Of each namespace as a whole: requests.cpu, pods …'),
        containers: z
          .strictObject({
            defaultRequest: quantitiesSchema.optional(),
            default: quantitiesSchema.optional(),
            max: quantitiesSchema.optional(),
          })
          .optional()
          .describe('Requests and limits of containers that name none, and the most that one may take'),
      })
      .optional()
      .describe('The cluster'),
    protected: z.boolean().default(false).describe('Changes ask for the name of the environment'),
    services: z
      .record(nameSchema, overrideSchema)
      .or(z.array(nameSchema))
      .optional()
      .describe('The services it has (default all), as a list or with overrides'),
    values: z
      .record(variableSchema, z.union([z.string(), z.number(), z.boolean()]))
      .default({})
      .describe('Values for ${NAME} that are no secret; the secret providers and the .env file go before them'),
    rehearsal: z
      .strictObject({ values: z.record(variableSchema, z.union([z.string(), z.number(), z.boolean()])).default({}) })
      .optional()
      .describe('Values that differ when the environment is rehearsed on this machine'),
    database: z
      .strictObject({
        service: nameSchema.describe('The service that is the database'),
        url: z.string().optional().describe('Where it is, when no service of this environment runs it'),
        migrations: z.string().default('database/migrations').describe('Folder of the migration files'),
        seeds: z.string().optional().describe('Default database/seeds/<environment>'),
        statementTimeout: durationSchema
          .optional()
          .describe('How long each statement of a migration may take; default is as long as it wants'),
        prune: z
          .array(
            z.strictObject({
              table: z.string().min(1).describe('Of this table'),
              column: z.string().min(1).describe('rows whose time in this column'),
              keep: durationSchema.describe('is longer ago than this'),
            }),
          )
          .default([])
          .describe('What `task db:maintain` deletes'),
      })
      .optional()
      .describe('The database that migrations and seeds go to; default is its only service that is one'),
    deploy: z
      .strictObject({
        gate: gatePolicySchema.optional().describe('In place of what services say, while a deploy waits for them'),
        backupFirst: z.boolean().default(false).describe('Take a backup before anything changes'),
        keep: z
          .int()
          .min(1)
          .max(1000)
          .default(5)
          .describe('Releases kept beside the current one and the rollback target'),
        hooks: z
          .partialRecord(z.enum(hookMoments), z.array(hookSchema))
          .default({})
          .describe('Tasks at moments of a deploy'),
      })
      .prefault({})
      .describe('The policy of deploys'),
    backup: backupSchema.prefault({}),
    secrets: z.array(secretProviderSchema).optional().describe('In order; default is the file .env.<name>'),
    notifications: z.array(notificationSchema).default([]).describe('Programs that are told how a deploy ended'),
  })
  .describe('An environment of the workspace')

/** An environment as its file says, with defaults filled in. */
export type EnvironmentConfiguration = z.output<typeof environmentSchema>
/** What an environment says differently about a service. */
export type ServiceOverride = z.output<typeof overrideSchema>

/** The file `config/workspace.yaml`. */
export const workspaceSchema = z
  .strictObject({
    name: nameSchema.describe('Names what is created on platforms'),
    id: z
      .string()
      .regex(/^[a-z0-9]{8,32}$/, 'expected the generated id: 8 to 32 lower-case letters and digits')
      .describe('Generated once and committed; the workspace is known by it on every platform'),
    description: z.string().optional().describe('One sentence, for people'),
  })
  .describe('A workspace')
/** `config/workspace.yaml`, as it says. */
export type WorkspaceConfiguration = z.output<typeof workspaceSchema>
