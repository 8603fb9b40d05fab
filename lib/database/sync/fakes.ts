import type { FakeKind } from '../../model/masking.ts'

/** Octets that a fake is made from, taken one after the other. */
export class Octets {
  private at = 0
  private readonly octets: Buffer

  constructor(octets: Buffer) {
    this.octets = octets
  }

  /** A number below `limit` (at most 2^16), as evenly as two octets give it. */
  below(limit: number): number {
    const value = ((this.octets[this.at] as number) << 8) | (this.octets[this.at + 1] as number)
    this.at = (this.at + 2) % (this.octets.length - 1)
    return value % limit
  }

  /** Lower-case letters and digits, 5 bits each. */
  code(length: number): string {
    let text = ''
    for (let count = 0; count < length; count += 1) text += 'abcdefghijkmnpqrstuvwxyz23456789'[this.below(32)]
    return text
  }

  digits(length: number): string {
    let text = ''
    for (let count = 0; count < length; count += 1) text += String(this.below(10))
    return text
  }

  pick(list: readonly string[]): string {
    return list[this.below(list.length)] as string
  }
}

/** How a fake is to be: `unique` values carry 13 letters and digits of their own (65 bits). `max` is in characters. */
export type Shape = { unique: boolean; max: number }

// Made up from syllables: as easy to read as names, and nobody's.
const beginnings =
  'Al Bel Cor Dal El Fen Gar Hel Is Jor Kel Lom Mar Nor Or Per Quil Ros Sel Tal Ul Ven Wil Yor Zel Bran'.split(' ')
const middles = 'a e i o u ia ea ari eni oro ula eva imo ane'.split(' ')
const ends = 'dan len mir nor ra rin ros sa tan tel va vin win za lia bert dora fred'.split(' ')
const kindsOfStreet = ['Street', 'Road', 'Lane', 'Avenue', 'Way', 'Hill', 'Close', 'Square']
const kindsOfTown = ['ford', 'ham', 'ton', 'bury', 'field', 'wick', 'mouth', 'stead']
const kindsOfCompany = ['Ltd', 'Group', 'Works', 'Partners', 'Systems', 'Trading', 'Labs', 'Foods']
const filler =
  'the and with from over under green quiet river table window morning paper garden simple round early wooden silver letter market summer number yellow corner travel bottle system little often under almost'.split(
    ' ',
  )

const name = (octets: Octets): string => octets.pick(beginnings) + octets.pick(middles) + octets.pick(ends)

/** Characters of the code in unique values. */
export const codeLength = 13

/** Of how many characters at least a unique fake of a kind is; undefined: a unique one is as long as any, and collisions are stepped over. */
export const uniqueLength: Readonly<Partial<Record<FakeKind | 'hash', number>>> = {
  email: codeLength + 12,
  username: codeLength,
  hash: codeLength,
  url: codeLength + 20,
  'first-name': codeLength + 2,
  'last-name': codeLength + 2,
  'full-name': codeLength + 2,
  company: codeLength + 2,
  street: codeLength + 2,
  city: codeLength + 2,
  words: codeLength + 2,
}

/** Of how many characters any fake of a kind is at least. */
export const leastLength: Readonly<Partial<Record<FakeKind | 'hash', number>>> = {
  email: 18,
  url: 26,
  phone: 10,
  ip: 15,
  card: 16,
  date: 10,
}

/** A made-up text of a kind. `value` is what it stands for: some kinds keep its length or its form. */
export function fake(kind: FakeKind | 'hash', octets: Octets, value: string, { unique, max }: Shape): string {
  const text = () => {
    switch (kind) {
      case 'first-name':
      case 'last-name':
        return name(octets)
      case 'full-name':
        return `${name(octets)} ${name(octets)}`
      case 'company':
        return `${name(octets)} ${octets.pick(kindsOfCompany)}`
      case 'street':
        return `${1 + octets.below(200)} ${name(octets)} ${octets.pick(kindsOfStreet)}`
      case 'city':
        return name(octets) + octets.pick(kindsOfTown)
      default:
        return words(octets, value.length)
    }
  }
  switch (kind) {
    // Domains that nobody can register (RFC 2606).
    case 'email':
      return `${userName(octets, unique, Math.min(64, max - 12))}@example.com`
    case 'url':
      return `https://example.com/${octets.code(unique ? codeLength : Math.min(10, max - 20))}`
    case 'username':
      return userName(octets, unique, max)
    // 999 is no country's code (ITU-T E.164).
    case 'phone':
      return `+999${octets.digits(Math.min(10, max - 4))}`
    // For future use and for documentation (RFC 1112, RFC 3849): no packet gets there.
    case 'ip':
      return value.includes(':')
        ? v6(octets)
        : `${240 + octets.below(15)}.${octets.below(256)}.${octets.below(256)}.${octets.below(256)}`
    case 'card':
      return luhn(`999999${octets.digits(9)}`)
    case 'date':
      return date(octets, value)
    case 'postcode':
    case 'pattern':
      return pattern(octets, value)
    case 'hash':
      return octets.code(26).slice(0, max)
    default: {
      const plain = text()
      return unique
        ? `${plain.slice(0, max - codeLength - 1)} ${octets.code(codeLength)}`
        : plain.slice(0, max).trimEnd()
    }
  }
}

function userName(octets: Octets, unique: boolean, max: number): string {
  const code = octets.code(unique ? codeLength : Math.min(6, max))
  const rest = max - code.length - 1
  return rest < 4
    ? code
    : `${`${name(octets)}.${name(octets)}`.toLowerCase().slice(0, rest).replace(/\.$/, '')}.${code}`
}

const v6 = (octets: Octets): string =>
  `2001:db8:${Array.from({ length: 6 }, () => (4096 + octets.below(61_440)).toString(16)).join(':')}`

/** The digit of ISO/IEC 7812-1 at the end. */
function luhn(digits: string): string {
  const sum = [...digits].reverse().reduce((total, digit, place) => {
    const doubled = place % 2 === 0 ? Number(digit) * 2 : Number(digit)
    return total + (doubled > 9 ? doubled - 9 : doubled)
  }, 0)
  return digits + String((10 - (sum % 10)) % 10)
}

/** Another day of the same year, so that ages stay about right; the time of day is left out. */
function date(octets: Octets, value: string): string {
  const year = /^(\d{4,})-/.exec(value)?.[1] ?? '2000'
  const [month, day] = [1 + octets.below(12), 1 + octets.below(28)]
  return `${year}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`
}

/** Letters for letters and digits for digits; a digit in front stays one that is not 0. */
function pattern(octets: Octets, value: string): string {
  let first = true
  return value.replace(/\p{Lu}|\p{L}|\p{N}/gu, (letter) => {
    const was = first
    first = false
    if (/\p{N}/u.test(letter)) return String(was && letter !== '0' ? 1 + octets.below(9) : octets.below(10))
    const code = String.fromCharCode(97 + octets.below(26))
    return /\p{Lu}/u.test(letter) ? code.toUpperCase() : code
  })
}

function words(octets: Octets, length: number): string {
  let text = octets.pick(filler)
  while (text.length + 8 < Math.min(length, 400)) text += ` ${octets.pick(filler)}`
  return text[0]?.toUpperCase() + text.slice(1)
}
