import { z } from 'zod'
import { nameSchema, variableSchema } from './values.ts'

/** A secret by reference. */
export const referenceSchema = z.strictObject({ secret: z.string(), digest: z.string() })

/** A text as ops carry it, its secrets by reference. */
export const valueSchema = z.union([
  z.string(),
  z.array(z.union([z.string(), referenceSchema, z.strictObject({ known: z.enum(['release', 'revision']) })])),
])
/** A text as ops carry it, its secrets by reference. */
export type TakenValue = z.output<typeof valueSchema>

const named = nameSchema.optional()

const addressed = {
  service: nameSchema.optional().describe('The service that runs it'),
  url: variableSchema.optional().describe('Or the secret that holds its address'),
}

/** A source as an environment's file names it. */
export const sourceSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('database'),
    method: z
      .enum(['auto', 'logical', 'physical'])
      .default('auto')
      .describe('`logical` by pg_dump, `physical` of the embedded server; `auto`: logical where a client is found'),
    engine: z
      .literal('pgbackrest')
      .optional()
      .describe('By pgBackRest, into a repository of its own in the first folder among the targets'),
    name: named.describe('What it is called in backups; for one with a url'),
    url: variableSchema
      .optional()
      .describe('The secret that holds the address of another database: postgres://user:password@host:5432/name'),
  }),
  z.strictObject({
    type: z.literal('redis'),
    name: named.describe('What it is called in backups; default is its service'),
    ...addressed,
    password: variableSchema.optional().describe('The secret that holds the password, for a service'),
  }),
  z.strictObject({
    type: z.literal('folder'),
    name: named.describe('What it is called in backups; default is the name of the folder'),
    path: z.string().min(1).describe('Relative to the workspace, or absolute'),
    exclude: z.array(z.string().min(1)).default([]).describe('Paths in it that are left out, relative to it'),
  }),
  z.strictObject({
    type: z.literal('configuration'),
    name: named.describe('What it is called in backups; default `configuration`'),
  }),
])
/** A source as an environment's file names it. */
export type SourcePolicy = z.output<typeof sourceSchema>

/** What of a source's policy is secret, by reference. */
export type SourceSecrets = { url?: TakenValue; password?: TakenValue }

/** A Redis as an op carries it. */
export const redisSourceSchema = z.strictObject({
  type: z.literal('redis'),
  name: z.string(),
  service: z.string().nullable(),
  url: valueSchema.optional(),
  password: valueSchema.optional(),
})

/** A source as an op carries it: everything decided, secrets by reference. */
export const takenSourceSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('database'),
    /** Its service, or the name of one that is given by its address. */
    service: z.string(),
    database: z.string(),
    method: z.enum(['logical', 'physical']),
    engine: z.literal('pgbackrest').exactOptional(),
    version: z.int().describe('Major version of the server; 0 where only the server itself can say it'),
    url: valueSchema.optional(),
  }),
  redisSourceSchema,
  z.strictObject({
    type: z.literal('folder'),
    name: z.string(),
    path: z.string(),
    exclude: z.array(z.string()),
  }),
  z.strictObject({
    type: z.literal('configuration'),
    name: z.string(),
    /** Files and folders, relative to the workspace. */
    paths: z.array(z.string()).nonempty(),
  }),
])
/** A source as an op carries it. */
export type TakenSource = z.output<typeof takenSourceSchema>
/** A source of one type. */
export type TakenOf<K extends TakenSource['type']> = Extract<TakenSource, { type: K }>

/** The name of a source within a backup, from which its files are named. */
export const sourceName = (source: TakenSource): string => (source.type === 'database' ? source.service : source.name)

/** A source as plans name it. */
export function sourceText(source: TakenSource): string {
  switch (source.type) {
    case 'database':
      return `${source.service} (${source.engine ?? source.method})`
    case 'folder':
      return source.path === source.name ? `${source.name} (folder)` : `${source.name} (${source.path})`
    default:
      return source.name === source.type ? source.name : `${source.name} (${source.type})`
  }
}
