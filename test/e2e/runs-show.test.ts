import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { makeWorld } from './world.ts'

test('runs show takes the beginning or the end of an id that is one run’s alone', async () => {
  const world = await makeWorld()
  assert.is((await world.task(['services', 'up', 'postgres'])).status, 3, 'no .env file: no run')
  const ids = ['20261120-101112-345-3f9a1c', '20261120-101113-345-3f9a1d']
  for (const id of ids) {
    await mkdir(join(world.folder, '.ops/runs', id), { recursive: true })
    await world.write(`.ops/runs/${id}/journal.jsonl`, '')
  }
  for (const typed of [ids[0] as string, '3f9a1c', '20261120-101112']) {
    const ended = await world.task(['runs', 'show', typed])
    assert.is(ended.status, 0, ended.stderr)
    assert.match(ended.stdout, ids[0] as string)
  }
  const both = await world.task(['runs', 'show', '20261120'])
  assert.is(both.status, 2)
  assert.match(both.stderr, `${ids[0]}, ${ids[1]}`)
  assert.is((await world.task(['runs', 'show', 'ffffff'])).status, 2)
})

test.run()
