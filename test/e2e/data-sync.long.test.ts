import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort, timeLimit } from '../support/index.ts'
import { expectExit, shown, writeSecrets } from './deploys.ts'
import { waitsForLock, whileHeld } from './held.ts'
import { makeWorld, textOf, type World } from './world.ts'

timeLimit(400_000)

/** A workspace with two environments, each with a database of its own. The tests go on from each other. */
let world: World
let stagingPort = 0

test.before(async () => {
  world = await makeWorld()
  for (const name of ['dev', 'staging'])
    await writeSecrets(world, name, { POSTGRES_PASSWORD: `of-${name}-battery`, GREETING: 'hello' })
  await world.write(
    'database/migrations/002_people.sql',
    '-- migrate:up\ncreate table people (id int primary key, email text not null unique, note text);\n-- migrate:down\ndrop table people;\n',
  )
  stagingPort = await freePort()
  await world.write(
    'config/environments/staging.yaml',
    `name: staging\nplatform: local\nservices: { postgres: { ports: { sql: ${stagingPort} } } }\ndatabase: { service: postgres }\n`,
  )
  for (const name of ['dev', 'staging']) {
    await expectExit(0, world, ['services', 'up', 'postgres', '-e', name])
    await expectExit(0, world, ['migrate', 'up', name])
  }
  await insert(
    'dev',
    "insert into people select n, 'person' || n || '@mail.test', 'likes tea' from generate_series(1, 50) n",
  )
  await insert('staging', "insert into people values (1, 'tester@example.com', 'old')")
})
test.after(async () => {
  await world.task(['services', 'down', '-e', 'staging'])
  await world.end()
})

const insert = (environment: string, sql: string) => expectExit(0, world, ['db:shell', environment, '-c', sql])
const people = async () =>
  (await world.task(['db:shell', 'staging', '-c', 'select count(*), min(email) from people'])).stdout

test('without masks nothing goes over, and it is said which columns want one', async () => {
  const text = await expectExit(3, world, ['data', 'sync', 'dev', 'staging', '--yes'])
  assert.match(text, /public\.people\.email looks like an e-mail address, and database\/masking\.yaml does not name it/)
  assert.match(text, /people → columns: `email: email`/)
  assert.match(await people(), /1 +\|? *tester@example\.com/)
  assert.match(await expectExit(2, world, ['data', 'sync', 'dev', 'dev']), /cannot be synced from itself/)
  await world.write('database/masking.yaml', 'tables:\n  people:\n    columns:\n      email: e-mail\n')
  assert.match(await expectExit(3, world, ['data', 'sync', 'dev', 'staging']), /masking\.yaml:4:\d+/)
})

test('the plan says tables, rows and masks; then the rows are those of the other, masked', async () => {
  await world.write('database/masking.yaml', 'tables:\n  people: { columns: { email: email } }\n')
  const plan = await expectExit(0, world, ['data', 'sync', 'dev', 'staging', '--dry-run'])
  assert.match(plan, /! sync:postgres +replace the rows of 2 tables on postgres by those of dev, with 1 masked column/)
  assert.match(plan, /public\.people: 50 rows; email → email/)
  assert.match(await people(), /tester@example\.com/)
  const done = await world.task(['data', 'sync', 'dev', 'staging', '--yes', '--json'])
  assert.is(done.status, 0, shown(done))
  const { result } = JSON.parse(done.stdout)
  assert.equal(
    result.tables.find(({ table }: { table: string }) => table === 'public.people'),
    {
      table: 'public.people',
      rows: 50,
      emptied: false,
      masks: { email: 'email' },
    },
  )
  assert.equal([result.from, result.masked], ['dev', 50])
  assert.match(await people(), /50 +\|? *[a-z.]+\.[a-z2-9]{13}@example\.com/)
  assert.not.match(shown(done), /battery|mail\.test/)
})

test('a protected environment, and production, want their name; a subset on the command line', async () => {
  const staging = (await textOf(world, 'config/environments/staging.yaml')) ?? ''
  await world.write('config/environments/staging.yaml', `${staging}protected: true\n`)
  const sync = ['data', 'sync', 'dev', 'staging', '--rows', 'people: id <= 7']
  assert.match(await expectExit(3, world, [...sync, '--yes']), /--confirm=staging/)
  assert.match(await people(), /50 /)
  assert.match(
    await expectExit(0, world, [...sync, '--confirm=staging']),
    /9 rows of 2 tables from dev|7 rows of 2 tables from dev/,
  )
  await world.write('config/environments/staging.yaml', staging)
  assert.match(await people(), /7 /)
  assert.match(
    await expectExit(2, world, ['data', 'sync', 'dev', 'staging', '--rows', 'people']),
    /--rows "users: id < 1000"/,
  )
})

test('killed in the middle, the old rows are there, and the next command does it all', async () => {
  await insert(
    'dev',
    "insert into people select n, 'more' || n || '@mail.test', repeat('tea ', 20) from generate_series(100, 60000) n",
  )
  await whileHeld(
    { port: stagingPort, password: 'of-staging-battery', lock: 'lock table people in access share mode' },
    async (query) => {
      const running = world.start(['data', 'sync', 'dev', 'staging', '--yes'], { timeout: 200_000 })
      await waitsForLock(query)
      running.child.kill('SIGKILL')
      await running.ended
    },
  )
  assert.match(await people(), /7 /)
  assert.match(await expectExit(0, world, ['data', 'sync', 'dev', 'staging', '--yes']), /rows of 2 tables from dev/)
  assert.match(await people(), /59951 /)
})

test('environments whose database is known by its address alone: both ways, and what the address lacks', async () => {
  for (const [name, url] of [
    ['cloud', `postgres://shop:\${POSTGRES_PASSWORD}@127.0.0.1:${stagingPort}/shop`],
    ['other', `postgres://shop:\${POSTGRES_PASSWORD}@127.0.0.1:${stagingPort}/elsewhere`],
    ['gone', 'postgres://shop:${POSTGRES_PASSWORD}@127.0.0.1:1/shop'],
  ]) {
    await world.write(
      `config/environments/${name}.yaml`,
      `name: ${name}\nplatform: local\nservices: [api]\ndatabase: { service: postgres, url: "${url}" }\n`,
    )
    await writeSecrets(world, name ?? '', { POSTGRES_PASSWORD: 'of-staging-battery', GREETING: 'hello' })
  }
  assert.match(await expectExit(0, world, ['migrate', 'status', 'cloud']), /002/)
  const synced = await expectExit(0, world, ['data', 'sync', 'dev', 'cloud', '--rows', 'people: id <= 3', '--yes'])
  assert.match(synced, /rows of 2 tables from dev/)
  assert.match(await people(), /3 /)
  const folder = join(world.folder, 'out')
  assert.match(
    await expectExit(0, world, ['data', 'export', 'people', '-e', 'cloud', '--out', folder]),
    /3 rows of 1 tables/,
  )
  assert.match(
    await expectExit(0, world, ['data', 'import', folder, '--replace', '-e', 'cloud', '--yes']),
    /3 rows imported/,
  )
  assert.match(await expectExit(0, world, ['data', 'sync', 'cloud', 'dev', '--dry-run']), /public\.people: 3 rows/)
  assert.match(
    await expectExit(3, world, ['data', 'export', '-e', 'other', '--out', `${folder}2`]),
    /names the database elsewhere/,
  )
  const gone = await expectExit(3, world, ['data', 'sync', 'gone', 'staging', '--yes'])
  assert.match(gone, /gone: the database shop does not answer at its address/)
  assert.not.match(gone, /battery/)
})

test.run()
