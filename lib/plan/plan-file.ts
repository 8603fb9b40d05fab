import { z } from 'zod'
import { failed, ok, type Result } from '../model/failure.ts'
import type { Op } from '../model/op.ts'
import { opKinds } from '../model/ops/index.ts'
import type { Plan } from '../model/plan.ts'
import { planDigest } from './digest.ts'

const opSchema = z.discriminatedUnion(
  'kind',
  Object.entries(opKinds).map(([kind, { schema }]) =>
    z.strictObject({
      kind: z.literal(kind),
      id: z.string(),
      after: z.array(z.string()),
      afterEnd: z.array(z.string()).exactOptional(),
      cause: z.string(),
      changes: z.boolean(),
      destructive: z.boolean().optional(),
      service: z.string().optional(),
      timeoutMs: z.number(),
      data: schema,
    }),
  ) as unknown as [z.ZodObject<{ kind: z.ZodLiteral<string> }>, ...z.ZodObject<{ kind: z.ZodLiteral<string> }>[]],
)

const planFileSchema = z.strictObject({
  version: z.literal(1),
  digest: z.string(),
  operation: z.string(),
  environment: z.string(),
  target: z.int().exactOptional(),
  ops: z.array(opSchema),
})

/** A plan as `--plan-out` keeps it for review: its ops and their digest. It holds no secret. */
export const planFileText = (plan: Plan): string =>
  `${JSON.stringify(
    {
      version: 1,
      digest: planDigest(plan),
      operation: plan.operation,
      environment: plan.environment,
      target: plan.target,
      ops: plan.ops,
    },
    null,
    2,
  )}\n`

/** Reads an approved plan. One that was edited after its review is refused: its digest is another one. */
export function parsePlanFile(text: string, file: string): Result<Plan> {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    return refuse(file, (error as Error).message)
  }
  const parsed = planFileSchema.safeParse(json)
  if (!parsed.success) return refuse(file, z.prettifyError(parsed.error).split('\n')[0] ?? 'another shape')
  const { digest, operation, environment, target, ops } = parsed.data
  const plan: Plan = {
    operation,
    environment,
    ops: ops as unknown as Op[],
    findings: [],
    notes: [],
    ...(target === undefined ? {} : { target }),
  }
  if (planDigest(plan) !== digest) return refuse(file, 'its ops were edited after it was written')
  return ok(plan)
}

const refuse = (file: string, why: string) =>
  failed({
    code: 'plan-file-invalid',
    message: `${file} is not a plan that this version wrote`,
    place: { file },
    why,
    outcome: 'unchanged',
    next: ['write it again with --plan-out FILE'],
  })
