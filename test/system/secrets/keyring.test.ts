import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { unwrap } from '../../../lib/model/failure.ts'
import { Secret } from '../../../lib/model/secret.ts'
import { openKeyring } from '../../../lib/system/secrets/keyring.ts'
import { repository, run, temporaryFolder } from '../../support/index.ts'

const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8)
const fresh = (): string => join(temporaryFolder(), '.ops/secrets')
const password = new Secret('PASSWORD', 'first-password')
const rotated = new Secret('PASSWORD', 'second-password')

test('opening and digesting leave no trace', async () => {
  const folder = fresh()
  const keyring = unwrap(await openKeyring(folder))
  assert.match(keyring.digest(password).digest, /^[0-9a-f]{32}$/)
  assert.is(keyring.find(keyring.digest(password)), undefined)
  assert.is(existsSync(join(folder, '..')), false)
})

test('opened again before anything is kept, the digests are the same', async () => {
  const folder = fresh()
  const [first, second] = [unwrap(await openKeyring(folder)), unwrap(await openKeyring(folder))]
  assert.equal(first.digest(password), second.digest(password))
})

test('digests tell values and names apart, and differ from workspace to workspace', async () => {
  const keyring = unwrap(await openKeyring(fresh()))
  const other = unwrap(await openKeyring(fresh()))
  const digests = [
    keyring.digest(password),
    keyring.digest(rotated),
    keyring.digest(new Secret('OTHER', 'first-password')),
    other.digest(password),
  ].map(({ digest }) => digest)
  assert.is(new Set(digests).size, 4)
  assert.equal(keyring.digest(password), keyring.digest(new Secret('PASSWORD', 'first-password')))
})

test('kept values are found by reference, by another process too, after the value has changed', async () => {
  const folder = fresh()
  const keyring = unwrap(await openKeyring(folder))
  unwrap(await keyring.keep([password]))
  unwrap(await keyring.keep([rotated, password]))
  const again = unwrap(await openKeyring(folder))
  assert.is(again.find(keyring.digest(password))?.reveal(), 'first-password')
  assert.is(again.find(keyring.digest(rotated))?.reveal(), 'second-password')
  assert.equal(
    again
      .all()
      .map((secret) => secret.reveal())
      .sort(),
    ['first-password', 'second-password'],
  )
  assert.is(again.find({ ...keyring.digest(password), secret: 'OTHER' }), undefined)
  assert.is(again.find({ secret: 'PASSWORD', digest: '../key' }), undefined)
})

test('only the owner can enter the folder and read the files', async () => {
  const folder = fresh()
  unwrap(await unwrap(await openKeyring(folder)).keep([password]))
  assert.equal([mode(folder), mode(join(folder, 'values')), mode(join(folder, 'key'))], ['700', '700', '600'])
  for (const name of readdirSync(join(folder, 'values'))) assert.is(mode(join(folder, 'values', name)), '600')
  assert.equal(readdirSync(folder).sort(), ['key', 'values'])
})

test('a value that was damaged on disk is none, and is kept again', async () => {
  const folder = fresh()
  const keyring = unwrap(await openKeyring(folder))
  unwrap(await keyring.keep([password]))
  const path = join(folder, 'values', keyring.digest(password).digest)
  for (const text of ['', '{"name":"PASSWORD","value":"planted"}', '{"name":"PASSWORD"']) {
    writeFileSync(path, text)
    assert.is(keyring.find(keyring.digest(password)), undefined)
    unwrap(await keyring.keep([password]))
    assert.is(keyring.find(keyring.digest(password))?.reveal(), 'first-password')
  }
})

test('pruning keeps what references mean', async () => {
  const folder = fresh()
  const keyring = unwrap(await openKeyring(folder))
  unwrap(await keyring.keep([password, rotated]))
  await keyring.prune([keyring.digest(rotated)])
  assert.equal(
    keyring.all().map((secret) => secret.reveal()),
    ['second-password'],
  )
})

test('a key that others may read, or that is none, is refused', async () => {
  const folder = fresh()
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'key'), `${'ab'.repeat(32)}\n`)
  chmodSync(join(folder, 'key'), 0o644)
  const open = await openKeyring(folder)
  assert.equal(open.ok ? [] : open.failures.map(({ code }) => code), ['key-mode'])
  chmodSync(join(folder, 'key'), 0o600)
  assert.is((await openKeyring(folder)).ok, true)
  writeFileSync(join(folder, 'key'), 'ab\n')
  const damaged = await openKeyring(folder)
  assert.equal(damaged.ok ? [] : damaged.failures.map(({ code }) => code), ['key-damaged'])
})

test('of processes that make the key at once one wins; the others say so and keep nothing', async () => {
  const folder = fresh()
  const outfile = join(temporaryFolder(), 'keep.mjs')
  await build({
    stdin: {
      contents: `
        import { Secret } from '${join(repository, 'lib/model/secret.ts')}'
        import { openKeyring } from '${join(repository, 'lib/system/secrets/keyring.ts')}'
        const opened = await openKeyring(${JSON.stringify(folder)})
        const secret = new Secret('PASSWORD', 'of process ' + process.pid)
        const kept = await opened.value.keep([secret])
        console.log(kept.ok ? opened.value.digest(secret).digest : kept.failures[0].code)
      `,
      resolveDir: repository,
      loader: 'ts',
    },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'error',
  })
  const ended = await Promise.all(Array.from({ length: 4 }, () => run([process.execPath, outfile])))
  const lines = ended.map(({ stdout }) => stdout.trim())
  const won = lines.filter((line) => /^[0-9a-f]{32}$/.test(line))
  assert.ok(won.length >= 1, JSON.stringify(ended))
  assert.equal(
    new Set(lines.filter((line) => !won.includes(line))),
    new Set(lines.length > won.length ? ['keyring-changed'] : []),
  )
  const keyring = unwrap(await openKeyring(folder))
  for (const digest of won) assert.ok(keyring.find({ secret: 'PASSWORD', digest }))
  assert.is(keyring.all().length, won.length)
  assert.match(readFileSync(join(folder, 'key'), 'utf8'), /^[0-9a-f]{64}\n$/)
  assert.equal(readdirSync(folder).sort(), ['key', 'values'])
})

test.run()
