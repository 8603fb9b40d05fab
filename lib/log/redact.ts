import { StringDecoder } from 'node:string_decoder'
import { Secret } from '../model/secret.ts'
import { formsOf } from './redact-forms.ts'
import { PatternSearch } from './redact-search.ts'
import { RedactingStream } from './redact-stream.ts'

/** What stands in the place of a secret. */
export const placeholder = '[redacted]'

/** Redacts a text that comes in pieces. Each piece is given on as far as no secret can begin in it; `end` gives the rest. */
export type TextRedaction = {
  write(chunk: string | Uint8Array): string
  end(): string
}

/** The same for bytes, which need not be UTF-8: what is no secret passes unchanged. */
export type ByteRedaction = {
  write(chunk: Uint8Array): Buffer
  end(): Buffer
}

/** Keeps the values of secrets, in every form that `redact-forms.ts` knows, out of what people and records see. */
export type Redactor = {
  /** A text without secrets. */
  text(text: string): string
  /** A copy of a plain value (objects, arrays, maps, sets, errors; cycles too) whose texts and keys hold no secret. */
  value(value: unknown): unknown
  /** Redacts a text in pieces: also a secret that is split over them, and characters that are. */
  stream(): TextRedaction
  /** Redacts bytes in pieces. */
  byteStream(): ByteRedaction
  /** One more secret, from now on (also for streams that have begun). Values under 6 characters are passed over. */
  add(secret: Secret): void
}

/** Makes a redactor. Searching takes time in proportion to the text, however many secrets there are. */
export function createRedactor(secrets: Iterable<Secret> = []): Redactor {
  const forms = new Set<string>()
  let search: PatternSearch | undefined
  const add = (secret: Secret) => {
    const before = forms.size
    for (const form of formsOf(secret.reveal())) forms.add(form)
    if (forms.size > before) search = undefined
  }
  for (const secret of secrets) add(secret)
  const current = () => {
    search ??= new PatternSearch([...forms].map((form) => Buffer.from(form)))
    return search
  }
  const byteStream = () => new RedactingStream(current, placeholder)
  const text = (plain: string) => {
    if (forms.size === 0) return plain
    const bytes = Buffer.from(plain)
    // Nearly all texts hold no secret, and a result has thousands of them.
    if (!current().isIn(bytes)) return plain
    const stream = byteStream()
    const begin = stream.write(bytes)
    return Buffer.concat([begin, stream.end()]).toString()
  }
  return {
    add,
    text,
    value: (value) => redactValue(value, text, new Map()),
    byteStream,
    stream() {
      const inner = byteStream()
      const decoder = new StringDecoder('utf8')
      return {
        write: (chunk) => decoder.write(inner.write(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)),
        end: () => decoder.write(inner.end()) + decoder.end(),
      }
    },
  }
}

function redactValue(value: unknown, text: (plain: string) => string, done: Map<object, unknown>): unknown {
  if (typeof value === 'string') return text(value)
  if (typeof value === 'number' || typeof value === 'bigint') {
    const plain = String(value)
    return text(plain) === plain ? value : text(plain)
  }
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  if (value instanceof Secret) return placeholder
  if (done.has(value)) return done.get(value)
  const inner = (part: unknown) => redactValue(part, text, done)
  if (ArrayBuffer.isView(value)) return text(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString())
  const { toJSON } = value as { toJSON?: unknown }
  if (typeof toJSON === 'function') return inner(toJSON.call(value))
  if (Array.isArray(value)) {
    const copy: unknown[] = []
    done.set(value, copy)
    for (const part of value) copy.push(inner(part))
    return copy
  }
  if (value instanceof Map) {
    const copy = new Map()
    done.set(value, copy)
    for (const [key, part] of value) copy.set(inner(key), inner(part))
    return copy
  }
  if (value instanceof Set) {
    const copy = new Set()
    done.set(value, copy)
    for (const part of value) copy.add(inner(part))
    return copy
  }
  const copy: Record<string, unknown> = {}
  done.set(value, copy)
  if (value instanceof Error) {
    // Not enumerable, so not among the entries.
    Object.assign(copy, { name: value.name, message: text(value.message) })
    if (value.stack !== undefined) copy.stack = text(value.stack)
    if (value.cause !== undefined) copy.cause = inner(value.cause)
  }
  for (const [key, part] of Object.entries(value)) copy[text(key)] = inner(part)
  return copy
}
