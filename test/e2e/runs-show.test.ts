import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { makeWorld } from './world.ts'

test('runs show takes the last six digits of an id where they are one run’s alone', async () => {
  const world = await makeWorld()
  const ids = ['20261120-101112-345-3f9a1c', '20261120-101113-345-aaaaaa', '20261120-101114-345-aaaaaa']
  for (const id of ids) {
    await mkdir(join(world.folder, '.ops/runs', id), { recursive: true })
    await world.write(`.ops/runs/${id}/journal.jsonl`, '')
  }
  for (const typed of [ids[0] as string, '3f9a1c']) {
    const ended = await world.task(['runs', 'show', typed])
    assert.is(ended.status, 0, ended.stderr)
    assert.match(ended.stdout, ids[0] as string)
  }
  assert.is((await world.task(['runs', 'show', 'aaaaaa'])).status, 2)
  assert.is((await world.task(['runs', 'show', 'ffffff'])).status, 2)
})

test('a plan that is kept within the workspace is no uncommitted change', async () => {
  const world = await makeWorld()
  await world.write('.env.dev', 'POSTGRES_PASSWORD=a-long-password\nGREETING=hello\n')
  await chmod(join(world.folder, '.env.dev'), 0o600)
  const planned = await world.task(['deploy', 'dev', '--plan-out', 'plan.json', '--json'])
  const again = await world.task(['deploy', 'dev', '--plan', 'plan.json', '--dry-run'])
  assert.not.match(planned.stderr + again.stderr, 'uncommitted changes')
  await world.write('other.txt', 'x')
  const dirty = await world.task(['deploy', 'dev', '--plan', 'plan.json', '--dry-run', '--json'])
  assert.match(dirty.stdout, 'uncommitted changes would not be in the release: other.txt')
})

test.run()
