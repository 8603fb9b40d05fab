import { readParameter } from '../../lib/database/queries/parameters.ts'
import type { Query } from '../../lib/database/queries/query.ts'
import { type Failure, failed, ok, type Result } from '../../lib/model/failure.ts'
import { nearest } from '../../lib/model/nearest.ts'

/** The flags of `task query`, which a misspelt one may have meant. */
const flags = [
  'environment',
  'platform',
  'param',
  'format',
  'max-rows',
  'timeout',
  'dry-run',
  'plan',
  'plan-out',
  'yes',
]

/**
 * The values of a query's parameters from `name=value`, with the defaults of its header; null is NULL. All that is unknown, missing, doubled or
 * of another type is refused at once, with the nearest name.
 */
export function readValues(query: Query, given: readonly string[]): Result<Record<string, string | null>> {
  const failures: Failure[] = []
  const values: Record<string, string | null> = {}
  const refuse = (code: string, message: string, near?: string) =>
    failures.push({
      code,
      message,
      ...(near === undefined ? { why: parametersOf(query) } : { nearest: near }),
      outcome: 'usage',
    })
  for (const text of given) {
    const equals = text.indexOf('=')
    const typed = equals < 0 ? text : text.slice(0, equals)
    const parameter = query.parameters.find(({ name }) => name === typed.replaceAll('-', '_'))
    if (equals < 0) refuse('invalid-value', `--param ${text}: expected name=value`)
    else if (!parameter) {
      const near = nearest(typed, [...query.parameters.map(({ name }) => name), ...flags])
      refuse('unknown-flag', `unknown flag --${typed}`, near && `--${near}`)
    } else if (parameter.name in values) refuse('repeated-argument', `--${typed} is given twice`)
    else {
      const value = text.slice(equals + 1)
      if (readParameter(parameter.type, value)) values[parameter.name] = value
      else refuse('invalid-value', `--${typed}: expected ${article(parameter.type)}, got ${JSON.stringify(value)}`)
    }
  }
  for (const { name, type, default: preset } of query.parameters) {
    if (name in values) continue
    if (preset === undefined) refuse('missing-argument', `missing argument --${name} (${type})`)
    else values[name] = preset
  }
  const [first, ...rest] = failures
  return first ? failed(first, ...rest) : ok(values)
}

const article = (type: string): string => (/^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`)

const parametersOf = ({ name, parameters }: Query): string =>
  parameters.length === 0
    ? `${name} has no parameters`
    : `${name} has ${parameters.map((one) => `--${one.name} (${one.type})`).join(', ')}`
