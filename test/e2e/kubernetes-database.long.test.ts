import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { withDatabase } from '../../lib/database/connect.ts'
import { ok, unwrap } from '../../lib/model/failure.ts'
import { Secret } from '../../lib/model/secret.ts'
import { freePort, note, timeLimit, until } from '../support/index.ts'
import { type DatabaseWorld, databasePassword, makeDatabaseWorld } from './kubernetes-database-world.ts'
import { isReal, runningImage } from './kubernetes-world.ts'

timeLimit(900_000)

const policy = 'backup:\n  targets: [{ type: folder, path: ../kept }]\n  keep: { last: 5 }\n'

const on = suite<{ world: DatabaseWorld; said: string[] }>('a database on a cluster')
on.before(async (context) => {
  context.world = await makeDatabaseWorld(policy)
  context.said = []
})
on.after(({ world }) => world?.end())

/** Runs a command that has to end with this status; gives all that it said. */
async function expectExit(
  status: number,
  { world, said }: { world: DatabaseWorld; said: string[] },
  args: readonly string[],
): Promise<string> {
  const done = await world.task(args)
  const text = `${done.stdout}\n${done.stderr}`
  said.push(text)
  assert.is(done.status, status, `task ${args.join(' ')}\n${text}`)
  return text
}

on('a first deploy makes it and migrates it, through a port that is forwarded', async (context) => {
  const { world } = context
  const text = await expectExit(0, context, ['deploy', 'production', '--yes'])
  assert.match(text, /migrate:db done .*applied 20260101000000/)
  assert.equal(await world.hits(), { count: 10, sum: 55 })
  const status = await expectExit(0, context, ['migrate', 'status', 'production'])
  assert.match(status, /create_hits +applied/)
  await expectExit(0, context, ['health-check', 'production'])
  // What has been done is not done again.
  assert.match(await expectExit(0, context, ['deploy', 'production', '--dry-run']), /nothing to do/)
})

on('migrations go up', async (context) => {
  const { world } = context
  await world.write(
    'database/migrations/20260102000000_add_note.sql',
    '-- vital-ops: expand\n-- migrate:up\nalter table hits add column note text;\n\n-- migrate:down\nalter table hits drop column note;\n',
  )
  await expectExit(0, context, ['migrate', 'up', 'production', '--yes'])
  assert.match(await expectExit(0, context, ['migrate', 'status', 'production']), /add_note +applied/)
})

on('a deploy whose gate fails goes back, and the schema stays', async (context) => {
  const { world } = context
  await world.commit('v2', 'missing-image')
  await expectExit(6, context, ['deploy', 'production', '--yes'])
  assert.match(await expectExit(0, context, ['migrate', 'status', 'production']), /add_note +applied/)
  const image = await runningImage(world)
  assert.is(image, world.images.v1)
})

on('a migration that breaks what runs needs a backup and the word of whoever deploys', async (context) => {
  const { world } = context
  await world.write(
    'database/migrations/20260103000000_drop_note.sql',
    '-- vital-ops: breaking\n-- migrate:up\nalter table hits drop column note;\n',
  )
  await world.commit('v1')
  const refused = await expectExit(3, context, ['deploy', 'production', '--yes'])
  assert.match(refused, /no way back/)
  assert.match(await expectExit(0, context, ['migrate', 'status', 'production']), /drop_note +pending/)
})

on('it is backed up, the backup proved, and what was lost comes back', async (context) => {
  const { world } = context
  await world.git('reset', '-q', '--hard', 'HEAD~1')
  await expectExit(0, context, ['backup', 'production'])
  await expectExit(0, context, ['backup', 'drill', 'production'])
  await world.write(
    'database/queries/utilities/forget.sql',
    '-- description: Forgets\n-- read-only: false\ndelete from hits where n > 3;\n',
  )
  await expectExit(0, context, ['query', 'forget', '-e', 'production', '--yes'])
  assert.equal(await world.hits(), { count: 3, sum: 6 })
  await expectExit(0, context, ['restore', 'production', '--yes'])
  assert.equal(await world.hits(), { count: 10, sum: 55 })
})

on('commands run inside of it, and its port is forwarded for whoever asks', async (context) => {
  const { world } = context
  assert.match(
    await expectExit(0, context, ['services', 'exec', 'db', '-e', 'production', '--', 'echo', '$HOME a']),
    /\$HOME a/,
  )
  assert.is((await world.task(['services', 'exec', 'db', '-e', 'production', '--', 'sh', '-c', 'exit 7'])).status, 7)
  const port = await freePort()
  const forwarding = world.start(['services', 'port-forward', 'db', `${port}:postgres`, '-e', 'production'])
  await until(() => forwarding.stderr().includes(`127.0.0.1:${port}`), { what: 'the port', deadline: 60_000 })
  const address = { host: '127.0.0.1', port, database: 'shop', user: 'shop', applicationName: 'test' }
  const asked = await withDatabase({ ...address, password: new Secret('PASSWORD', databasePassword) }, async (c) =>
    ok((await c.query('select 1 as one')).rows),
  )
  assert.equal(unwrap(asked), [{ one: 1 }])
  process.kill(forwarding.pid, 'SIGINT')
  assert.is((await forwarding.ended).status, 130)
})

on('no password was said, and no kubectl is left', async ({ world, said }) => {
  note(`${said.length} commands, ${isReal ? 'on a real cluster' : "on the test's cluster"}`)
  assert.not.match(said.join('\n'), databasePassword)
  await until(async () => (await world.forwards()).length === 0, { what: 'the end of every port forward' })
})

on.run()
