/** The plan of a first setup, kept for a review and run later by another process. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { timeLimit } from '../support/index.ts'
import { expectExit, health } from './deploys.ts'
import { makeWorld, textOf } from './world.ts'

timeLimit(120_000)

test('an approved plan of a first setup runs, with the values that it was made with', async () => {
  const world = await makeWorld()
  try {
    await expectExit(0, world, ['setup', 'dev', '--plan-out', '.ops/plan.json'])
    assert.not.ok(existsSync(join(world.folder, '.env.dev')))
    const draft = JSON.parse((await textOf(world, '.ops/secrets/drafts/.env.dev.json')) ?? '{}')
    const text = await expectExit(0, world, ['setup', 'dev', '--plan', '.ops/plan.json'])
    assert.not.match(text, new RegExp(draft.POSTGRES_PASSWORD))
    assert.match(
      (await textOf(world, '.env.dev')) ?? '',
      new RegExp(`^POSTGRES_PASSWORD=${draft.POSTGRES_PASSWORD}$`, 'm'),
    )
    assert.is(await textOf(world, '.ops/secrets/drafts/.env.dev.json'), undefined)
    assert.equal(await health(world), { api: 'running healthy', postgres: 'running healthy' })
    await expectExit(0, world, ['setup', 'dev'])
  } finally {
    await world.end()
  }
})

test.run()
