import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Column } from '../../../lib/database/sync/columns.ts'
import { arrayMembers, decodeField, encodeField, mapArray, mapJson } from '../../../lib/database/sync/copy-text.ts'
import { replaceFields } from '../../../lib/database/sync/load.ts'
import { Masker, maskProblem } from '../../../lib/database/sync/masker.ts'
import { suspicionByContent, suspicionByKeys, suspicionByName } from '../../../lib/database/sync/personal.ts'
import { ValueSet } from '../../../lib/database/sync/value-set.ts'
import { fakeKinds, type Mask } from '../../../lib/model/masking.ts'

const column = (name: string, more: Partial<Column> = {}): Column => ({
  table: 'public.things',
  name,
  base: 'text',
  isArray: false,
  kind: 'b',
  max: null,
  notNull: false,
  unique: false,
  generated: false,
  surrogate: false,
  checks: [],
  ...more,
})

const masker = (columns: { column: Column; mask: Mask }[], masked = new ValueSet(), key = 'key') => {
  const made = new Masker(key, columns, masked)
  return columns.map((one) => made.replacer(one) ?? ((value: string | null) => value))
}

test('the same value gets the same mask in every column of a kind, another one in another group or under another key', () => {
  const columns = [
    { column: column('a'), mask: 'email' as const },
    { column: column('b', { unique: true }), mask: 'email' as const },
    { column: column('c'), mask: { mask: 'email' as const, group: 'staff' } },
  ]
  const [a, b, c] = masker(columns).map((replace) => replace('x@y.test'))
  assert.is(a, b)
  assert.is.not(a, c)
  assert.is.not(masker(columns, new ValueSet(), 'other')[0]?.('x@y.test'), a)
  assert.is(masker(columns)[0]?.(null), null)
})

test('masks of a unique column are unique, within the length of the shortest column of the kind', () => {
  for (const kind of [...fakeKinds, 'hash'] as const) {
    if (['words', 'date', 'ip', 'postcode', 'pattern'].includes(kind)) continue
    const max = 34
    const [replace] = masker([
      { column: column('a', { unique: true }), mask: kind },
      { column: column('b', { max }), mask: kind },
    ])
    const made = new Set<string>()
    for (let n = 0; n < 2000; n += 1) made.add(replace?.(`value ${n}`) ?? '')
    assert.is(made.size, 2000, kind)
    for (const value of made)
      assert.ok(value.length <= max && value.length > 4 && value === value.trim(), `${kind} ${value}`)
  }
})

test('too few values for a unique column are said, and a mask is never a value that somebody had', () => {
  const [digit] = masker([{ column: column('a', { unique: true }), mask: 'pattern' }])
  assert.throws(() => {
    // Letters of no case give one of 26.
    for (let n = 0; n < 27; n += 1) digit?.(String.fromCharCode(0x4e00 + n))
  }, /not enough pattern values for public\.things\.a/)
  const had = new ValueSet()
  const [first] = masker([{ column: column('a'), mask: 'city' }])
  const made = first?.('Berlin') ?? ''
  had.add(made)
  const [second] = masker([{ column: column('a'), mask: 'city' }], had)
  assert.is.not(second?.('Berlin'), made)
})

test('types keep their form', () => {
  const of = (base: string, mask: Mask, value: string, more: Partial<Column> = {}) =>
    masker([{ column: column('a', { base, ...more }), mask }])[0]?.(value) ?? ''
  assert.match(of('int4', 'hash', '123456'), /^[1-9]\d{5}$/)
  assert.match(of('numeric', 'hash', '-12.50'), /^-\d\d\.\d\d$/)
  assert.match(of('uuid', 'hash', 'a'), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.match(of('inet', 'ip', '10.0.0.1'), /^2[45]\d\.\d+\.\d+\.\d+$/)
  assert.match(of('inet', 'ip', 'fe80::1'), /^2001:db8:/)
  assert.match(of('timestamptz', 'date', '1999-05-05 10:00:00+00'), /^1999-\d\d-\d\d$/)
  assert.match(of('text', 'pattern', 'AB-12 c'), /^[A-Z]{2}-\d\d [a-z]$/)
  assert.match(of('text', 'card', '4111111111111111'), /^999999\d{10}$/)
  const json = JSON.parse(of('jsonb', 'hash', '{"a": ["x", 5, 4915112345678], "b": null, "c": true}'))
  assert.equal([json.a.length, json.a[1], json.b, json.c], [3, 5, null, true])
  assert.is.not(json.a[0], 'x')
  assert.match(String(json.a[2]), /^(?!4915112345678)\d{13}$/)
  assert.match(of('text', 'email', '{a@b.test,NULL}', { isArray: true }), /^\{"[^"]+@example\.com",NULL\}$/)
})

test("COPY's text, arrays and JSON come back as they were", () => {
  for (const text of ['', '\\N', 'a\tb\nc\\d\r', 'ünï €', '\\.']) assert.is(decodeField(encodeField(text)), text)
  assert.is(encodeField(null), '\\N')
  const row = Buffer.from('1\tü\\tx\t\\N\n2\t\\\\N\t3\n')
  assert.equal(replaceFields(row, [undefined, (value) => value, undefined]), row)
  const array = '[0:1]={{a,"b \\"c\\\\"},{NULL,"NULL"}}'
  assert.equal(arrayMembers(array), ['a', 'b "c\\', null, 'NULL'])
  assert.is(
    mapArray(array, (member) => member),
    '[0:1]={{"a","b \\"c\\\\"},{NULL,"NULL"}}',
  )
  assert.is(
    mapJson('{"a": {"b": ["c"]}}', (leaf) => `${leaf}!`),
    '{"a":{"b":["c!"]}}',
  )
})

test('values are found whole, as words of a text, as numbers and as times', () => {
  const values = new ValueSet()
  const masked = ['bob@mail.test', 'Rose', 'Schneider', '+49 (30) 123456', 'Alice Smith', 'abc', '']
  for (const value of [...masked, '1234567.50', '2001-02-03 04:05:06.789+00', '1980-05-12']) values.add(value)
  for (let n = 0; n < 20_000; n += 1) values.add(`filler${n}`)
  assert.equal([values.size, values.tooShort], [20_008, 1])
  for (const text of [
    'BOB@mail.test',
    'see <bob@mail.test>.',
    'x=bob%40mail.test&y',
    'call +49 30 123456!',
    'by Alice  Smith, today',
    'rose',
    'Ask Schneider, please',
    'born 1980-05-12',
    'filler19999',
  ])
    assert.ok(values.finds(text), text)
  for (const text of ['a rose is', 'Alice B Smith', 'abc', 'rob@mail.test', '', 'filler20000'])
    assert.not.ok(values.finds(text), text)
  for (const number of ['4930123456', '+49-30-123456', '1234567.5', '-1234567.500'])
    assert.ok(values.hasNumber(number), number)
  for (const number of ['30123456', '1234567', '123456750', '12', '']) assert.not.ok(values.hasNumber(number), number)
  for (const time of ['2001-02-03 04:05:06', '2001-02-03 04:05:06.1']) assert.ok(values.hasTime(time), time)
  for (const time of ['2001-02-03 04:05:07', '1980-05-12', '1980-05-12 00:00:00'])
    assert.not.ok(values.hasTime(time), time)
})

test('names and contents that look personal, and those that do not', () => {
  const named = (name: string, more: Partial<Column> = {}) => suspicionByName(column(name, more), false)?.suggestion
  const personal = [
    'email',
    'userEmail',
    'contact_email_address',
    'phone_number',
    'first_name',
    'lastName',
    'password_hash',
    'api_key',
    'reset_token',
    'street',
    'zip',
    'client_ip',
    'iban',
    'date_of_birth',
    'ssn',
  ]
  for (const name of personal) assert.ok(named(name), name)
  assert.is(named('birthday', { base: 'date' }), 'date')
  assert.is(named('phone', { base: 'int8' }), 'hash')
  assert.is(named('name', { table: 'public.users' }), 'full-name')
  for (const name of [
    'id',
    'title',
    'name',
    'status',
    'email_count',
    'phone_verified',
    'description',
    'shipping_type',
    'zipper',
    'tokenizer',
  ])
    assert.is(named(name), undefined, name)
  assert.is(named('email_verified', { base: 'bool' }), undefined)
  assert.is(named('last_login', { base: 'timestamptz' }), undefined)
  assert.is(suspicionByKeys(['a', 'firstName'])?.suggestion, 'hash')
  const content = (...values: string[]) => suspicionByContent(values)?.what
  assert.is(content('nothing', 'write to x.y@mail.test today', 'nothing'), 'an e-mail address')
  assert.is(content('10.0.0.1'), 'a network address')
  assert.is(content('fe80:0:0:1::1'), 'a network address')
  assert.is(content('4111 1111 1111 1111'), 'a card')
  assert.is(content('+49 30 1234567'), 'a phone number')
  assert.is(content('Alice Smith', 'Peter Jones', 'X Y'), 'a name')
  assert.is(content('12 Long Street'), 'an address')
  assert.is(content('Hauptstraße 5'), 'an address')
  assert.is(content('$2b$10$N9qo8uLOickgx2ZMRZoMye'), 'a secret')
  assert.is(content('f3a9c1e2b4d5968778695a4b3c2d1e0f'), 'a secret')
  for (const plain of [
    '1.2.3',
    '2026-11-20',
    '12:30:00',
    'Red chair',
    '4111 1111 1111 1112',
    'a1b2c3',
    '7d9f2c1e-4b3a-4c5d-8e6f-0123456789ab',
    'some-long-slug-of-an-article-2026',
    '100000001',
  ])
    assert.is(content(plain), undefined, plain)
})

test('masks that a column cannot take', () => {
  const problem = (mask: Mask, more: Partial<Column>) => maskProblem({ column: column('a', more), mask }) !== undefined
  assert.ok(problem(null, { notNull: true }))
  assert.ok(problem({ text: 'x' }, { unique: true }))
  assert.ok(problem({ text: 'long' }, { base: 'varchar', max: 3 }))
  assert.ok(problem('email', { base: 'varchar', max: 20, unique: true }))
  assert.not.ok(problem('email', { base: 'varchar', max: 20 }))
  assert.ok(problem('email', { base: 'varchar', max: 10 }))
  assert.ok(problem('email', { base: 'int4' }))
  assert.ok(problem('hash', { kind: 'e', base: 'mood' }))
  assert.ok(problem('hash', { generated: true }))
  assert.not.ok(problem('keep', { kind: 'e', base: 'mood' }))
})

test.run()
