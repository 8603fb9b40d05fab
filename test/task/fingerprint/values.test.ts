import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, renameSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Secret } from '../../../lib/model/secret.ts'
import { parseSize } from '../../../lib/task/cache/limit.ts'
import { canonical } from '../../../lib/task/fingerprint/canonical.ts'
import { sha256 } from '../../../lib/task/fingerprint/digest.ts'
import { readInputs } from '../../../lib/task/fingerprint/files.ts'
import { keyedDigest } from '../../../lib/task/fingerprint/key.ts'
import { pruneRecords, recordsFolder, touchRecord } from '../../../lib/task/fingerprint/record.ts'
import { keepResult, readResult } from '../../../lib/task/fingerprint/result.ts'
import { StatCache, statCachePath } from '../../../lib/task/fingerprint/stat-cache.ts'
import { declaredVariables, mayShow } from '../../../lib/task/fingerprint/variables.ts'
import { folderWith } from '../../support/workspace.ts'

test('values are told apart, and equal ones are equal in whatever order', () => {
  const different = [
    1,
    '1',
    1n,
    true,
    'true',
    null,
    undefined,
    [],
    {},
    [1],
    ['1'],
    [[1]],
    { a: 1 },
    { a: '1' },
    { a: undefined },
    -0,
    0,
    new Date(0),
    '1970-01-01T00:00:00.000Z',
    new Map([[1, 2]]),
    new Set([1, 2]),
    [1, 2],
    new Uint8Array([1, 2]),
    /a/,
    /a/g,
    new URL('http://a/'),
    'http://a/',
    new Secret('A', 'x'),
    new Secret('A', 'y'),
    '[redacted]',
    'secret "x"',
    Number.NaN,
    'a,b',
    ['a', 'b'],
  ]
  const texts = different.map(canonical)
  assert.is(new Set(texts).size, different.length, texts.join('\n'))
  assert.is(canonical({ a: 1, b: { c: 2, d: 3 } }), canonical({ b: { d: 3, c: 2 }, a: 1 }))
  const circle: unknown[] = []
  circle.push(circle)
  assert.is(canonical(circle), '[circle]')
})

test('results come back as they were, or are not kept', () => {
  const all = () => true
  for (const value of [
    undefined,
    null,
    0,
    '',
    'text',
    { a: [1, { b: undefined }] },
    new Map([['a', new Set([1n])]]),
    new Date(5),
    Buffer.from('x'),
    [undefined],
  ]) {
    const kept = keepResult(value, all)
    assert.ok(kept)
    const back = readResult(kept.text)
    assert.is(canonical(back), canonical(value))
  }
  class Own {
    x = 1
  }
  for (const value of [
    () => 1,
    { f() {} },
    new Own(),
    [new Own()],
    new Map([[1, new Own()]]),
    new Secret('a', 'b'),
    Symbol('s'),
    {
      get x() {
        return 1
      },
    },
    new Error('x'),
  ]) {
    assert.is(keepResult(value, all), undefined)
  }
  assert.is(
    keepResult({ token: 'hunter2' }, (text) => !text.includes('hunter2')),
    undefined,
  )
})

test('variables by name and by beginning, and which may be shown', () => {
  const env = { VITE_A: '1', VITE_B: '2', VITE_DEBUG: '3', OTHER: '4' }
  assert.equal(declaredVariables(['VITE_*', '!VITE_DEBUG', 'ABSENT'], env), {
    VITE_A: '1',
    VITE_B: '2',
    ABSENT: undefined,
  })
  assert.equal(['NODE_ENV', 'MODE'].map(mayShow), [true, true])
  const secret = ['API_KEY', 'DATABASE_URL', 'npm_token', 'PGPASSWORD', 'AWS_SECRET', 'BASIC_AUTH', 'SENTRY_DSN']
  assert.equal(secret.filter(mayShow), [])
})

test('sizes', () => {
  assert.equal(['500MB', '1.5 GB', '2g', '10', '0', '1KiB'].map(parseSize), [
    500 * 2 ** 20,
    1.5 * 2 ** 30,
    2 ** 31,
    10,
    0,
    1024,
  ])
  assert.equal(['', 'x', '-1', '1XB', '1 G B'].map(parseSize), [undefined, undefined, undefined, undefined, undefined])
})

test('keyed digests are the same in a workspace, and others in another', () => {
  const [one, other] = [folderWith({}), folderWith({})]
  assert.is(keyedDigest(one)('x'), keyedDigest(one)('x'))
  assert.is.not(keyedDigest(one)('x'), keyedDigest(other)('x'))
  assert.is(statSync(join(one, '.ops/cache/key')).mode & 0o777, 0o600)
})

const old = new Date('2020-01-01T00:00:00Z')

test('contents are known without reading only where nothing can have changed', () => {
  const folder = folderWith({ 'a/one': 'one', 'a/two': 'two', 'b/three': 'three' })
  const path = (name: string) => join(folder, name)
  const read = (cache: StatCache) => readInputs(['a/**', 'b/**'], folder, cache)
  const first = new StatCache(statCachePath(folder))
  const before = read(first)
  first.save()
  assert.is(before.content(0), `file ${sha256('one')}`)
  const fresh = () => new StatCache(statCachePath(folder))
  assert.is(read(fresh()).digest, before.digest)
  // The same cache, in another order, and with files in between that it does not know.
  writeFileSync(path('a/between'), 'new')
  const cache = fresh()
  assert.is(readInputs(['b/**'], folder, cache).content(0), `file ${sha256('three')}`)
  const more = read(cache)
  assert.equal(
    more.paths.map((name, at) => [name, more.content(at)]),
    [
      ['a/between', 'new'],
      ['a/one', 'one'],
      ['a/two', 'two'],
      ['b/three', 'three'],
    ].map(([name, text]) => [name, `file ${sha256(text as string)}`]),
  )
  cache.save()
  for (const [name, text] of [
    ['a/one', 'ONE'],
    ['a/two', 'TWO'],
  ] as const) {
    const { atime, mtime } = statSync(path(name))
    writeFileSync(path(name), text)
    utimesSync(path(name), atime, mtime)
  }
  writeFileSync(path('x'), 'Three')
  utimesSync(path('x'), old, old)
  utimesSync(path('b/three'), old, old)
  renameSync(path('x'), path('b/three'))
  const after = read(fresh())
  assert.equal(
    [1, 2, 3].map((at) => after.content(at)),
    ['ONE', 'TWO', 'Three'].map((text) => `file ${sha256(text)}`),
  )
})

test('a damaged cache of contents is none', () => {
  const folder = folderWith({ 'a/one': 'one' })
  const whole = new StatCache(statCachePath(folder))
  const { digest } = readInputs(['a/**'], folder, whole)
  whole.save()
  for (const damage of [
    '',
    '{"format":1,"count":1}',
    'x'.repeat(500),
    `${JSON.stringify({ format: 1, count: 99 }).padEnd(31)}\n`,
  ]) {
    writeFileSync(statCachePath(folder), damage)
    assert.is(readInputs(['a/**'], folder, new StatCache(statCachePath(folder))).digest, digest)
  }
})

test('records that nobody uses are removed where there are many, but no lock that is held', () => {
  const folder = folderWith({})
  const records = recordsFolder(folder)
  mkdirSync(records, { recursive: true })
  const make = (name: string, text: string, isOld: boolean) => {
    writeFileSync(join(records, name), text)
    if (isOld) utimesSync(join(records, name), old, old)
  }
  make('old', 'x', true)
  assert.is(pruneRecords(folder), 0)
  for (let count = 0; count < 500; count += 1) make(`new${count}`, 'x', false)
  make('old.former', 'x', true)
  make('old.lock.3', '{}', true)
  make('other.lock.3', '', true)
  make('used', 'x', true)
  touchRecord(join(records, 'used'))
  assert.is(pruneRecords(folder), 3)
  assert.equal(
    readdirSync(records).filter((name) => !name.startsWith('new')),
    ['old.lock.3', 'used'],
  )
})

test('inputs that are links, pipes, or have odd names', () => {
  const folder = folderWith({ 'a/line\nbreak': 'x', 'a/q"uote': 'y', 'real/deep/file': 'z' })
  mkdirSync(join(folder, 'links'))
  symlinkSync('../real', join(folder, 'links/folder'))
  symlinkSync('nowhere', join(folder, 'links/broken'))
  execFileSync('mkfifo', [join(folder, 'a/pipe')])
  const read = () => readInputs(['a/**', 'links/**'], folder, new StatCache(statCachePath(folder)))
  const before = read()
  assert.equal(before.paths, ['a/line\nbreak', 'a/q"uote', 'links/broken', 'links/folder/deep/file'])
  assert.is(before.content(2), 'link "nowhere"')
  writeFileSync(join(folder, 'real/deep/file'), 'changed behind the link')
  assert.is.not(read().digest, before.digest)
})

test.run()
