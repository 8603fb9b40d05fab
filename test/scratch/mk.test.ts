import { test } from 'uvu'
import { cpSync, rmSync } from 'node:fs'
import { makeDockerWorld } from '../e2e/docker-world.ts'
test('x', async () => {
  const w = await makeDockerWorld({ database: true, name: 'dcshop' })
  rmSync('/tmp/dc/shop', { recursive: true, force: true })
  cpSync(w.folder, '/tmp/dc/shop', { recursive: true, verbatimSymlinks: true })
})
test.run()
