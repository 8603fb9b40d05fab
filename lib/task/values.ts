import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseDuration } from '../model/duration.ts'
import type { Failure, Result } from '../model/failure.ts'
import { failed, ok } from '../model/failure.ts'
import { nearest } from '../model/nearest.ts'
import type { ArgumentSpecification } from './arguments.ts'

const affirmative = new Set(['true', '1', 'yes', 'on'])
const negative = new Set(['false', '0', 'no', 'off'])

/**
 * Reads one value. A text is read as the argument's kind says; a value of another type (from a default, or from another task) is
 * checked only. `as` names the argument in the message; relative paths are relative to `folder`. The value is shown in the message
 * unless it came from an environment variable, whose values are often secret.
 */
export function readValue(
  specification: ArgumentSpecification,
  value: unknown,
  { as, folder, secret }: { as: string; folder: string; secret?: boolean },
): Result<unknown> {
  const wrong = (expected: string, more: Partial<Failure> = {}): Result<never> =>
    failed({
      code: 'invalid-value',
      message: `${as}: expected ${expected}${secret ? '' : `, got ${JSON.stringify(value)}`}`,
      ...more,
      outcome: 'usage',
    })
  switch (specification.kind) {
    case 'text':
      return typeof value === 'string' ? ok(value) : wrong('a text')
    case 'flag': {
      if (typeof value === 'boolean') return ok(value)
      const word = String(value).toLowerCase()
      if (affirmative.has(word)) return ok(true)
      return negative.has(word) ? ok(false) : wrong('true or false')
    }
    case 'choice': {
      const choices = specification.choices ?? []
      if (choices.includes(value as string)) return ok(value)
      const near = nearest(String(value), choices)
      return wrong(`one of ${choices.join(', ')}`, near === undefined ? {} : { nearest: near })
    }
    case 'duration': {
      const span = typeof value === 'number' ? value : parseDuration(String(value))
      return span !== undefined && Number.isFinite(span) && span >= 0
        ? ok(span)
        : wrong('a duration like 500ms, 10s or 1m30s')
    }
    case 'number':
      return readNumber(specification, value, wrong)
    case 'path':
      return typeof value === 'string' && value !== ''
        ? checkPath(specification, resolve(folder, value), wrong)
        : wrong('a path')
  }
}

type Wrong = (expected: string) => Result<never>

function readNumber({ number = {} }: ArgumentSpecification, value: unknown, wrong: Wrong): Result<number> {
  const decimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i
  const read = typeof value === 'number' ? value : decimal.test(String(value)) ? Number(value) : Number.NaN
  const { integer, min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = number
  const noun = integer ? 'an integer' : 'a number'
  if (!Number.isFinite(read) || (integer && !Number.isSafeInteger(read))) return wrong(noun)
  if (read >= min && read <= max) return ok(read)
  if (max === Number.POSITIVE_INFINITY) return wrong(`${noun} of at least ${min}`)
  return wrong(min === Number.NEGATIVE_INFINITY ? `${noun} of at most ${max}` : `${noun} from ${min} to ${max}`)
}

function checkPath({ path = {} }: ArgumentSpecification, absolute: string, wrong: Wrong): Result<string> {
  if (path.exists === undefined) return ok(absolute)
  const found = statSync(absolute, { throwIfNoEntry: false })
  if (path.exists === 'file') return found?.isFile() ? ok(absolute) : wrong('an existing file')
  if (path.exists === 'directory') return found?.isDirectory() ? ok(absolute) : wrong('an existing folder')
  return found ? ok(absolute) : wrong('an existing file or folder')
}
