import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { timeLimit } from '../support/index.ts'
import { makeDockerWorld } from './docker-world.ts'

timeLimit(240_000)

test('limits beyond the host are a warning; with --strict they stop the plan with exit 3, and nothing is changed', async () => {
  const world = await makeDockerWorld({ services: [] })
  try {
    const path = 'infrastructure/docker/applications/web/compose.yaml'
    const compose = await readFile(join(world.folder, path), 'utf8')
    await world.write(path, compose.replace(/memory: \w+/, 'memory: 9000g'))
    const warned = await world.task(['services', 'up', '--dry-run'])
    assert.is(warned.status, 0, warned.stderr)
    assert.match(warned.stderr + warned.stdout, /memory limits of what is started add up to 9000 GiB/)
    const stopped = await world.task(['services', 'up', '--strict'])
    assert.is(stopped.status, 3, stopped.stderr)
    assert.match(stopped.stderr, /memory limits of what is started add up to 9000 GiB/)
    assert.equal(await world.containers(), [])
  } finally {
    await world.end()
  }
})

test.run()
