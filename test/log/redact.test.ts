import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createRedactor, placeholder } from '../../lib/log/redact.ts'
import { formsOf } from '../../lib/log/redact-forms.ts'
import { Secret } from '../../lib/model/secret.ts'

/** Everything that some encoder treats as special, and characters of two, three and four bytes. */
const awkward = `p@ss 'w"o\\rd/+&<$x>%\`!ü€😀=`
const plain = 'correct-horse-battery'
const redactorOf = (...values: string[]) => createRedactor(values.map((value, index) => new Secret(`S${index}`, value)))
const base64 = (text: string) => Buffer.from(text).toString('base64')
const percentAll = (text: string) =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
const shell = (script: string, value: string, program = 'bash') =>
  execFileSync(program, ['-c', `${script}`, 'sh', value], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

/** The forms, made by the encoders that people use and not by the code under test. */
const encoders: Record<string, (value: string) => string> = {
  raw: (value) => value,
  'base64, alone': base64,
  'base64, no padding': (value) => base64(value).replace(/=+$/, ''),
  'base64, one byte before': (value) => base64(`:${value}`),
  'base64, two bytes before and one behind': (value) => base64(`u:${value};`),
  'base64, three bytes before': (value) => base64(`us:${value}--`),
  'base64 of basic authorisation': (value) => base64(`admin:${value}`),
  'base64 with a line break (echo | base64 -w0)': (value) => shell('echo "$1" | base64 -w0', value),
  'base64url, alone': (value) => Buffer.from(value).toString('base64url'),
  'base64url, one byte before': (value) => Buffer.from(`?${value}`).toString('base64url'),
  'base64 of base64 (.dockerconfigjson)': (value) => base64(JSON.stringify({ auth: base64(`user:${value}`) })),
  'base64 of JSON': (value) => base64(JSON.stringify({ a: 1, password: value })),
  'base64 in a URL': (value) => encodeURIComponent(base64(`?${value}`)),
  'hex, lower case': (value) => Buffer.from(value).toString('hex'),
  'hex, upper case': (value) => Buffer.from(value).toString('hex').toUpperCase(),
  encodeURIComponent: (value) => encodeURIComponent(value),
  'encodeURIComponent, lower-case hex': (value) =>
    encodeURIComponent(value).replace(/%../g, (code) => code.toLowerCase()),
  encodeURI: (value) => encodeURI(value),
  'form encoding (URLSearchParams)': (value) => new URLSearchParams({ q: value }).toString(),
  'the password of a URL': (value) => {
    const url = new URL('postgres://user@host/db')
    url.password = value
    return url.href
  },
  'the query of a URL': (value) => new URL(`http://host/?q=${value}`).href,
  'URL-encoded twice': (value) => encodeURIComponent(encodeURIComponent(value)),
  'every byte URL-encoded': percentAll,
  'every byte URL-encoded, upper case': (value) => percentAll(value).toUpperCase(),
  JSON: (value) => JSON.stringify({ value }),
  'JSON in JSON': (value) => JSON.stringify(JSON.stringify({ value })),
  'JSON with \\/': (value) => JSON.stringify(value).replaceAll('/', '\\/'),
  "JSON as Python's, ASCII only": (value) =>
    JSON.stringify(value).replace(/[^\0-~]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`),
  "JSON as Go's": (value) => JSON.stringify(value).replace(/[<>&]/g, (one) => `\\u00${one.charCodeAt(0).toString(16)}`),
  'the trace of bash': (value) => execTrace('bash', value),
  'the trace of sh': (value) => execTrace('sh', value),
  'printf %q': (value) => shell('LC_ALL=C.UTF-8; printf \'%q\' "$1"', value),
  'printf %q in the C locale': (value) => shell('LC_ALL=C; printf \'%q\' "$1"', value).replace(/^\$'|'$/g, ''),
  "single quotes, Python's shlex": (value) => `'${value.replaceAll("'", `'"'"'`)}'`,
  'double quotes of a shell': (value) => `"${value.replace(/[\\$`"]/g, '\\$&')}"`,
  "$'…' of a shell": (value) => `$'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`,
  'util.inspect': (value) => inspect({ value }),
  'HTML, with &#39;': (value) => escapeHtml(value, '&#39;'),
  'HTML, with &#x27;': (value) => escapeHtml(value, '&#x27;'),
  'XML, with &apos;': (value) => escapeHtml(value, '&apos;'),
  'HTML text': (value) => value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;'),
  'an SQL literal': (value) => `'${value.replaceAll("'", "''")}'`,
  'a libpq connection string': (value) => `password='${value.replace(/[\\']/g, '\\$&')}'`,
  'a .pgpass line': (value) => `*:*:*:*:${value.replace(/[\\:]/g, '\\$&')}`,
}

function execTrace(program: string, value: string): string {
  const script = 'exec 2>&1; set -x; : "$1"'
  return execFileSync(program, ['-c', script, 'sh', value], { encoding: 'utf8' })
}

function escapeHtml(value: string, single: string): string {
  const basic = value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  return basic.replaceAll('"', '&quot;').replaceAll("'", single)
}

/** How many characters two texts have in common at their beginning. */
function common(one: string, other: string): number {
  let length = 0
  while (length < one.length && one[length] === other[length]) length++
  return length
}

const reversed = (text: string) => [...text].reverse().join('')

assert.ok(Object.keys(encoders).length >= 20)

for (const [name, encode] of Object.entries(encoders)) {
  test(`redacts: ${name}`, () => {
    for (const value of [plain, awkward, 'abc/+~', 'f+o/o?bar>>>', 'Zx 9%41é&']) {
      const form = encode(value)
      const redacted = redactorOf(value).text(form)
      const parts = redacted.split(placeholder)
      assert.is(parts.length, 2, `${form} became ${redacted}`)
      const [before, behind] = parts as [string, string]
      assert.ok(form.startsWith(before) && form.endsWith(behind), redacted)
      // What the encoder makes of other values shows what stands around the secret and is none.
      const length = Buffer.byteLength(value)
      const around = (measure: (other: string) => number) =>
        Math.max(
          ...[length, length + 1, length + 2].flatMap((size) =>
            ['', ' '].map((inside) =>
              Math.min(
                ...['x', 'y'].map((letter) =>
                  measure(encode(letter + inside + letter.repeat(size - 1 - inside.length))),
                ),
              ),
            ),
          ),
        )
      // A character of base64 that also holds bits of a neighbour may stay; encoded twice, that are two.
      const partial = name.startsWith('base64 of base64') ? 2 : name.includes('base64') ? 1 : 0
      const harmless = around((other) => common(form, other)) + partial
      assert.ok(before.length <= harmless, `${form} became ${redacted}`)
      const harmlessBehind = around((other) => common(reversed(form), reversed(other)))
      assert.ok(
        behind.length <= harmlessBehind + partial * (name.includes('URL') ? 3 : 1),
        `${form} became ${redacted}`,
      )
    }
  })
}

test('a form split at every position, into two and three pieces, is redacted as in one', () => {
  for (const encode of Object.values(encoders)) {
    const text = `ü ${encode(awkward)} € ${encode(plain)}`
    const redactor = redactorOf(awkward, plain)
    const whole = redactor.text(text)
    const bytes = Buffer.from(text)
    for (let cut = 0; cut <= bytes.length; cut++) {
      const stream = redactor.stream()
      const second = Math.min(bytes.length, cut + 3)
      const pieces = [bytes.subarray(0, cut), bytes.subarray(cut, second), bytes.subarray(second)]
      assert.is(pieces.map((piece) => stream.write(piece)).join('') + stream.end(), whole, `cut at ${cut}`)
    }
    const stream = redactor.stream()
    assert.is([...bytes].map((byte) => stream.write(Buffer.from([byte]))).join('') + stream.end(), whole)
  }
})

test('a stream holds back only what could be the beginning of a secret', () => {
  const stream = redactorOf('hunter2-hunter2').stream()
  assert.is(stream.write('a line\n'), 'a line\n')
  assert.is(stream.write('pass: hunt'), 'pass: ')
  assert.is(stream.write('ing\n'), 'hunting\n')
  assert.is(stream.write('hunter2-hunter'), '')
  assert.is(stream.write('2'), placeholder)
  assert.is(stream.write('!'), '!')
  assert.is(stream.write('hunter2'), '')
  assert.is(stream.end(), 'hunter2')
})

test('what is held back is never longer than the longest form minus one byte', () => {
  const values = ['aaaaaaaab', 'aaaabaaaa', awkward]
  const longest = Math.max(...values.flatMap((value) => [...formsOf(value)].map((form) => Buffer.byteLength(form))))
  const stream = redactorOf(...values).byteStream()
  let taken = 0
  for (let step = 0; step < 2000; step++) {
    const piece = Buffer.from('aaaaaaa ab'.slice(step % 7))
    taken += piece.length
    taken -= stream.write(piece).length
    // The placeholder may be longer than what it replaces, so what is held back is at least what the difference says.
    assert.ok(taken < longest, `${taken} of at most ${longest - 1}`)
    if (taken < 0) taken = 0
  }
})

test('overlapping secrets leave nothing of either', () => {
  assert.is(redactorOf('abcdefgh', 'efghijkl').text('-abcdefghijkl-'), `-${placeholder}-`)
  assert.is(redactorOf('abcdefgh', 'cdefgh').text('-abcdefgh-cdefgh-'), `-${placeholder}-${placeholder}-`)
  const stream = redactorOf('abcdefgh', 'efghijkl', 'ijklmnop').stream()
  const pieces = ['-abcdef', 'ghij', 'klm', 'nop', '-']
  assert.is(pieces.map((piece) => stream.write(piece)).join('') + stream.end(), `-${placeholder}-`)
})

test('every random text gives the same in one piece and in random ones, and hides each planted secret', () => {
  const letters = 'ab/+ü'
  const random = (length: number) => Array.from({ length }, () => [...letters][randomBytes(1).readUInt8() % 5]).join('')
  for (let round = 0; round < 200; round++) {
    const values = [random(6), random(8), random(11)]
    const redactor = redactorOf(...values)
    const text = values.map((value) => random(20) + value).join(random(3)) + random(30)
    const whole = redactor.text(text)
    for (const value of values) assert.not.ok(whole.includes(value), `${value} in ${whole}`)
    const stream = redactor.stream()
    const bytes = Buffer.from(text)
    let pieces = ''
    for (let at = 0; at < bytes.length; ) {
      const length = 1 + (randomBytes(1).readUInt8() % 9)
      pieces += stream.write(bytes.subarray(at, at + length))
      at += length
    }
    assert.is(pieces + stream.end(), whole, values.join(' | '))
  }
})

test('values shorter than six characters are left alone', () => {
  assert.is(redactorOf('abcde', '').text('abcde'), 'abcde')
  assert.is(redactorOf('abcdef').text('abcdef'), placeholder)
})

test('lines of a key are redacted one by one, its frame stays readable', () => {
  const key = `-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA\nq83vEjRWeJCrze8S\n-----END KEY-----\n`
  const redactor = redactorOf(key)
  assert.is(
    redactor.text('api | MIIEpAIBAAKCAQEA\napi | q83vEjRWeJCrze8S\n'),
    `api | ${placeholder}\napi | ${placeholder}\n`,
  )
  assert.is(redactor.text('-----BEGIN KEY-----'), '-----BEGIN KEY-----')
  assert.is(redactorOf('s3cr3t-value\n').text('is s3cr3t-value.'), `is ${placeholder}.`)
})

test('bytes that are no UTF-8 pass unchanged around a secret', () => {
  const stream = redactorOf('topsecret').byteStream()
  const bytes = Buffer.concat([Buffer.from([0xff, 0xfe, 0x00]), Buffer.from('topsecret'), Buffer.from([0xc3, 0x28])])
  const out = Buffer.concat([stream.write(bytes.subarray(0, 5)), stream.write(bytes.subarray(5)), stream.end()])
  const expected = [Buffer.from([0xff, 0xfe, 0x00]), Buffer.from(placeholder), Buffer.from([0xc3, 0x28])]
  assert.equal(out, Buffer.concat(expected))
})

test('a secret that is added while a stream runs is redacted from then on', () => {
  const redactor = createRedactor()
  const stream = redactor.stream()
  assert.is(stream.write('late-secret '), 'late-secret ')
  redactor.add(new Secret('LATE', 'late-secret'))
  redactor.add(new Secret('LATER', 'later-secret'))
  assert.is(stream.write('late-secr'), '')
  redactor.add(new Secret('LAST', 'late-secrets'))
  assert.is(stream.write('ets later-secret') + stream.end(), `${placeholder} ${placeholder}`)
})

test('values: objects, arrays, maps, keys, errors, numbers, cycles and secrets', () => {
  const redactor = redactorOf('hunter2hunter2', '12345678')
  const cause = new Error('by hunter2hunter2')
  const input: Record<string, unknown> = {
    text: 'x hunter2hunter2',
    list: [1, 'hunter2hunter2', null, undefined, true],
    hunter2hunter2: 'key',
    map: new Map([['hunter2hunter2', new Set(['hunter2hunter2'])]]),
    number: 12345678,
    other: 12,
    secret: new Secret('S', 'unknown-to-the-redactor'),
    bytes: Buffer.from('hunter2hunter2'),
    error: Object.assign(new Error('failed with hunter2hunter2', { cause }), { code: 'hunter2hunter2' }),
    date: new Date(0),
  }
  input.self = input
  const output = redactor.value(input) as typeof input
  assert.not.match(inspect(output, { depth: 10, showHidden: true }), /hunter2|12345678|unknown-to/)
  assert.is(output.text, `x ${placeholder}`)
  assert.equal(output.list, [1, placeholder, null, undefined, true])
  assert.is(output[placeholder], 'key')
  assert.is(output.other, 12)
  assert.is(output.secret, placeholder)
  assert.is(output.self, output)
  assert.is((output.error as Error).message, `failed with ${placeholder}`)
  assert.is(input.text, 'x hunter2hunter2', 'the input is not touched')
})

test('a text without a secret is returned as it is, lone surrogates included', () => {
  const text = `plain \ud800 text ${'ü'.repeat(10)}`
  assert.is(redactorOf(plain).text(text), text)
})

test('200 secrets on 1 MB: the work does not depend on how many there are, nor on the worst text', () => {
  // Counted and not timed: one step of the automaton for each byte, however the text looks.
  const size = 1 << 20
  const many = createRedactor(Array.from({ length: 200 }, (_, index) => new Secret('S', `${'a'.repeat(40)}${index}b`)))
  const texts = ['a'.repeat(size), 'ab'.repeat(size / 2), randomBytes(size / 2).toString('hex')]
  many.text('build the automaton')
  const few = redactorOf('a-single-secret-value')
  few.text('build the automaton')
  const time = (redactor: typeof few, text: string) => {
    const begin = process.cpuUsage()
    assert.is(redactor.text(text).length, text.length)
    const { user, system } = process.cpuUsage(begin)
    return user + system
  }
  const best = (redactor: typeof few, text: string) => Math.min(...[1, 2, 3].map(() => time(redactor, text)))
  for (const text of texts) {
    // A search that tried each pattern at each place would take 1,800 times as long.
    assert.ok(best(many, text) < 60 * best(few, text) + 100_000, 'more than linear')
  }
})

test.run()
