import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { withDatabase } from '../../lib/database/connect.ts'
import { readMigrations, readSeeds } from '../../lib/database/files.ts'
import { applyMigrations } from '../../lib/database/migrations/apply.ts'
import { applySeeds } from '../../lib/database/seeds/apply.ts'
import { ok, unwrap } from '../../lib/model/failure.ts'
import { Secret } from '../../lib/model/secret.ts'
import { skip } from '../support/index.ts'
import { migrate, migrateAll, migrations } from './support/migrations.ts'
import { TestPostgres } from './support/postgres.ts'

const database = path.resolve('example/database')
const sqlFiles = (folder: string) =>
  fs
    .readdirSync(path.join(database, folder))
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => path.join(database, folder, name))

test('migrations are named by a timestamp and say whether the running code survives them', () => {
  assert.ok(migrations.length >= 4)
  for (const name of migrations) {
    assert.match(name, /^\d{14}_[a-z0-9_]+\.sql$/)
    const text = fs.readFileSync(path.join(database, 'migrations', name), 'utf8')
    assert.match(text, /^-- vital-ops: (expand|breaking)$/m, name)
    assert.match(text, /^-- migrate:up\b/m, name)
    assert.match(text, /^-- migrate:down\b/m, name)
  }
})

const queries = ['queries/diagnostics', 'queries/analytics'].flatMap(sqlFiles)

test('queries say their name, what they answer, that they only read, and their parameters', () => {
  assert.ok(queries.length >= 4)
  for (const file of queries) {
    const text = fs.readFileSync(file, 'utf8')
    assert.match(text, `-- name: ${path.basename(file, '.sql')}\n-- description: `)
    assert.match(text, '-- read-only: true\n')
    const used = [...text.replace(/^--.*$/gm, '').matchAll(/(?<!:):([a-z_]+)/g)].map(([, name]) => name)
    assert.equal([...new Set(used)].sort(), Object.keys(defaults(text)).sort(), file)
  }
})

let postgres: TestPostgres
test.before(async () => {
  postgres = await TestPostgres.start()
})
test.before.each(async () => {
  await postgres.query('DROP SCHEMA public CASCADE')
  await postgres.query('CREATE SCHEMA public')
})
test.after(() => postgres?.close())

const columns = () =>
  postgres.query(`SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
    WHERE table_schema = 'public' ORDER BY 1, 2`)

test('each migration can be taken back and applied again', async () => {
  await migrateAll(postgres)
  const before = await columns()
  for (const name of [...migrations].reverse()) await migrate(postgres, name, 'down')
  assert.equal(await columns(), [])
  await migrateAll(postgres)
  assert.equal(await columns(), before)
})

test('vital-ops takes the migrations as expanding, and applies them and the seeds once', async () => {
  const files = unwrap(await readMigrations('example', 'database/migrations'))
  assert.equal(
    files.map(({ version, effect }) => [version, effect]),
    migrations.map((name) => [name.slice(0, 14), 'expand']),
  )
  const seeds = unwrap(await readSeeds('example', 'database/seeds/dev'))
  const password = new Secret('PASSWORD', 'unused')
  const { hostname: host, port, username: user } = new URL(postgres.url)
  const address = { host, port: Number(port), user, password, database: 'postgres', applicationName: 'test' }
  const apply = () =>
    withDatabase(address, async (connection) => {
      const options = { root: 'example', output: () => {} }
      const migrated = unwrap(await applyMigrations(connection, files, options))
      return ok([...migrated, ...unwrap(await applySeeds(connection, seeds, options))])
    })
  assert.equal(unwrap(await apply()), [...files.map(({ version }) => version), ...seeds.map(({ name }) => name)])
  assert.equal(unwrap(await apply()), [])
})

test('the index that is built concurrently can be built again after an interruption', async () => {
  await migrateAll(postgres)
  await postgres.query(
    `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'hits_endpoint_counted_at_idx'::regclass`,
  )
  const name = migrations.find((file) => file.includes('index_hits')) as string
  await migrate(postgres, name, 'up')
  const valid = `SELECT indisvalid FROM pg_index WHERE indexrelid = 'hits_endpoint_counted_at_idx'::regclass`
  assert.equal(await postgres.query(valid), [{ indisvalid: true }])
})

for (const environment of ['dev', 'staging']) {
  test(`the seeds of ${environment} give data once`, async () => {
    await migrateAll(postgres)
    const seed = async () => {
      for (const file of sqlFiles(`seeds/${environment}`)) await postgres.query(fs.readFileSync(file, 'utf8'))
      return postgres.query(`SELECT (SELECT count(*)::integer FROM hits) AS hits, count(*)::integer AS days,
        sum(daily.hits)::integer AS total FROM daily_endpoint_counts AS daily`)
    }
    const [first] = await seed()
    assert.ok(first?.days > 50)
    assert.ok(first?.total > 10_000)
    assert.equal(await seed(), [first])
    // The worker has rolled up, and the next day somebody seeds again.
    await postgres.query('DELETE FROM hits')
    await postgres.query('UPDATE daily_endpoint_counts SET day = day + 1')
    assert.is((await seed())[0]?.total, first?.total)
  })
}

const hasPsql = spawnSync('psql', ['--version']).status === 0
for (const file of queries) {
  test(`${path.basename(file)} runs on the seeds, read-only`, async () => {
    if (!hasPsql) skip('psql is not installed')
    await migrateAll(postgres)
    for (const seed of sqlFiles('seeds/dev')) await postgres.query(fs.readFileSync(seed, 'utf8'))
    const parameters = Object.entries(defaults(fs.readFileSync(file, 'utf8')))
    const variables = parameters.flatMap(([name, value]) => ['-v', `${name}=${value}`])
    const flags = ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '--csv', ...variables]
    const { status, stdout, stderr } = spawnSync('psql', [...flags, '-f', file, postgres.url], {
      encoding: 'utf8',
      env: { ...process.env, PGOPTIONS: '-c default_transaction_read_only=on' },
    })
    assert.is(stderr, '')
    assert.is(status, 0)
    if (file.includes('analytics')) assert.ok(stdout.trim().split('\n').length > 2, stdout)
  })
}

test.run()

/** The parameters of a query with their defaults, from its header. */
function defaults(text: string): Record<string, string> {
  const lines = [...text.matchAll(/^-- parameter: ([a-z_]+) [a-z]+ = (\S+) {2,}\S/gm)]
  return Object.fromEntries(lines.map(([, name, value]) => [name, value]))
}
