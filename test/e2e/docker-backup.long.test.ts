/** Backups of a PostgreSQL in a container that publishes no port, by an engine on this machine and by one that is reached otherwise. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { timeLimit } from '../support/index.ts'
import { type DockerWorld, makeDockerWorld } from './docker-world.ts'

timeLimit(600_000)

let world: DockerWorld
test.before(async () => {
  world = await makeDockerWorld({ database: true, services: [] })
  await world.write(
    'database/queries/diagnostics/hits.sql',
    '-- description: How many\n-- read-only: true\nselect count(*) as hits from hits\n',
  )
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

test.run()
