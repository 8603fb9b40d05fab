const shortest = { whole: 4, inside: 6 }
const mostWords = 6

/**
 * The values that were masked, as 64-bit digests, to find them again: whole, or inside a longer text as its words. Upper and lower case are the same. Values under 4
 * characters (6 inside) cannot be told from others and are left out; so are numbers under 6 digits in columns of numbers, and days without a time of day in columns of times.
 */
export class ValueSet {
  private readonly whole = new DigestSet()
  private readonly inside = new DigestSet()
  private readonly numbers = new DigestSet()
  private readonly times = new DigestSet()
  private longest = 1
  /** How many values were too short to be looked for. */
  tooShort = 0

  add(value: string): void {
    const folded = value.trim().toLowerCase()
    if (folded === '') return
    if (folded.length < shortest.whole) {
      this.tooShort += 1
      return
    }
    this.whole.add(folded)
    const [number, time] = [numberIn(folded), timeIn(folded)]
    if (number !== undefined) this.numbers.add(number)
    if (time !== undefined) this.times.add(time)
    const words = wordsOf(folded)
    if (words.length > mostWords || folded.length < shortest.inside) return
    this.inside.add(words.join(' '))
    this.longest = Math.max(this.longest, words.length)
  }

  /** How many different values there are. */
  get size(): number {
    return this.whole.size
  }

  /** Whether a text is one of the values, as it is or as a number. */
  has(text: string): boolean {
    const folded = text.trim().toLowerCase()
    return (folded.length >= shortest.whole && this.whole.has(folded)) || this.hasNumber(folded)
  }

  /** Whether a number is one of the values, or what such a value is without what stands between its digits. */
  hasNumber(text: string): boolean {
    const number = numberIn(text)
    return number !== undefined && this.numbers.has(number)
  }

  /** Whether a time is one of the values, to the second. */
  hasTime(text: string): boolean {
    const time = timeIn(text)
    return time !== undefined && this.times.has(time)
  }

  /** Whether a text is one of the values, or holds one. */
  finds(text: string): boolean {
    const folded = text.trim().toLowerCase()
    if (folded.length >= shortest.whole && this.whole.has(folded)) return true
    if (this.inside.size === 0 || text.length < shortest.inside) return false
    const words = wordsOf(text.toLowerCase())
    for (let from = 0; from < words.length; from += 1) {
      let joined = ''
      for (let to = from; to < Math.min(words.length, from + this.longest); to += 1) {
        joined = to === from ? (words[to] as string) : `${joined} ${words[to]}`
        if (joined.length >= shortest.inside && this.inside.has(joined)) return true
      }
    }
    return false
  }
}

/** A number of 6 digits and more, in one form: `4915112345` of `+49 (151) 12345`, `1234567.5` of `1234567.50`; undefined for other texts. */
function numberIn(text: string): string | undefined {
  if (text.length > 40 || !/^[+-]?[\d ()/.-]+$/.test(text)) return undefined
  const isDecimal = /^[+-]?\d+\.\d+$/.test(text)
  const number = isDecimal ? text.replace(/^[+-]/, '').replace(/\.?0+$/, '') : text.replace(/\D/g, '')
  return number.replace(/\D/g, '').length >= 6 ? number.replace(/^0+/, '') : undefined
}

/** A time to the second, without its zone; undefined for days alone, of which there are too few to tell one from another. */
function timeIn(text: string): string | undefined {
  const [, day, time] = /^(\d{4}-\d\d-\d\d)[ t](\d\d:\d\d:\d\d)/.exec(text) ?? []
  return time === undefined || time === '00:00:00' ? undefined : `${day} ${time}`
}

/** Words, e-mail addresses and numbers of a text, without what stands around them. */
const wordsOf = (text: string): string[] =>
  (text.replaceAll('%40', '@').match(/[\p{L}\p{N}][\p{L}\p{M}\p{N}@._%+\-:']*/gu) ?? []).map((word) =>
    word.replace(/[._\-:'%+]+$/, ''),
  )

/** A set of texts by 64 bits of each: 8 octets a place, in a table that is at most half full. */
class DigestSet {
  private table = new Uint32Array(2 * 1024)
  size = 0

  add(text: string): void {
    const [high, low] = digest(text)
    if (!insert(this.table, high, low)) return
    this.size += 1
    if (this.size * 4 <= this.table.length) return
    const larger = new Uint32Array(this.table.length * 2)
    for (let at = 0; at < this.table.length; at += 2) {
      const [oldHigh = 0, oldLow = 0] = [this.table[at], this.table[at + 1]]
      if (oldHigh !== 0 || oldLow !== 0) insert(larger, oldHigh, oldLow)
    }
    this.table = larger
  }

  has(text: string): boolean {
    const [high, low] = digest(text)
    return find(this.table, high, low).there
  }
}

function find(table: Uint32Array, high: number, low: number): { there: boolean; at: number } {
  const mask = table.length / 2 - 1
  for (let place = low & mask; ; place = (place + 1) & mask) {
    const at = 2 * place
    if (table[at] === high && table[at + 1] === low) return { there: true, at }
    if (table[at] === 0 && table[at + 1] === 0) return { there: false, at }
  }
}

function insert(table: Uint32Array, high: number, low: number): boolean {
  const { there, at } = find(table, high, low)
  if (there) return false
  table[at] = high
  table[at + 1] = low
  return true
}

/** Two multiplicative hashes over the UTF-16 units, mixed as MurmurHash3 ends. Quick; nobody who could choose values is kept out by it. */
function digest(text: string): [number, number] {
  let first = 0xde_ad_be_ef
  let second = 0x41_c6_ce_57
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at)
    first = Math.imul(first ^ unit, 2_654_435_761)
    second = Math.imul(second ^ unit, 1_597_334_677)
  }
  first = Math.imul(first ^ (first >>> 16), 2_246_822_507) ^ Math.imul(second ^ (second >>> 13), 3_266_489_909)
  second = Math.imul(second ^ (second >>> 16), 2_246_822_507) ^ Math.imul(first ^ (first >>> 13), 3_266_489_909)
  return [(first | 1) >>> 0, second >>> 0]
}
