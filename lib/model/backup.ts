import { z } from 'zod'
import { referenceSchema, sourceSchema } from './backup-sources.ts'
import { durationSchema, portSchema, variableSchema } from './values.ts'

const folderInBucket = z
  .string()
  .regex(/^$|^[^/].*\/$/, 'expected nothing, or a path that ends with /')
  .default('')
  .describe('What all keys begin with')

const folderTargetSchema = z.strictObject({
  type: z.literal('folder'),
  path: z.string().min(1).describe('Relative to the workspace, or absolute'),
})

const sftpTargetSchema = z.strictObject({
  type: z.literal('sftp'),
  host: z.string().min(1).describe('As ssh takes it: a name of ~/.ssh/config, a host, user@host'),
  port: portSchema.optional(),
  path: z.string().min(1).describe('Absolute, or relative to where a login starts'),
  identity: z.string().optional().describe('File with the private key of ssh; default is what its configuration says'),
  knownHosts: z.string().optional().describe('File with the keys of known hosts, likewise'),
})

const targetSchema = z.discriminatedUnion('type', [
  folderTargetSchema,
  z.strictObject({
    type: z.literal('s3'),
    endpoint: z.url({ protocol: /^https?$/ }).describe('Address of the service: https://s3.eu-central-1.amazonaws.com'),
    bucket: z.string().min(1),
    region: z.string().default('us-east-1'),
    prefix: folderInBucket,
    accessKey: variableSchema.describe('The secret that holds the access key id'),
    secretKey: variableSchema.describe('The secret that holds the secret access key'),
  }),
  sftpTargetSchema,
])

const cronSchema = z
  .string()
  .regex(
    /^\s*(@(hourly|daily|midnight|weekly|monthly|yearly|annually)|[\w*,/-]+(\s+[\w*,/-]+){4})\s*$/i,
    'expected minute, hour, day of the month, month, day of the week, as in "30 2 * * *"',
  )

const kept = (text: string) => z.int().min(0).max(10_000).default(0).describe(text)

const pointInTimePolicySchema = z.strictObject({
  every: durationSchema.default('1m').describe('How often the newest WAL is stored, though its file is not full'),
  keepAtMost: z
    .string()
    .regex(/^[1-9]\d*(MB|GB)$/, 'expected a size as in 500MB or 4GB')
    .default('4GB')
    .describe(
      'How much WAL the server keeps while nobody receives it; what is older is lost, and its disk does not fill',
    ),
})

/** `backup` of an environment's file: what is taken, where to, under which keys, and how long it is kept. */
export const backupSchema = z
  .strictObject({
    sources: z.array(sourceSchema).nonempty().optional().describe('What is taken; default is the database'),
    targets: z
      .array(targetSchema)
      .nonempty()
      .default([{ type: 'folder', path: '.ops/backups' }])
      .describe('Where backups go; each gets all of them'),
    recipients: z
      .array(z.string().regex(/^age1[0-9a-z]{58}$/, 'expected a public key of age: age1…'))
      .default([])
      .describe('Public keys of age; each of their owners can read the backups alone'),
    recoveryKey: z
      .boolean()
      .default(true)
      .describe('false: a single recipient is enough, and when that key is lost the backups are too'),
    identity: z.string().optional().describe('File with a private key, where this machine may have one'),
    keep: z
      .strictObject({
        last: kept('The newest ones'),
        daily: kept('The newest of each of so many days'),
        weekly: kept('The newest of each of so many weeks (from Monday)'),
        monthly: kept('The newest of each of so many months'),
        yearly: kept('The newest of each of so many years'),
      })
      .default({ last: 7, daily: 7, weekly: 4, monthly: 6, yearly: 0 })
      .describe('What is kept; the newest one, and the newest verified one, always are'),
    schedule: cronSchema.default('30 2 * * *').describe('When backups are taken, as a line of cron says it, in UTC'),
    drills: cronSchema.default('0 4 * * 0').describe('When the newest one is restored and compared, likewise'),
    pointInTime: z
      .union([z.boolean(), pointInTimePolicySchema])
      .default(false)
      .describe('Receive the WAL of the database all the time, so that it can be restored to any moment'),
    verifiedWithin: durationSchema
      .default('8d')
      .describe('`task backup check` fails when no backup younger than this was verified by a drill'),
  })
  .describe('The backup policy')

/** The backup policy as an environment's file says, with defaults filled in. */
export type BackupPolicy = z.output<typeof backupSchema>
/** How many backups are kept, by rule. */
export type KeepPolicy = BackupPolicy['keep']

/** Why a backup was taken. */
export const backupReasons = ['asked', 'before-deploy', 'before-restore', 'before-rollback'] as const
/** One of `backupReasons`. */
export type BackupReason = (typeof backupReasons)[number]

const roleMap = z.record(z.string(), z.string())

/** Where backups go, as an op carries it: secrets by reference. */
export const takenTargetSchema = z.discriminatedUnion('type', [
  folderTargetSchema,
  z.strictObject({
    type: z.literal('s3'),
    endpoint: z.string(),
    bucket: z.string(),
    region: z.string(),
    prefix: z.string(),
    accessKey: referenceSchema,
    secretKey: referenceSchema,
  }),
  sftpTargetSchema,
])
/** Where backups go. */
export type BackupTarget = z.output<typeof takenTargetSchema>

/** A target as plans and tables name it. */
export function targetText(target: BackupTarget): string {
  switch (target.type) {
    case 'folder':
      return target.path
    case 's3':
      return `s3://${target.bucket}/${target.prefix}`
    case 'sftp':
      return `sftp://${target.host}/${target.path}`
  }
}

/** A moment that is restored to, and the stream of WAL that leads there from a backup. */
export const pointInTimeSchema = z.strictObject({
  /** ISO 8601 in UTC. */
  time: z.string(),
  stream: z.string(),
  segmentBytes: z.int(),
})
/** A moment that is restored to. */
export type PointInTime = z.output<typeof pointInTimeSchema>

/** Which roles of a backup become which. */
export const roleMapSchema = roleMap

/** The schema of `BackupFile`. */
export const backupFileSchema = z.strictObject({
  name: z.string().describe('Within the folder of the backup'),
  source: z.string(),
  holds: z.enum(['dump', 'globals', 'contents', 'cluster', 'wal', 'rdb', 'tree']),
  bytes: z.int().describe('As it lies there'),
  sha256: z.string(),
  codec: z.enum(['none', 'gzip', 'zstd']),
  encrypted: z.boolean(),
  plainBytes: z
    .int()
    .optional()
    .describe('Decrypted and expanded; absent where the program that compressed did not say'),
  plainSha256: z
    .string()
    .optional()
    .describe('Likewise; absent where the dump went straight into zstd, whose own checksum of it is in the file'),
})
/** A file of a backup: what lies there, and what it is once decrypted and expanded. */
export type BackupFile = z.output<typeof backupFileSchema>

const baseWalSchema = z.strictObject({
  /** Of the slot that kept the WAL when it was taken. */
  stream: z.string(),
  /** The WAL files that it brings itself, from the first to the last. */
  first: z.string(),
  last: z.string(),
  segmentBytes: z.int(),
  /** When the copy of its files was consistent, by the server's clock; ISO 8601. No earlier time can be restored from it. */
  stopped: z.string(),
})
/** What a physical backup says of the WAL that follows it. */
export type BaseWal = z.output<typeof baseWalSchema>

const repositoryPlaceSchema = z.strictObject({
  stanza: z.string(),
  /** As pgBackRest calls the backup: `20261121-201603F`. */
  label: z.string(),
  /** What it takes in the repository. */
  bytes: z.int(),
  segmentBytes: z.int(),
  /** The timeline that it was taken on, as names of WAL begin: a restore begins another one. */
  timeline: z.string(),
  /** When it was whole, by the server's clock; ISO 8601. No earlier time can be restored from it. */
  stopped: z.string(),
})
/** What a backup has in a repository of pgBackRest. */
export type RepositoryPlace = z.output<typeof repositoryPlaceSchema>

const manifestSourceSchema = z.looseObject({
  name: z.string(),
  type: z.enum(['database', 'redis', 'folder', 'configuration']),
  method: z.enum(['logical', 'physical']).optional(),
  service: z.string().optional(),
  database: z.string().optional(),
  /** Full version of the server that was dumped, e.g. `15.18`, and of the client that did it. */
  server: z.string().optional(),
  client: z.string().optional(),
  tables: z.int().optional(),
  rows: z.int().optional(),
  /** Keys of a Redis, files of a folder. */
  keys: z.int().optional(),
  entries: z.int().optional(),
  /** Files that were written to while they were read, and what no archive can hold (sockets, devices). */
  changed: z.array(z.string()).optional(),
  leftOut: z.array(z.string()).optional(),
  wal: baseWalSchema.optional(),
  /** The cluster itself is there, and not among the files. */
  pgbackrest: repositoryPlaceSchema.optional(),
})
/** A source in the manifest: how it was taken. Nothing in it tells what the data say. */
export type ManifestSource = z.output<typeof manifestSourceSchema>

/** `manifest.json` of a backup: written last, so that what has none is no backup. */
export const manifestSchema = z.strictObject({
  format: z.literal(1),
  workspace: z.strictObject({ name: z.string(), id: z.string() }),
  environment: z.string(),
  number: z.int().min(1),
  run: z.string(),
  by: z.string(),
  reason: z.enum(backupReasons),
  release: z.int().optional(),
  /** When it was begun and when its last file was written; ISO 8601. */
  created: z.string(),
  finished: z.string(),
  recipients: z.array(z.string()),
  sources: z.array(manifestSourceSchema),
  files: z.array(backupFileSchema),
  /** SHA-256 over all of the above, as JSON with sorted keys. */
  digest: z.string(),
})
/** A backup's manifest. */
export type BackupManifest = z.output<typeof manifestSchema>

/** `drill-<run>.json` beside a manifest: what a drill found. A backup with one that is `ok` is *verified*. */
export const drillReportSchema = z.strictObject({
  format: z.literal(1),
  run: z.string(),
  at: z.string(),
  ok: z.boolean(),
  /** Digest of the manifest that was drilled. */
  manifest: z.string(),
  /** Milliseconds: of fetching, decrypting and restoring; of comparing. */
  restoreMs: z.int(),
  compareMs: z.int(),
  on: z.string().describe('What it was restored into'),
  compared: z.record(z.string(), z.int()).describe('How many of each were compared'),
  differences: z.array(z.string()),
})
/** What a drill found. */
export type DrillReport = z.output<typeof drillReportSchema>

/** A backup as the catalogue shows it. */
export type CatalogueEntry = {
  number: number
  /** `complete` has a manifest; `begun` has none yet, or never gets one. */
  state: 'complete' | 'begun' | 'damaged'
  /** ISO 8601, from the manifest or else from the claim. */
  created: string
  manifest?: BackupManifest
  drills: DrillReport[]
  verified: boolean
  /** The targets that have it, by name. */
  targets: string[]
  /** Why its manifest does not count. */
  damage?: string
  /** Who has begun it. */
  claim?: { run: string; at: string; host: string; process: { pid: number; startTime: string; bootId: string } }
}
