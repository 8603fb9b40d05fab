/** Backups of a PostgreSQL in a container that publishes no port, by an engine on this machine and by one that is reached otherwise. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { timeLimit } from '../support/index.ts'
import { throughSsh } from './docker-ssh.ts'
import { type DockerWorld, makeDockerWorld } from './docker-world.ts'

timeLimit(600_000)

let world: DockerWorld
test.before(async () => {
  world = await makeDockerWorld({ database: true, services: [] })
  await world.write(
    'database/queries/diagnostics/hits.sql',
    '-- description: How many\n-- read-only: true\nselect count(*) as hits from hits\n',
  )
  await world.commit('good', 'v1')
})
test.after(() => world.end())

async function expectExit(status: number, args: readonly string[], env?: Record<string, string>): Promise<string> {
  const { status: is, stdout, stderr } = await world.task(args, env ? { env } : {})
  assert.is(is, status, `task ${args.join(' ')}\n${stdout}${stderr}`)
  return stdout + stderr
}

const sql = (text: string) =>
  world.engine.docker([
    'exec',
    `${world.name}-dev-postgres-postgres-1`,
    'psql',
    '-U',
    'shop',
    '-d',
    'shop',
    '-Atc',
    text,
  ])

test('a backup, its drill, a query and a restore reach it', async () => {
  await expectExit(0, ['services', 'up', 'postgres'])
  await expectExit(0, ['migrate', 'up', 'dev'])
  await sql('insert into hits select generate_series(1, 1000)')
  assert.match(await expectExit(0, ['query', 'hits', '-e', 'dev']), /1000/)
  assert.match(await expectExit(0, ['backup', 'dev']), /backup 1 taken/)
  assert.match(await expectExit(0, ['backup', 'drill', 'dev']), /backup 1 is verified/)
  await sql('delete from hits')
  await expectExit(0, ['restore', 'dev', '--yes'])
  assert.is(await sql('select count(*) from hits'), '1000')
})

test('a rollback with the database undoes what was migrated since, after a backup', async () => {
  await expectExit(0, ['deploy', 'dev'])
  await world.write(
    'database/migrations/002_rename.sql',
    '-- migrate:up\nalter table hits rename column n to m;\n-- migrate:down\nalter table hits rename column m to n;\n',
  )
  await world.commit('good', 'v2')
  await expectExit(0, ['deploy', 'dev', '--confirm=dev'])
  assert.is(await sql('select count(m) from hits'), '1000')
  assert.match(await expectExit(3, ['rollback', 'dev', '--yes']), /002 .*is breaking[\s\S]*--with-database/)
  const said = await expectExit(0, ['rollback', 'dev', '--with-database', '--confirm=dev'])
  assert.match(said, /back up postgres[\s\S]*undo on postgres: 002/)
  assert.is(await sql('select count(n) from hits'), '1000')
  assert.match((await world.get('/version'))?.body ?? '', /^v1 /)
})

test('a query through ssh, where no address of the engine’s is reached: its connection goes by a `docker exec`', async () => {
  const { sshd, env } = await throughSsh(world)
  try {
    assert.match(await expectExit(0, ['query', 'hits', '-e', 'dev'], env), /1000/)
  } finally {
    await sshd.stop()
  }
})

test.run()
