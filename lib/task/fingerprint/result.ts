/*
 * What a task returned, as text, so that another that needs it is given the same when it was not run. It is v8's structured clone in base64 (Map,
 * Set, Date, BigInt, typed arrays, errors, circles), for values that come back as they were: objects of classes would come back without their class.
 * The output of a command, which is what `run: ({ $ }) => $`…`` returns, comes back as an object of the same interface.
 */
import { deserialize, serialize } from 'node:v8'
import type { CommandOutput } from '../shell.ts'
import { canonical } from './canonical.ts'

/** The text of a result, and a digest's source that is equal for results that are the same to whoever uses them. */
export type KeptResult = { text: string; identity: string }

/** Results larger than this are not kept, in characters. */
const most = 16 << 20

/**
 * Makes the text of a result; undefined where it cannot be kept: it holds functions, objects of classes, or what `mayKeep` does not let
 * through (secrets).
 */
export function keepResult(value: unknown, mayKeep: (text: string) => boolean): KeptResult | undefined {
  if (value === undefined) return { text: '', identity: '' }
  const plain = isCommandOutput(value) ? new Command(fieldsOf(value)) : value
  if (!(plain instanceof Command) && !isPlain(plain, new Set())) return undefined
  const shown = canonical(plain instanceof Command ? plain.fields : plain)
  if (shown.length > most || !mayKeep(shown)) return undefined
  // How long a command took tells nothing to who needs it.
  if (plain instanceof Command) {
    const { duration: _, ...identity } = plain.fields
    return { text: `command ${serialize(plain.fields).toString('base64')}`, identity: canonical(identity) }
  }
  return { text: `value ${serialize(value).toString('base64')}`, identity: shown }
}

/** The value of a text that `keepResult` has made. */
export function readResult(text: string): unknown {
  if (text === '') return undefined
  const [kind = '', data = ''] = text.split(' ')
  const value: unknown = deserialize(Buffer.from(data, 'base64'))
  return kind === 'command' ? new KeptOutput(value as OutputFields) : value
}

/** What a command left. */
type OutputFields = Pick<CommandOutput, 'stdout' | 'stderr' | 'stdall' | 'exitCode' | 'signal' | 'duration'>

class Command {
  readonly fields: OutputFields

  constructor(fields: OutputFields) {
    this.fields = fields
  }
}

function isCommandOutput(value: unknown): value is CommandOutput {
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) === Object.prototype) return false
  const { stdout, stderr, stdall, duration, lines } = value as Partial<CommandOutput>
  const isText = [stdout, stderr, stdall].every((one) => typeof one === 'string')
  return isText && typeof duration === 'number' && typeof lines === 'function'
}

const fieldsOf = ({ stdout, stderr, stdall, exitCode, signal, duration }: CommandOutput): OutputFields => ({
  stdout,
  stderr,
  stdall,
  exitCode,
  signal,
  duration,
})

function isPlain(value: unknown, above: Set<object>): boolean {
  if (typeof value === 'function' || typeof value === 'symbol') return false
  if (typeof value !== 'object' || value === null || above.has(value)) return true
  above.add(value)
  if (Array.isArray(value) || value instanceof Set) return [...value].every((one) => isPlain(one, above))
  if (value instanceof Map) return [...value].every(([key, one]) => isPlain(key, above) && isPlain(one, above))
  if (value instanceof Date || value instanceof RegExp || value instanceof ArrayBuffer) return true
  if (ArrayBuffer.isView(value)) return !(value instanceof DataView)
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  if (Object.getOwnPropertySymbols(value).length > 0) return false
  return Object.values(Object.getOwnPropertyDescriptors(value)).every(
    ({ value: one, get }) => get === undefined && isPlain(one, above),
  )
}

/** The output of a command that has run in an earlier invocation. */
class KeptOutput extends Error implements CommandOutput {
  readonly stdout: string
  readonly stderr: string
  readonly stdall: string
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  readonly duration: number

  constructor({ stdout, stderr, stdall, exitCode, signal, duration }: OutputFields) {
    super(stdall)
    this.stdout = stdout
    this.stderr = stderr
    this.stdall = stdall
    this.exitCode = exitCode
    this.signal = signal
    this.duration = duration
  }

  get ok(): boolean {
    return this.exitCode === 0
  }

  override toString(): string {
    return this.stdall
  }

  text(): string {
    return this.toString()
  }

  json<Value = unknown>(): Value {
    return JSON.parse(this.stdout)
  }

  lines(): string[] {
    return this.stdall.replace(/\r?\n$/, '').split(/\r?\n/)
  }

  buffer(): Buffer {
    return Buffer.from(this.stdall)
  }
}
