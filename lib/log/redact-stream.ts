import type { PatternSearch } from './redact-search.ts'

/** A stretch of the bytes that are held back; `end` is behind its last byte. */
type Stretch = { begin: number; end: number }

/**
 * Replaces patterns in bytes that come in pieces. Held back is exactly what could be the beginning of a match: at most the longest pattern
 * minus one byte. Matches that overlap are replaced as one, so that nothing of either is left.
 */
export class RedactingStream {
  /** Whether anything was replaced. */
  found = false
  readonly #current: () => PatternSearch
  readonly #placeholder: Buffer
  #search: PatternSearch
  #state = 0
  #held: Buffer = Buffer.alloc(0)
  /** Matches in what is held back, in order, without overlap. */
  #matches: Stretch[] = []
  /** Whether the first of them began in what was given on already, placeholder included. */
  #replaced = false

  /** `current` gives the patterns; when it gives others than before, what is held back is looked at again. */
  constructor(current: () => PatternSearch, placeholder: string) {
    this.#current = current
    this.#search = current()
    this.#placeholder = Buffer.from(placeholder)
  }

  /** Takes a piece; returns what can be given on. */
  write(chunk: Uint8Array): Buffer {
    const search = this.#current()
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    let from = this.#held.length
    if (search !== this.#search) {
      this.#search = search
      this.#state = 0
      from = 0
    }
    this.#scan(bytes, from)
    return this.#give(bytes, bytes.length - (search.open[this.#state] as number))
  }

  /** Returns what was held back. The stream can be used anew. */
  end(): Buffer {
    const rest = this.#give(this.#held, this.#held.length)
    this.#state = 0
    return rest
  }

  #scan(bytes: Uint8Array, from: number): void {
    const search = this.#search
    let state = this.#state
    for (let at = from; at < bytes.length; at++) {
      if (state === 0) {
        at = search.skip(bytes, at)
        if (at === bytes.length) break
      }
      state = search.next(state, bytes[at] as number)
      const length = search.matched[state] as number
      if (length > 0) this.#note(at + 1 - length, at + 1)
    }
    this.#state = state
  }

  #note(begin: number, end: number): void {
    this.found = true
    let joined: Stretch = { begin, end }
    for (let last = this.#matches.at(-1); last !== undefined && last.end > joined.begin; last = this.#matches.at(-1)) {
      joined = { begin: Math.min(last.begin, joined.begin), end: Math.max(last.end, joined.end) }
      this.#matches.pop()
    }
    this.#matches.push(joined)
  }

  /** Gives on `bytes` up to `limit` and holds back the rest. No match to come begins before `limit`. */
  #give(bytes: Uint8Array, limit: number): Buffer {
    const parts: Uint8Array[] = []
    const carried: Stretch[] = []
    let at = 0
    let replaced = this.#replaced
    this.#replaced = false
    for (const { begin, end } of this.#matches) {
      if (begin >= limit && !(replaced && begin === 0)) {
        carried.push({ begin: begin - limit, end: end - limit })
        continue
      }
      if (begin > at) parts.push(bytes.subarray(at, begin))
      if (!replaced) parts.push(this.#placeholder)
      replaced = false
      at = Math.min(end, limit)
      if (end > limit) {
        carried.push({ begin: 0, end: end - limit })
        this.#replaced = true
      }
    }
    if (at < limit) parts.push(bytes.subarray(at, limit))
    this.#matches = carried
    this.#held = Buffer.from(bytes.subarray(limit))
    return Buffer.concat(parts)
  }
}
