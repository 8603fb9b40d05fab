/** `task services …` on a real Docker engine. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { timeLimit } from '../support/index.ts'
import { shown } from './deploys.ts'
import { type DockerWorld, makeDockerWorld } from './docker-world.ts'

timeLimit(600_000)

let world: DockerWorld
test.before(async () => {
  world = await makeDockerWorld()
})
test.after(() => world.end())

test('up starts services in the order of the catalogue, across Compose projects, and waits until they are healthy', async () => {
  const up = await world.task(['services', 'up'])
  assert.is(up.status, 0, shown(up))
  assert.equal(await world.get('/version'), { status: 200, body: 'v1 working-tree' })
})

test.run()
