import type { RunSpec, Value } from '../model/desired.ts'
import type { Failure } from '../model/failure.ts'
import type { Finding } from '../model/finding.ts'
import type { Plan } from '../model/plan.ts'
import type { SecretSource } from '../model/platform.ts'
import { secretMissing } from './local/values.ts'

/** The secrets of a service that nobody has. A plan that writes the `.env` file first makes secrets that nobody has yet. */
export function missingSecrets(plan: Plan, spec: RunSpec, secrets: SecretSource): Finding[] {
  if (plan.ops.some((op) => op.kind === 'write-env')) return []
  const references = Object.values(spec.environment).flatMap(partsOf)
  const missing = references.flatMap((part) =>
    typeof part === 'object' && 'secret' in part && !secrets.find(part) ? [part.secret] : [],
  )
  return [...new Set(missing)].map((name) => findingOf(secretMissing(name, spec), spec.service))
}

/** The parts of a value. */
export const partsOf = (value: Value) => (typeof value === 'string' ? [value] : value)

/** A failure that is found before anything runs. */
export const findingOf = ({ code, message, why, place, next, service }: Failure, of = service): Finding => ({
  rule: code,
  severity: 'error',
  message: why === undefined ? message : `${message}: ${why}`,
  ...(place && { place }),
  ...(of !== undefined && { service: of }),
  ...(next?.[0] !== undefined && { mend: next[0] }),
})
