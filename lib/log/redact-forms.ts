/** Below this many characters a value is not redacted: it would be found inside innocent words. */
export const shortestValue = 6

/**
 * Every form in which a secret's value is known to turn up in output: as it is, encoded, escaped, quoted; a part of a form where the rest
 * depends on what stands beside it (base64). Empty for a value that is too short.
 */
export function formsOf(value: string): Set<string> {
  const forms = new Set<string>()
  for (const text of new Set([value, value.trim(), ...longLines(value)])) {
    if (text.length < shortestValue) continue
    const spelt = [text, ...jsonForms(text), ...shellForms(text), ...quotedForms(text), ...htmlForms(text)]
    const encoded = [...base64Forms(text), ...spelt.slice(1, 3).flatMap(base64Forms)]
    for (const form of [...spelt, ...encoded, ...hexForms(text)]) forms.add(form)
    for (const form of [...urlForms(text), ...encoded.flatMap(base64InUrl)]) forms.add(form)
  }
  for (const form of forms) if (form.length < shortestValue) forms.delete(form)
  return forms
}

/** A key of several lines is printed line by line, each with something before it. Its frame (`-----BEGIN …`) is no secret. */
function longLines(value: string): string[] {
  if (!value.includes('\n')) return []
  return value
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.length >= 8 && !line.startsWith('-----'))
}

// --- base64 (RFC 4648, sections 4 and 5) ---

/** Alone, with a line break behind it (`echo … | base64`), inside a longer text, and all that encoded once more (Kubernetes' .dockerconfigjson). */
function base64Forms(text: string): string[] {
  const once = [...wholeBase64(text), ...wholeBase64(`${text}\n`), ...innerBase64(text)]
  const twice = once.flatMap((form) => [...wholeBase64(form), ...innerBase64(form)])
  return [...once, ...twice].flatMap((form) => [form, form.replaceAll('+', '-').replaceAll('/', '_')])
}

function wholeBase64(text: string): string[] {
  const padded = Buffer.from(text).toString('base64')
  return [padded, padded.replace(/=+$/, '')]
}

/**
 * Inside a longer text the value begins at one of three places of a group of three bytes. Of each the characters that hold bits of
 * the value alone.
 */
function innerBase64(text: string): string[] {
  const bytes = Buffer.from(text)
  return [0, 1, 2].map((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
    return encoded.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6))
  })
}

/** base64 as a part of a URL, encoded once and twice. */
function base64InUrl(form: string): string[] {
  if (!/[+/=]/.test(form)) return []
  const upper = form.replaceAll('+', '%2B').replaceAll('/', '%2F').replaceAll('=', '%3D')
  const lower = form.replaceAll('+', '%2b').replaceAll('/', '%2f').replaceAll('=', '%3d')
  return [upper, lower, upper.replaceAll('%', '%25'), lower.replaceAll('%', '%25')]
}

function hexForms(text: string): string[] {
  const hex = Buffer.from(text).toString('hex')
  return [hex, hex.toUpperCase()]
}

// --- URLs ---

const alphanumeric = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const printable = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join('')
const without = (characters: string) => [...printable].filter((one) => !characters.includes(one)).join('')

/** The characters that each kind of encoder leaves as they are; `+` says that it writes a space as a plus. */
const urlEncoders: { keep: string; space?: '+' }[] = [
  // RFC 3986 unreserved: Go's PathEscape, curl, most libraries; with + Go's QueryEscape and Python's quote_plus
  { keep: `${alphanumeric}-._~` },
  { keep: `${alphanumeric}-._~`, space: '+' },
  // encodeURIComponent, encodeURI
  { keep: `${alphanumeric}-._~!'()*` },
  { keep: `${alphanumeric}-._~!'()*;,/?:@&=+$#` },
  // application/x-www-form-urlencoded: URLSearchParams, and PHP's urlencode
  { keep: `${alphanumeric}*-._`, space: '+' },
  { keep: `${alphanumeric}-._`, space: '+' },
  // Python's quote
  { keep: `${alphanumeric}-._~/` },
  // The WHATWG URL parser: user information, path, query (they leave a % alone)
  { keep: without(' "#<>?`{}/:;=@[\\]^|') },
  { keep: without(' "#<>?`{}^') },
  { keep: without(' "#<>?`{}') },
  { keep: without(' "#<>') },
  { keep: without(' "#<>\'') },
  // every byte
  { keep: '' },
]

function urlForms(text: string): string[] {
  const bytes = [...Buffer.from(text)]
  return urlEncoders.flatMap(({ keep, space }) => {
    const encode = (hex: (byte: number) => string) =>
      bytes
        .map((byte) => {
          const character = String.fromCharCode(byte)
          if (byte === 32 && space) return space
          return byte < 128 && keep.includes(character) ? character : `%${hex(byte)}`
        })
        .join('')
    const lower = encode((byte) => byte.toString(16).padStart(2, '0'))
    const upper = encode((byte) => byte.toString(16).padStart(2, '0').toUpperCase())
    // Encoded twice: a URL as a parameter of a URL.
    return [lower, upper, lower.replaceAll('%', '%25'), upper.replaceAll('%', '%25')]
  })
}

// --- quoting ---

const escapeJson = (text: string) => JSON.stringify(text).slice(1, -1)

const unicodeEscapes = (text: string, characters: RegExp, upper = false) =>
  text.replace(characters, (one) => {
    const hex = one.charCodeAt(0).toString(16).padStart(4, '0')
    return `\\u${upper ? hex.toUpperCase() : hex}`
  })

/** The first two are as JavaScript writes it, the second inside a JSON text that is itself a string in one. */
function jsonForms(text: string): string[] {
  const plain = escapeJson(text)
  const solidus = plain.replaceAll('/', '\\/')
  const others = [
    // Python and PHP write other than ASCII as \u; Go what is special in HTML
    ...[false, true].flatMap((upper) => [
      unicodeEscapes(plain, /[\u007f-\uffff]/g, upper),
      unicodeEscapes(solidus, /[\u007f-\uffff]/g, upper),
      unicodeEscapes(plain, /[<>&\u2028\u2029]/g, upper),
      unicodeEscapes(plain, /[<>&'\u007f-\uffff]/g, upper),
    ]),
    solidus,
  ]
  return [plain, escapeJson(plain), ...others, ...others.map(escapeJson)]
}

function shellForms(text: string): string[] {
  return [
    // '…' with a quote as '\'' (bash -x, execa) or '"'"' (dash -x, Python's shlex)
    text.replaceAll("'", "'\\''"),
    text.replaceAll("'", `'"'"'`),
    // "…"
    text.replace(/[\\$`"]/g, '\\$&'),
    text.replace(/[\\$`"!]/g, '\\$&'),
    // printf %q
    text.replace(/[^A-Za-z0-9_@%+=:,./\-\u0080-\uffff]/g, '\\$&'),
    // $'…' (zx)
    ansiC(text),
    // printf %q and bash -x in the C locale
    octalBytes(ansiC(text)),
  ]
}

/** What is not ASCII, byte by byte as three octal digits. */
const octalBytes = (text: string) =>
  text.replace(/[\u0080-\uffff]+/g, (some) =>
    Array.from(Buffer.from(some), (byte) => `\\${byte.toString(8).padStart(3, '0')}`).join(''),
  )

const controls: Record<string, string> = {
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\f': '\\f',
  '\v': '\\v',
  '\0': '\\0',
}

const ansiC = (text: string) =>
  text.replace(/[\\']/g, '\\$&').replace(/[\n\r\t\f\v\0]/g, (one) => controls[one] as string)

function quotedForms(text: string): string[] {
  return [
    // SQL and YAML double a quote; .pgpass escapes colons; JavaScript's `…`
    text.replaceAll("'", "''"),
    text.replaceAll('"', '""'),
    text.replace(/[\\:]/g, '\\$&'),
    text.replace(/[\\`$]/g, '\\$&'),
  ]
}

function htmlForms(text: string): string[] {
  const basic = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  return ['"', '&quot;', '&#34;', '&#x22;'].flatMap((double) =>
    ["'", '&#39;', '&#039;', '&#x27;', '&apos;'].map((single) => basic.replaceAll('"', double).replaceAll("'", single)),
  )
}
