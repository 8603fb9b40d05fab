import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { makeIdentity } from '../../lib/backup/age.ts'
import { adminUser } from '../../lib/database/engine/cluster.ts'
import { startServer, type TestServer, testEngine } from '../database/support/server.ts'
import { temporaryFolder, timeLimit } from '../support/index.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { type S3Server, startS3 } from '../support/s3-server.ts'
import { type Sshd, startSshd } from '../support/sshd.ts'
import { expectExit, writeSecrets } from './deploys.ts'
import { databasePassword, makeWorld, queryIn, type World } from './world.ts'

timeLimit(280_000)

let world: World
let redis: TestRedis
let legacy: TestServer
let s3: S3Server
let sshd: Sshd
let recipients: string[]
let key: string
const vault = temporaryFolder()

const query = (sql: string) => queryIn(world, sql)

type Shown = { manifest: { number: number; sources: { name: string }[] }; targets: string[]; verified: boolean }
const shown = async (number: number) =>
  (await world.json<{ result: Shown }>(['backups', 'show', String(number)])).result

const policy = (targets: string) =>
  world.write(
    'config/environments/dev.yaml',
    `name: dev
platform: local
database: { service: postgres }
backup:
  sources:
    - { type: database }
    - { type: database, name: legacy, url: LEGACY_URL }
    - { type: redis, name: cache, url: REDIS_URL }
    - { type: folder, path: uploads, exclude: [tmp] }
    - { type: configuration }
  targets: [${targets}]
  recipients: [${recipients.join(', ')}]
  identity: ${key}
`,
  )
const bucket = () =>
  `{ type: s3, endpoint: '${s3.bucket.endpoint}', bucket: backups, accessKey: S3_ACCESS, secretKey: S3_SECRET }`
const away = () => {
  const { host, port, identity, knownHosts } = sshd.place
  return `{ type: sftp, host: ${host}, port: ${port}, path: ${vault}, identity: ${identity}, knownHosts: ${knownHosts} }`
}

test.before(async () => {
  ;[redis, s3, sshd] = await Promise.all([startRedis(), startS3(), startSshd()])
  legacy = await startServer(await testEngine(15, 'system'))
  const database = await legacy.database()
  await legacy.query(
    `create table old (n int primary key); insert into old select generate_series(1, 100)`,
    [],
    database,
  )
  const keys = await Promise.all([makeIdentity(), makeIdentity()])
  world = await makeWorld()
  key = join(world.folder, '../key')
  writeFileSync(key, `${keys[0].identity}\n`, { mode: 0o600 })
  recipients = keys.map(({ recipient }) => recipient)
  await writeSecrets(world, 'dev', {
    POSTGRES_PASSWORD: databasePassword,
    GREETING: 'hello',
    LEGACY_URL: `postgres://${adminUser}:${encodeURIComponent(legacy.password.reveal())}@127.0.0.1:${legacy.port}/${database}`,
    REDIS_URL: `redis://:${redis.address.password}@127.0.0.1:${redis.address.port}`,
    S3_ACCESS: s3.bucket.accessKeyId,
    S3_SECRET: s3.bucket.secretAccessKey,
  })
  mkdirSync(join(world.folder, 'uploads/tmp'), { recursive: true })
  writeFileSync(join(world.folder, 'uploads/photo'), 'a photo')
  writeFileSync(join(world.folder, 'uploads/tmp/half'), 'x')
  await redis.call('SET', 'session', 'alive')
  await policy(`{ type: folder, path: ../kept }, ${bucket()}, ${away()}`)
  await world.write(
    'config/services/postgres.yaml',
    `name: postgres\ncategory: databases\nlocal:\n  engine: postgres\n  version: 15\n  prefer: system\n  ports: { sql: ${world.ports.postgres} }
database: { name: shop, user: shop, password: POSTGRES_PASSWORD }
configuration:\n  secrets: [POSTGRES_PASSWORD]
health:\n  probes: [{ type: postgres }]\n  interval: 100ms\n  passes: 1\n  deadline: 30s\n`,
  )
  await expectExit(0, world, ['setup', 'dev'])
})
test.after(async () => {
  await world?.end()
  await Promise.all([redis?.stop(), legacy?.dispose(), s3?.stop(), sshd?.stop()])
})

test('all sources in one backup, in a folder, a bucket and by SFTP at once; drilled', async () => {
  const text = await expectExit(0, world, ['backup', 'dev'])
  assert.match(
    text,
    /back up postgres \(\w+\), legacy \(logical\), cache \(redis\), uploads \(folder\), configuration to/,
  )
  const { manifest, targets } = await shown(1)
  assert.equal(
    manifest.sources.map(({ name }) => name),
    ['postgres', 'legacy', 'cache', 'uploads', 'configuration'],
  )
  assert.is(targets.length, 3)
  const drill = await expectExit(0, world, ['backup', 'drill'])
  assert.match(drill, /verified: .*; a scratch server, Redis .*; a folder/)
  assert.is((await shown(1)).verified, true)
  assert.match(await expectExit(0, world, ['backup', 'check']), '1 backup is whole')
  for (const secret of [
    databasePassword,
    redis.address.password ?? '',
    legacy.password.reveal(),
    s3.bucket.secretAccessKey,
  ]) {
    assert.not.ok(`${text}${drill}`.includes(secret))
  }
})

for (const [name, target] of [
  ['S3', bucket],
  ['SFTP', away],
] as const) {
  test(`${name} alone: all comes back from there, each beside what is there and then in its place`, async () => {
    await policy(target())
    assert.match(await expectExit(0, world, ['backups']), 'verified')
    await query('delete from hits')
    await redis.call('SET', 'session', 'dead')
    writeFileSync(join(world.folder, 'uploads/photo'), 'scribbled over')
    const args = ['restore', 'dev', '--backup', '1', '--yes']
    const text = await expectExit(0, world, args)
    assert.match(text, 'before the restore')
    assert.equal(await query('select count(*)::int as n from hits'), [{ n: 2 }])
    assert.is(String(await redis.call('GET', 'session')), 'alive')
    assert.is(readFileSync(join(world.folder, 'uploads/photo'), 'utf8'), 'a photo')
    // The safety backup is one as well, and has what was there.
    await expectExit(0, world, ['backup', 'drill'])
    await expectExit(0, world, ['health-check'])
  })
}

test('one source of several, the configuration only when it is named, and a name that is not there', async () => {
  await policy(bucket())
  await redis.call('SET', 'session', 'stays')
  writeFileSync(join(world.folder, 'uploads/photo'), 'scribbled over')
  const one = [
    'restore',
    'dev',
    '--backup',
    '1',
    '--yes',
    '--no-safety-backup',
    '--source',
    'uploads',
    '--source',
    'configuration',
  ]
  await expectExit(0, world, one)
  assert.is(readFileSync(join(world.folder, 'uploads/photo'), 'utf8'), 'a photo')
  assert.is(String(await redis.call('GET', 'session')), 'stays')
  const restored = join(world.folder, '.ops/restored/1-configuration')
  assert.match(readFileSync(join(restored, '.env.dev'), 'utf8'), databasePassword)
  assert.match(readFileSync(join(restored, 'config/workspace.yaml'), 'utf8'), 'shop0000test')
  assert.match(await expectExit(3, world, ['restore', 'dev', '--source', 'upload']), 'has no upload')
})

test('a target that is gone: exit 5, the others have it whole; a source that is gone: no backup at all', async () => {
  await policy(
    `${bucket()}, { type: s3, endpoint: '${s3.bucket.endpoint}', bucket: gone, accessKey: S3_ACCESS, secretKey: S3_SECRET }, ${away()}`,
  )
  const text = await expectExit(5, world, ['backup', 'dev'])
  assert.match(text, 'is not in s3://gone/')
  assert.match(text, 'it is whole in 2 of 3 targets')
  await policy(`${bucket()}, ${away()}`)
  await expectExit(0, world, ['backup', 'drill'])
  const count = async () => (await world.json<{ result: { backups: unknown[] } }>(['backups'])).result.backups.length
  const before = await count()
  await redis.call('CONFIG', 'SET', 'requirepass', 'changed')
  assert.match(await expectExit(1, world, ['backup', 'dev']), 'refuses AUTH')
  assert.is(await count(), before)
})

test.run()
