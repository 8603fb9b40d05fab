import { z } from 'zod'
import { fingerprintSchema, runSpecSchema, secretReferenceSchema } from '../../model/ops/shared.ts'
import type { Release } from '../../model/release.ts'

const migrationSchema = z.looseObject({
  version: z.string(),
  name: z.string(),
  sha256: z.string(),
  effect: z.enum(['expand', 'breaking']),
})

const hookSchema = z.looseObject({
  task: z.string(),
  timeoutMs: z.number(),
  onError: z.enum(['fail', 'warn']),
  repeatable: z.boolean(),
})

/**
 * A release's record as it stands on disk. Loose: fields that a later version of this product added are kept when a record is
 * rewritten. What is needed to go back to a release (specs, fingerprints) is checked in full.
 */
const recordSchema = z.looseObject({
  version: z.literal(1),
  number: z.int().min(1),
  workspace: z.looseObject({ name: z.string(), id: z.string() }),
  environment: z.string(),
  platform: z.string(),
  created: z.string(),
  ended: z.string().optional(),
  by: z.string(),
  run: z.string(),
  revision: z.string(),
  commit: z.string(),
  services: z.array(
    z.looseObject({
      service: z.string(),
      spec: runSpecSchema.optional(),
      fingerprint: fingerprintSchema,
      dependencies: z.array(z.looseObject({ service: z.string(), optional: z.boolean() })),
    }),
  ),
  database: z
    .looseObject({ service: z.string(), name: z.string(), user: z.string(), password: secretReferenceSchema })
    .optional(),
  starts: z.array(z.string()).optional(),
  only: z.array(z.string()).optional(),
  hooks: z.record(z.string(), z.array(hookSchema)),
  notifications: z
    .array(
      z.looseObject({
        on: z.array(z.enum(['healthy', 'failed', 'rolled-back'])),
        command: z.array(z.string()),
        timeoutMs: z.number(),
      }),
    )
    .optional(),
  schema: z.array(migrationSchema),
  given: z.record(z.string(), z.string()).optional(),
  pushed: z.record(z.string(), z.string()).optional(),
  outcome: z.enum(['pending', 'healthy', 'failed']),
  cause: z.string().optional(),
  left: z.looseObject({ at: z.string(), run: z.string(), to: z.int() }).optional(),
})

/** A record that is none says why, in one line. */
export type ParsedRecord = { release: Release } | { why: string }

/** Reads a record's text, which may be torn, of another environment or no record at all. */
export function parseRecord(text: string, expected: { number: number; environment: string }): ParsedRecord {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return { why: `it is no JSON (${(error as Error).message})` }
  }
  const parsed = recordSchema.safeParse(value)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    return { why: `${issue?.path.join('.') || 'the record'}: ${issue?.message}` }
  }
  const { number, environment } = parsed.data
  if (environment !== expected.environment) return { why: `it is of ${environment}, not of ${expected.environment}` }
  if (number !== expected.number) return { why: `it is of release ${number}` }
  return { release: parsed.data as unknown as Release }
}
