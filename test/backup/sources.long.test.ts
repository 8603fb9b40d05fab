import {
  appendFileSync,
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { makeIdentity } from '../../lib/backup/age.ts'
import { readCatalogue } from '../../lib/backup/catalogue.ts'
import type { BackupPorts } from '../../lib/backup/context.ts'
import { drill } from '../../lib/backup/drill.ts'
import { openBackup } from '../../lib/backup/open.ts'
import { RedisConnection } from '../../lib/backup/redis/connection.ts'
import { restoreFiles, switchFiles } from '../../lib/backup/restore/folder.ts'
import { restoreRedis } from '../../lib/backup/restore/redis-into.ts'
import { takeBackup } from '../../lib/backup/take.ts'
import { folderTarget } from '../../lib/backup/targets/folder.ts'
import type { TakenSource } from '../../lib/model/backup-sources.ts'
import { failed, ok } from '../../lib/model/failure.ts'
import { Secret } from '../../lib/model/secret.ts'
import { start, temporaryFolder, timeLimit } from '../support/index.ts'
import { killTree } from '../support/processes.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { codeOf } from './support.ts'

timeLimit(240_000)
let redis: TestRedis
const workspace = temporaryFolder()
const kept = join(workspace, 'kept')
const missing = { code: 'service-not-running', message: 'not here' }
const ports: BackupPorts = {
  workspace: { name: 'test', id: 'test0000' },
  environment: 'dev',
  folder: workspace,
  administrator: async () => failed(missing),
  serviceAddress: async () => ok({ host: '127.0.0.1', port: redis.address.port }),
  engine: async () => failed(missing),
  dataFolder: async () => workspace,
  scratchFolder: async () => join(workspace, 'scratch'),
}
const { signal } = new AbortController()
const secrets = { find: () => new Secret('REDIS_PASSWORD', redis?.address.password ?? '') }
const said: string[] = []
const context = { run: 'test-run', signal, secrets, output: (line: string) => void said.push(line) }
const password = [{ secret: 'REDIS_PASSWORD', digest: 'd' }]
const redisSource = { type: 'redis' as const, name: 'redis', service: 'redis', password }
const folderSource = (path: string, exclude: string[] = []): TakenSource => ({
  type: 'folder',
  name: 'files',
  path,
  exclude,
})

const take = (sources: TakenSource[], recipients: string[] = []) =>
  takeBackup(ports, { ...context, reason: 'asked', sources, targets: [folderTarget(kept)], recipients, release: null })
const place = (backup: number, manifest: string, identity: string | null = null) => ({
  backup,
  manifest,
  targets: [{ type: 'folder' as const, path: kept }] as [{ type: 'folder'; path: string }],
  identity,
})
const drilled = async ({ number, digest }: { number: number; digest: string }, identity: string | null = null) =>
  drill(ports, await openBackup(ports, place(number, digest, identity), context), context)

test.before(async () => {
  redis = await startRedis()
})
test.after(() => redis?.stop())

async function fill(): Promise<void> {
  await redis.call('FLUSHALL')
  for (let at = 0; at < 500; at++) await redis.call('SET', `key:${at}`, `value ${at}`)
  await redis.call('SET', Buffer.from([0xff, 0x00, 0x0a]), Buffer.from([0xfe, 0x0d, 0x0a]))
  await redis.call('RPUSH', 'list', 'a', 'b', 'a')
  await redis.call('SADD', 'set', ...Array.from({ length: 700 }, (_, at) => `member ${at}`))
  await redis.call('ZADD', 'sorted', '1.5', 'one', '-inf', 'least', '3', 'three')
  await redis.call('HSET', 'hash', ...Array.from({ length: 600 }, (_, at) => [`field ${at}`, `v${at}`]).flat())
  await redis.call('XADD', 'stream', '1-1', 'a', 'b')
  await redis.call('SET', 'soon', 'gone', 'EX', '86400')
  await redis.call('SELECT', '3')
  await redis.call('SET', 'other', 'database')
  await redis.call('SELECT', '0')
}

test('Redis: a snapshot over our own connection is loaded into a scratch server, and each key is compared', async () => {
  await fill()
  const { manifest } = await take([redisSource])
  assert.equal([manifest.sources[0]?.type, manifest.sources[0]?.keys], ['redis', 508])
  assert.equal(
    manifest.files.map(({ holds }) => holds),
    ['rdb', 'contents'],
  )
  const report = await drilled(manifest)
  assert.equal(report.differences, [])
  assert.is(report.compared.keys, 508)
  assert.match(report.on, 'a scratch server, Redis ')
})

test('Redis: another value, a missing key, one too many are each found', async () => {
  await fill()
  const { manifest } = await take([redisSource])
  const folder = (number: number) => join(kept, 'test0000/dev', String(number).padStart(6, '0'))
  await redis.call('HSET', 'hash', 'field 5', 'another')
  const after = (await take([redisSource])).manifest
  // The record of the first beside the snapshot of the second.
  const opened = await openBackup(ports, place(after.number, after.digest), context)
  const contents = manifest.files.filter(({ holds }) => holds === 'contents')
  for (const file of contents)
    writeFileSync(join(folder(after.number), file.name), readFileSync(join(folder(manifest.number), file.name)))
  const files = [...after.files.filter(({ holds }) => holds !== 'contents'), ...contents]
  const report = await drill(ports, { ...opened, manifest: { ...after, files } }, context)
  assert.equal(report.differences, ['database 0 has its 506 keys, and not the same values'])
})

test('Redis: a restore puts back what was, in all databases, and what came since is gone', async () => {
  await fill()
  const { manifest } = await take([redisSource])
  await redis.call('FLUSHALL')
  await redis.call('SET', 'later', '1')
  await redis.call('SELECT', '5')
  await redis.call('SET', 'elsewhere', '1')
  await redis.call('SELECT', '0')
  const { message } = await restoreRedis(
    ports,
    { ...place(manifest.number, manifest.digest), source: redisSource },
    context,
  )
  assert.match(message ?? '', '508 keys restored, compared')
  assert.is(String(await redis.call('GET', 'key:7')), 'value 7')
  assert.is(await redis.call('EXISTS', 'later'), 0)
  assert.is(await redis.call('DBSIZE'), 507)
  const ttl = Number(await redis.call('TTL', 'soon'))
  assert.ok(ttl > 80_000 && ttl <= 86_400, `${ttl}`)
  await redis.call('SELECT', '3')
  assert.is(String(await redis.call('GET', 'other')), 'database')
  await redis.call('SELECT', '0')
  assert.equal(String(await redis.call('INFO', 'keyspace')).match(/db\d+/g), ['db0', 'db3'])
})

test('Redis: what a killed restore has left beside is known and removed; a full server leaves what is there', async () => {
  await fill()
  const { manifest } = await take([redisSource])
  await redis.call('SELECT', '9')
  await redis.call('SET', 'vital-ops:being-restored', '1')
  await redis.call('SET', 'half', '1')
  await redis.call('SELECT', '0')
  await redis.call('SET', 'key:7', 'changed')
  const restore = () =>
    restoreRedis(ports, { ...place(manifest.number, manifest.digest), source: redisSource }, context)
  await redis.call('CONFIG', 'SET', 'maxmemory', '1mb')
  assert.is(await codeOf(restore), 'redis-refused')
  assert.is(String(await redis.call('GET', 'key:7')), 'changed')
  await redis.call('CONFIG', 'SET', 'maxmemory', '0')
  await restore()
  assert.is(String(await redis.call('GET', 'key:7')), 'value 7')
  assert.equal(String(await redis.call('INFO', 'keyspace')).match(/db\d+/g), ['db0', 'db3'])
})

test('Redis: written to without a rest, it is said not to be exact, and still has to load', async () => {
  await fill()
  const writer = await RedisConnection.open(redis.address, signal)
  let stop = false
  const writing = (async () => {
    for (let at = 0; !stop; at++) await writer.call('SET', `busy:${at % 50}`, String(at))
  })()
  const { manifest } = await take([redisSource])
  stop = true
  await writing
  writer.close()
  const report = await drilled(manifest)
  assert.equal(report.differences, [])
  assert.ok((report.compared.keys ?? 0) >= 508)
})

test('Redis: a wrong password, a server that is killed, a flipped bit: none is a backup, or restored', async () => {
  await fill()
  const numbers = async () => (await readCatalogue([folderTarget(kept)], ports)).entries.map(({ number }) => number)
  const before = await numbers()
  const wrong = { ...redisSource, url: `redis://:wrong@127.0.0.1:${redis.address.port}` }
  assert.is(await codeOf(() => take([wrong])), 'redis-refused')
  const other = await startRedis(['databases 4'])
  const { port } = other.address
  await killTree(other.pid)
  await other.stop()
  assert.is(await codeOf(() => take([{ ...wrong, url: `redis://127.0.0.1:${port}` }])), 'redis-unreachable')
  assert.equal(await numbers(), before)
  const { manifest } = await take([redisSource])
  const rdb = manifest.files.find(({ holds }) => holds === 'rdb')?.name ?? ''
  const path = join(kept, 'test0000/dev', String(manifest.number).padStart(6, '0'), rdb)
  const bytes = readFileSync(path)
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1
  writeFileSync(path, bytes)
  await redis.call('SET', 'key:7', 'stays')
  const restoring = () =>
    restoreRedis(ports, { ...place(manifest.number, manifest.digest), source: redisSource }, context)
  assert.is(await codeOf(restoring), 'backup-damaged')
  assert.is(String(await redis.call('GET', 'key:7')), 'stays')
})

/** A folder with all that one may have. */
function makeTree(): { root: string; long: string } {
  const root = join(temporaryFolder(), 'files')
  mkdirSync(join(root, 'a/b'), { recursive: true })
  writeFileSync(join(root, 'a/plain.txt'), 'plain')
  writeFileSync(join(root, 'a/empty'), '')
  writeFileSync(join(root, 'a/b/ümläut … 名'), 'text')
  const long = join('l'.repeat(120), 'm'.repeat(200), `${'n'.repeat(200)}.txt`)
  mkdirSync(join(root, long, '..'), { recursive: true })
  writeFileSync(join(root, long), 'deep')
  writeFileSync(join(root, 'script.sh'), '#!/bin/sh\n', { mode: 0o750 })
  writeFileSync(join(root, 'secret'), 's', { mode: 0o400 })
  symlinkSync('a/plain.txt', join(root, 'link'))
  symlinkSync('nowhere', join(root, 'broken'))
  linkSync(join(root, 'a/plain.txt'), join(root, 'same'))
  writeFileSync(join(root, 'sparse'), 'begin')
  truncateSync(join(root, 'sparse'), 64 * 1024 * 1024)
  appendFileSync(join(root, 'sparse'), 'end')
  writeFileSync(join(root, 'big'), Buffer.alloc(3_000_000, 'abcdefg'))
  mkdirSync(join(root, 'left/out'), { recursive: true })
  writeFileSync(join(root, 'left/out/cache'), 'x')
  chmodSync(join(root, 'a/b'), 0o2750)
  utimesSync(join(root, 'a/plain.txt'), 1_000_000_000, 1_000_000_000)
  return { root, long }
}

test('a folder: modes, owners, times, links, holes, long names and none of what is excluded come back', async () => {
  const { root, long } = makeTree()
  if (process.getuid?.() === 0) {
    const { chownSync, lchownSync } = await import('node:fs')
    chownSync(join(root, 'script.sh'), 1234, 4321)
    lchownSync(join(root, 'link'), 1234, 4321)
    chmodSync(join(root, 'script.sh'), 0o4750)
  }
  const { manifest } = await take([folderSource(root, ['left/out'])])
  assert.is((await drilled(manifest)).ok, true)
  const was = lstatSync(join(root, 'script.sh'))
  rmSync(join(root, 'a'), { recursive: true })
  writeFileSync(join(root, 'since'), 'new')
  const data = { ...place(manifest.number, manifest.digest), source: 'files', into: null, path: root }
  assert.match((await restoreFiles(ports, data, context)).message ?? '', 'restored and compared')
  // What is there is as it was, up to here.
  assert.ok(statSync(join(root, 'since')).isFile())
  const { message = '' } = await switchFiles(ports, { source: 'files', path: root })
  assert.match(message, 'the old one is ')
  const old = /the old one is (.*);/.exec(message)?.[1] ?? ''
  assert.is(readFileSync(join(old, 'since'), 'utf8'), 'new')
  const at = (name: string) => join(root, name)
  assert.is(readFileSync(at('a/plain.txt'), 'utf8'), 'plain')
  assert.is(readFileSync(at(long), 'utf8'), 'deep')
  assert.is(readFileSync(at('a/b/ümläut … 名'), 'utf8'), 'text')
  assert.is(lstatSync(at('broken')).isSymbolicLink(), true)
  assert.is(statSync(at('same')).ino, statSync(at('a/plain.txt')).ino)
  assert.is(statSync(at('a/plain.txt')).mtimeMs, 1_000_000_000_000)
  assert.is(statSync(at('a/b')).mode & 0o7777, 0o2750)
  assert.is(statSync(at('secret')).mode & 0o7777, 0o400)
  const is = lstatSync(at('script.sh'))
  assert.equal([is.mode, is.uid, is.gid], [was.mode, was.uid, was.gid])
  const sparse = statSync(at('sparse'))
  assert.is(sparse.size, 64 * 1024 * 1024 + 3)
  assert.ok(sparse.blocks * 512 < 8 * 1024 * 1024, `${sparse.blocks} blocks`)
  assert.is(readFileSync(at('sparse')).subarray(-3).toString(), 'end')
  assert.not.ok(statSync(at('left')).isFile())
  assert.throws(() => statSync(at('left/out')))
  assert.throws(() => statSync(at('since')))
})

test('a folder: what changes while it is read is said, and what was read is what comes back', async () => {
  const root = join(temporaryFolder(), 'files')
  mkdirSync(root)
  writeFileSync(join(root, 'log'), Buffer.alloc(40_000_000, 'x'))
  const program = `const {appendFileSync} = require('fs'); setInterval(() => appendFileSync(process.argv[1], 'more\\n'), 1); console.log('writing')`
  const writer = start([process.execPath, '-e', program, join(root, 'log')], { timeout: 120_000 })
  const { until } = await import('../support/index.ts')
  await until(() => writer.stdout().includes('writing'), { what: 'the writer' })
  const { manifest } = await take([folderSource(root)])
  await killTree(writer.pid)
  assert.equal(manifest.sources[0]?.changed, ['log'])
  assert.ok(said.includes('files: log changed while it was read'))
  assert.is((await drilled(manifest)).ok, true)
})

test('a folder: a socket is left out and said so; a name that is no text fails the backup', async () => {
  const root = join(temporaryFolder(), 'files')
  mkdirSync(root)
  const { createServer } = await import('node:net')
  const listening = createServer()
  await new Promise<void>((resolve) => listening.listen(join(root, 'socket'), resolve))
  const { manifest } = await take([folderSource(root)])
  assert.equal(manifest.sources[0]?.leftOut, ['socket'])
  assert.is((await drilled(manifest)).ok, true)
  await new Promise((resolve) => listening.close(resolve))
  writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0xfe])]), '')
  assert.is(await codeOf(() => take([folderSource(root)])), 'name-not-text')
})

test('the configuration: encrypted or not at all, and put beside what is there', async () => {
  mkdirSync(join(workspace, 'config/environments'), { recursive: true })
  writeFileSync(join(workspace, 'config/workspace.yaml'), 'name: test\n')
  writeFileSync(join(workspace, '.env.dev'), 'POSTGRES_PASSWORD=hush\n', { mode: 0o600 })
  const source: TakenSource = {
    type: 'configuration',
    name: 'configuration',
    paths: ['config', 'Taskfile.ts', '.env.dev'],
  }
  assert.is(await codeOf(() => take([source])), 'configuration-unencrypted')
  const { identity, recipient } = await makeIdentity()
  writeFileSync(join(workspace, 'key'), `${identity}\n`, { mode: 0o600 })
  const { manifest } = await take([source], [recipient])
  assert.ok(manifest.files.every(({ encrypted }) => encrypted))
  assert.is((await drilled(manifest, 'key')).ok, true)
  writeFileSync(join(workspace, '.env.dev'), 'POSTGRES_PASSWORD=lost\n')
  const data = {
    ...place(manifest.number, manifest.digest, 'key'),
    source: 'configuration',
    into: '.ops/restored/x',
    path: '.',
  }
  await restoreFiles(ports, data, context)
  assert.is(readFileSync(join(workspace, '.ops/restored/x/.env.dev'), 'utf8'), 'POSTGRES_PASSWORD=hush\n')
  assert.is(statSync(join(workspace, '.ops/restored/x')).mode & 0o077, 0)
  assert.is(readFileSync(join(workspace, '.env.dev'), 'utf8'), 'POSTGRES_PASSWORD=lost\n')
})

test('several in one backup are in one manifest; when one of them fails there is no backup', async () => {
  const { root } = makeTree()
  await fill()
  const { manifest } = await take([redisSource, folderSource(root)])
  assert.equal(
    manifest.sources.map(({ name }) => name),
    ['redis', 'files'],
  )
  const report = await drilled(manifest)
  assert.is(report.ok, true)
  assert.ok((report.compared.keys ?? 0) > 500 && (report.compared.files ?? 0) > 5)
  const before = (await readCatalogue([folderTarget(kept)], ports)).entries.length
  assert.is(await codeOf(() => take([redisSource, folderSource(join(root, 'none'))])), 'file-not-found')
  assert.is((await readCatalogue([folderTarget(kept)], ports)).entries.length, before)
})

test.run()
