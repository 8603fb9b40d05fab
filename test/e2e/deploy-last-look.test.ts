import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { timeLimit } from '../support/index.ts'
import { makeWorld } from './world.ts'

timeLimit(120_000)

const taskfile = `
import { readdirSync, readFileSync } from 'node:fs'
import { number, task } from 'vital-ops'
import { operations } from 'vital-ops/operations'

export default operations()

export const blackout = task({
  description: 'Kills the supervisor, and with it all services, once a gate has passed',
  args: { release: number() },
  run: ({ args, workspaceFolder }) => {
    if (args.release === 1) return
    const folder = workspaceFolder + '/.ops/supervisor/'
    const claim = readdirSync(folder).filter((name) => name.startsWith('claim-')).sort().at(-1)
    process.kill(JSON.parse(readFileSync(folder + claim, 'utf8')).identity.pid, 'SIGKILL')
  },
})
`

test('services that ended after their gates passed do not count as a healthy release', async () => {
  const world = await makeWorld({ taskfile, hooks: '{ afterHealthy: [{ task: blackout }] }' })
  assert.is((await world.task(['setup', 'dev'])).status, 0)
  assert.is((await world.task(['deploy', 'dev'])).status, 0)
  await world.commit('good', 'v2')
  const failed = await world.task(['deploy', 'dev'])
  assert.is(failed.status, 6, failed.stderr)
  assert.match(failed.stderr, 'api does not run any more')
  assert.match(failed.stderr, 'postgres does not run any more')
  const { result } = await world.json<{ result: { current: number; releases: { outcome: string }[] } }>([
    'releases',
    'dev',
  ])
  assert.is(result.current, 1)
  assert.equal(
    result.releases.map(({ outcome }) => outcome),
    ['healthy', 'failed'],
  )
  assert.is((await world.get('/version'))?.body, 'v1 1')
  await world.end()
})

test.run()
