/** The plan of a first rehearsal, kept for a review and run later by another process. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { timeLimit } from '../support/index.ts'
import { expectExit } from './deploys.ts'
import { makeWorld, textOf } from './world.ts'

timeLimit(200_000)

const rehearsal = ['production', '--platform', 'local']
const secrets = '.env.production@local'

test('an approved plan of a first rehearsal runs, with the values that it was made with', async () => {
  const world = await makeWorld()
  try {
    await world.write('config/environments/production.yaml', 'name: production\nplatform: docker\n')
    await world.write(
      'config/environments/.env.production.example',
      'POSTGRES_PASSWORD= # generate: 24\nGREETING=hello\n',
    )
    await world.commit('good', 'v1')
    await expectExit(0, world, ['deploy', ...rehearsal, '--plan-out', '.ops/plan.json'])
    assert.not.ok(existsSync(join(world.folder, secrets)))
    assert.not.ok(existsSync(join(world.folder, '.ops/releases/production@local/1/release.json')))
    const draft = JSON.parse((await textOf(world, `.ops/secrets/drafts/${secrets}.json`)) ?? '{}')
    assert.match(draft.POSTGRES_PASSWORD, /^\S{24,}$/)
    const text = await expectExit(0, world, ['deploy', ...rehearsal, '--plan', '.ops/plan.json'])
    assert.not.ok(text.includes(draft.POSTGRES_PASSWORD))
    assert.ok((await textOf(world, secrets))?.includes(`POSTGRES_PASSWORD=${draft.POSTGRES_PASSWORD}\n`))
    assert.is(await textOf(world, `.ops/secrets/drafts/${secrets}.json`), undefined)
    const record = JSON.parse((await textOf(world, '.ops/releases/production@local/1/release.json')) ?? '{}')
    assert.is(record.outcome, 'healthy')
    assert.not.ok(existsSync(join(world.folder, '.env.production')))
    await expectExit(0, world, ['services', 'down', '-e', ...rehearsal])
  } finally {
    await world.end()
  }
})

test.run()
