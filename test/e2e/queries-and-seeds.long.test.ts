import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { timeLimit } from '../support/index.ts'
import { expectExit, writeSecrets } from './deploys.ts'
import { makeWorld, textOf, type World } from './world.ts'

timeLimit(200_000)

/** A workspace whose database runs, with queries of its own. */
let world: World

test.before(async () => {
  world = await makeWorld()
  await writeSecrets(world, 'dev', { POSTGRES_PASSWORD: 'correct-horse-battery', GREETING: 'hello' })
  await world.write(
    'database/queries/analytics/hits-above.sql',
    '-- description: Hits above a number\n-- parameter: least integer = 1  The number\nselect n from hits where n >= :least order by n;\n',
  )
  await world.write(
    'database/queries/utilities/forget-hits.sql',
    '-- description: Deletes hits\n-- read-only: false\n-- parameter: up_to integer\ndelete from hits where n <= :up_to returning n;\n',
  )
  await expectExit(0, world, ['setup', 'dev'])
})
test.after(() => world.end())

test('without a name all are listed, the own ones and those that come with the product', async () => {
  const text = await expectExit(0, world, ['query'])
  assert.match(text, /locks +diagnostics \(built in\)/)
  assert.match(text, /hits-above +analytics +--least/)
  assert.match(text, /forget-hits +utilities +--up_to integer +\(changes data\) Deletes hits/)
})

test('rows as a table, as JSON, as CSV, and in the result', async () => {
  assert.match(await expectExit(0, world, ['query', 'hits-above']), /^n\n1\n2\n/m)
  const json = await world.task(['query', 'hits-above', '--least', '2', '--format', 'json'])
  assert.equal(JSON.parse(json.stdout), [{ n: 2 }])
  const csv = await world.task(['query', 'analytics/hits-above', '--least=2', '--format=csv'])
  assert.is(csv.stdout, 'n\n2\n')
  const { result } = await world.json<{ result: { rows: unknown[] } }>(['query', 'hits-above', '--param', 'least=2'])
  assert.equal(result.rows, [{ n: 2 }])
})

test('what is misspelt or of another type is refused with what was meant', async () => {
  assert.match(await expectExit(2, world, ['query', 'hits-abov']), /did you mean hits-above\?/)
  assert.match(await expectExit(2, world, ['query', 'hits-above', '--leest', '2']), /did you mean --least\?/)
  assert.match(await expectExit(2, world, ['query', 'hits-above', '--formt', 'csv']), /did you mean --format\?/)
  assert.match(await expectExit(2, world, ['query', 'hits-above', '--least', 'two']), /--least: expected an integer/)
  assert.match(await expectExit(2, world, ['query', 'forget-hits']), /missing argument --up_to \(integer\)/)
})

test('a query that changes something is planned, confirmed and recorded; a read-only one takes no lock', async () => {
  const plan = await expectExit(0, world, ['query', 'forget-hits', '--up-to', '1', '--dry-run'])
  assert.match(plan, /! query:forget-hits +query postgres: forget-hits --up_to "1"/)
  assert.match(await expectExit(3, world, ['query', 'forget-hits', '--up-to', '1']), /the same command with --yes/)
  const done = await expectExit(0, world, ['query', 'forget-hits', '--up-to', '1', '--yes'])
  assert.match(done, /DELETE 1/)
  assert.is((await world.task(['query', 'hits-above', '--format', 'csv'])).stdout, 'n\n2\n')
  assert.match(await expectExit(0, world, ['runs']), /query forget-hits/)
  assert.not.match(await expectExit(0, world, ['runs']), /hits-above/)
})

test('names complete', async () => {
  const { stdout } = await world.task(['__complete', '--', 'query', 'hits'])
  assert.is(stdout, 'hits-above\n')
  assert.match((await world.task(['__complete', '--', 'query', ''])).stdout, /^locks$/m)
})

test('seeds that are new or changed run once; a protected environment wants its name', async () => {
  assert.match(await expectExit(0, world, ['seed', 'dev']), /no seed is new or changed/)
  await world.write(
    'database/seeds/dev/tags.ts',
    "export default ({ query }) => query('create table tags (name text primary key, uses int)')\n",
  )
  await expectExit(0, world, ['seed', 'dev'])
  await world.write('database/seeds/dev/20-tags.csv', 'name,uses\nnew,1\nold,2\n')
  const dev = (await textOf(world, 'config/environments/dev.yaml')) ?? ''
  await world.write('config/environments/dev.yaml', `${dev}protected: true\n`)
  const plan = await expectExit(0, world, ['seed', 'dev', '--dry-run'])
  assert.match(plan, /\+ seed:postgres +seed postgres: 20-tags\.csv — 1 new or changed/)
  assert.match(await expectExit(3, world, ['seed', 'dev', '--yes']), /--confirm=dev/)
  const ran = await expectExit(0, world, ['seed', 'dev', '--confirm=dev'])
  await world.write('config/environments/dev.yaml', dev)
  assert.match(ran, /ran 20-tags\.csv/)
  assert.match(ran, /1 seed ran/)
  assert.match(await expectExit(0, world, ['seed', 'dev']), /no seed is new or changed/)
  const { stdout } = await world.task(['runs', '--json'])
  assert.equal(JSON.stringify(JSON.parse(stdout)).match(/"operation":"seed"/g)?.length, 2)
})

test.run()
