import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { timeLimit } from '../support/index.ts'
import { makeWorld, type World } from './world.ts'

timeLimit(120_000)

const passwordOf = async (world: World): Promise<string> =>
  /^POSTGRES_PASSWORD=(.*)$/m.exec(await readFile(join(world.folder, '.env.dev'), 'utf8'))?.[1] ?? ''

/** Whether the database lets the application in with a password. */
async function letsIn(world: World, password: string): Promise<boolean> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: world.ports.postgres,
    user: 'shop',
    database: 'shop',
    password,
  })
  try {
    await client.connect()
    await client.end()
    return true
  } catch {
    return false
  }
}

test('the database knows the password of the release that runs: after a deploy with another one, and after the rollback', async () => {
  const world = await makeWorld()
  assert.is((await world.task(['setup', 'dev'])).status, 0)
  assert.is((await world.task(['deploy', 'dev'])).status, 0)
  const before = await passwordOf(world)
  const path = join(world.folder, '.env.dev')
  const after = 'another-password-of-24-ch'
  await writeFile(path, (await readFile(path, 'utf8')).replace(before, after))
  await chmod(path, 0o600)
  const deployed = await world.task(['deploy', 'dev'])
  assert.is(deployed.status, 0, deployed.stderr)
  assert.ok(await letsIn(world, after), 'today’s password')
  assert.not.ok(await letsIn(world, before), 'no longer yesterday’s')
  const back = await world.task(['rollback', 'dev'])
  assert.is(back.status, 0, back.stderr)
  assert.match(back.stderr, 'release 1 knows another password than release 2')
  assert.ok(await letsIn(world, before), 'the release’s own')
  assert.not.ok(await letsIn(world, after))
  await world.end()
})

test.run()
