import { type Column, valueKind } from './columns.ts'

/** A column and what its name or its content says it holds. */
export type Suspicion = { what: string; why: string; suggestion: string }

type Sign = { what: string; suggestion: string; pattern: RegExp }

/** Words of names, as snake_case or camelCase have them. */
const names: Sign[] = [
  { what: 'an e-mail address', suggestion: 'email', pattern: /\be?_?mails?\b|\bemail/ },
  {
    what: 'a phone number',
    suggestion: 'phone',
    pattern: /\b(phone|telephone|tel|mobile|fax|msisdn|whatsapp)(_?(no|number|nr))?s?\b/,
  },
  {
    what: 'a network address',
    suggestion: 'ip',
    pattern: /\b(ip|ipv4|ipv6|remote_addr|client_ip|mac)(_?addr(ess)?)?\b/,
  },
  {
    what: 'a card or an account',
    suggestion: 'card',
    pattern: /\b(card_?(number|no)|pan|cvv|cvc|iban|bic|account_(number|no)|credit_card)\b/,
  },
  {
    what: 'a name',
    suggestion: 'full-name',
    pattern:
      /\b(first|last|full|given|family|sur|middle|maiden|user|display|nick|contact|customer|person|employee|author|owner|recipient)_?name\b|\bsurname\b|\blogin\b/,
  },
  {
    what: 'a secret',
    suggestion: 'hash',
    pattern:
      /\b(passwords?|passwd|pwd|pass_?(hash|word|phrase)|secrets?|tokens?|api_?keys?|private_key|access_key|salt|otp|totp|session_?key|cookie|refresh_token)\b|_(token|secret|password|hash_salt)$/,
  },
  {
    what: 'an address',
    suggestion: 'street',
    pattern:
      /\b(street|address|addr|address_?(line)?_?[12]|house_(no|number)|postal_address|billing_address|shipping_address)\b/,
  },
  { what: 'a postcode', suggestion: 'postcode', pattern: /\b(zip|zip_?code|post_?code|postal_?code|plz)\b/ },
  {
    what: 'a date of birth',
    suggestion: 'date',
    pattern: /\b(birth|birthday|birth_?date|date_of_birth|dob|born|born_on)\b/,
  },
  {
    what: 'an identity number',
    suggestion: 'hash',
    pattern:
      /\b(ssn|sin|nino|passport|passport_(no|number)|tax_?(id|no|number)|national_id|driver_?licen[cs]e|vat_(no|number))\b/,
  },
]
/** Tables whose `name` is that of a person. */
const people =
  /(user|customer|person|people|contact|employee|member|patient|student|client|author|guest|subscriber|account|profile)s?$/

const firstNames = new Set(
  'james john robert michael william david richard joseph thomas charles mary patricia jennifer linda elizabeth barbara susan jessica sarah karen daniel matthew anthony mark paul steven andrew kenneth george joshua kevin brian edward nancy lisa betty margaret sandra ashley emily donna michelle carol amanda melissa laura anna maria peter hans klaus wolfgang juergen thomas stefan andreas monika petra ursula sabine julia lena emma sophie marie jean pierre jacques luc claire juan jose carlos luis ana carmen ahmed mohamed muhammad fatima ali wei li ming yuki hiroshi olga ivan dmitri alice bob eve oliver jack harry lucas noah liam olivia ava mia isabella'.split(
    ' ',
  ),
)

type Content = { what: string; suggestion: string; says: string; test(text: string): boolean; part: number }

/** What content shows, and from which part of the sampled values on. */
const contents: Content[] = [
  {
    what: 'an e-mail address',
    suggestion: 'email',
    says: 'hold an e-mail address',
    part: 0,
    test: (text) => /[\w.+-]+@[\w-]+(\.[\w-]+)*\.[a-z]{2,}/i.test(text),
  },
  { what: 'a network address', suggestion: 'ip', says: 'are network addresses', part: 0.1, test: isAddress },
  { what: 'a card', suggestion: 'card', says: 'are numbers as of cards', part: 0.1, test: isCard },
  {
    what: 'a phone number',
    suggestion: 'phone',
    says: 'look like phone numbers',
    part: 0.2,
    test: (text) =>
      /^(\+|00|\()[\d\s().\-/]{7,22}$|^\d{2,5}[ \-/.]\d{3,4}[ \-/.]?\d{3,5}$/.test(text) &&
      (text.match(/\d/g)?.length ?? 0) >= 8,
  },
  { what: 'a secret', suggestion: 'hash', says: 'look like tokens', part: 0.3, test: isToken },
  {
    what: 'an address',
    suggestion: 'street',
    says: 'look like addresses',
    part: 0.3,
    test: (text) =>
      /^\d+[a-z]?,? .*\b(street|st|road|rd|avenue|ave|lane|ln|drive|dr|way|court|place|square|rue|boulevard|blvd)\b|\w+(str\.|straße|strasse|gasse|weg|platz|allee) \d+/i.test(
        text,
      ),
  },
  {
    what: 'a name',
    suggestion: 'full-name',
    says: 'begin with a first name',
    part: 0.3,
    test: (text) =>
      text.length < 60 &&
      text.split(/\s+/).length <= 4 &&
      firstNames.has((text.split(/[\s,]+/)[0] ?? '').toLowerCase()),
  },
]

function isAddress(text: string): boolean {
  const v4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(\/\d+|:\d+)?$/.exec(text)
  if (v4) return v4.slice(1, 5).every((part) => Number(part) < 256)
  return /^[0-9a-f]{0,4}(:[0-9a-f]{0,4}){3,7}(\/\d+)?$/i.test(text) || /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text)
}

/** 13 to 19 digits whose last one is right (ISO/IEC 7812-1), in the ranges of the big schemes. */
function isCard(text: string): boolean {
  const digits = text.replace(/[ -]/g, '')
  if (!/^[2-6]\d{12,18}$/.test(digits)) return false
  const sum = [...digits].reverse().reduce((total, digit, place) => {
    const value = place % 2 === 1 ? Number(digit) * 2 : Number(digit)
    return total + (value > 9 ? value - 9 : value)
  }, 0)
  return sum % 10 === 0
}

function isToken(text: string): boolean {
  if (/^(eyJ[\w-]+\.|\$2[aby]\$|\$argon2|\$scrypt|SCRAM-SHA|gh[pousr]_|sk_(live|test)_|xox[bp]-|AKIA)/.test(text))
    return true
  if (/\s/.test(text) || text.length < 24) return false
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) return false
  return (
    /\d/.test(text) &&
    /[a-z]/i.test(text) &&
    /^[\w\-+/=.]+$/.test(text) &&
    new Set(text).size >= 10 &&
    !/^[a-z]+([_\-./][a-z0-9]+)+$/i.test(text)
  )
}

const snake = (name: string): string => name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase()

/** Words in a name stand between underscores: for `\b`, those are spaces, but for the underscore inside of a pattern. */
function nameSays(name: string): Sign | undefined {
  const plain = snake(name)
  const parts = plain.split('_')
  for (let from = 0; from < parts.length; from += 1) {
    for (let to = parts.length; to > from; to -= 1) {
      const words = parts.slice(from, to).join('_')
      const found = names.find(({ pattern }) => new RegExp(`^(?:${pattern.source})$`).test(words))
      if (found) return found
    }
  }
  return names.find(({ pattern }) => pattern.test(plain))
}

/** What a column's name says. Keys and columns that refer to other rows, flags, times and amounts are not asked. */
export function suspicionByName(column: Column, isReference: boolean): Suspicion | undefined {
  const values = valueKind(column)
  if (
    isReference ||
    column.generated ||
    values === 'other' ||
    (column.base === 'numeric' && column.max === null && /(amount|total|price|rate)/.test(column.name))
  )
    return undefined
  const table = column.table.replace(/^.*\./, '').replaceAll('"', '').toLowerCase()
  const sign =
    /^name$/i.test(column.name) && people.test(table)
      ? names.find(({ what }) => what === 'a name')
      : nameSays(column.name)
  if (!sign)
    return values === 'ip'
      ? { what: 'a network address', why: `its type is ${column.base}`, suggestion: 'ip' }
      : undefined
  if (values === 'date' && sign.suggestion !== 'date') return undefined
  if (/(_at|_count|_verified|_confirmed|_enabled|_type|_status|_id)$/.test(snake(column.name))) return undefined
  const suggestion = values === 'text' || sign.suggestion === 'date' || values === 'ip' ? sign.suggestion : 'hash'
  return { what: sign.what, why: 'by its name', suggestion }
}

/** What values that were looked at say; of JSON and arrays, the texts in them. */
export function suspicionByContent(values: readonly string[]): Suspicion | undefined {
  if (values.length === 0) return undefined
  for (const { what, suggestion, says, test, part } of contents) {
    const count = values.filter((value) => test(value.trim())).length
    if (count > 0 && count >= part * values.length) {
      return { what, suggestion, why: `${count} of ${values.length} values that were looked at ${says}` }
    }
  }
  return undefined
}

/** What the names of members in JSON say. */
export function suspicionByKeys(keys: readonly string[]): Suspicion | undefined {
  for (const key of new Set(keys)) {
    const sign = nameSays(key)
    if (sign) return { what: sign.what, why: `by its member ${key}`, suggestion: 'hash' }
  }
  return undefined
}
