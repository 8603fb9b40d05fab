/** Somebody runs `docker system prune -af` during a deploy and between deploys: a deploy goes on, or goes back, and nothing that is needed is lost. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startEngine } from '../support/docker.ts'
import { note, timeLimit } from '../support/index.ts'
import { leftAside, withWorld } from './docker-faults.ts'
import type { DockerWorld } from './docker-world.ts'
import { shown } from './rounds.ts'

timeLimit(1_200_000)

/** The hook prunes at the moment when the old container is stopped and kept, and the new one is not known to be good. */
const taskfile = `import { execFileSync } from 'node:child_process'
import { number, task } from 'vital-ops'
import { operations } from 'vital-ops/operations'

export default operations()

export const prune = task({
  description: 'Prunes the engine',
  args: { release: number() },
  run: async () => void execFileSync('docker', ['system', 'prune', '--all', '--force']),
})
`

const served = async (world: DockerWorld) => /"version":"(\w+)"/.exec((await world.get('/version'))?.body ?? '')?.[1]

test('docker system prune -af during and between deploys', async () => {
  const own = await startEngine()
  const health = 'interval: 100ms\n  passes: 1\n  deadline: 60s'
  const hooks = '{ beforeGate: [{ task: prune }] }'
  try {
    await withWorld({ engine: own, tiny: '${BUSYBOX_IMAGE}', hooks, health }, async (world) => {
      const expect = async (statuses: number[], args: string[]) => {
        const ended = await world.task(args)
        assert.ok(statuses.includes(ended.status ?? -1), `task ${args.join(' ')}: ${shown(ended)}`)
        return ended.status
      }
      const prune = () => own.docker(['system', 'prune', '--all', '--force'])
      await world.write('Taskfile.ts', taskfile)
      for (const version of ['one', 'two']) {
        await world.commit('good', version)
        await expect([0], ['deploy', 'dev'])
        assert.is(await served(world), version)
        await prune()
      }
      // What would have come back is pruned away while the gate waits: it is made anew.
      const path = 'infrastructure/docker/applications/web/compose.yaml'
      const compose = `services: { web: { image: "\${BUSYBOX_IMAGE}", command: [sh, -c, exit 3], restart: always, networks: [backend] } }
networks: { backend: { external: true } }
`
      const good = await world.git('show', `HEAD:${path}`)
      await world.write(path, compose)
      await world.commit('good', 'bad')
      await expect([6], ['deploy', 'dev'])
      assert.is(await served(world), 'two')
      await world.write(path, `${good}\n`)
      await expect([0], ['rollback', 'dev'])
      assert.is(await served(world), 'one')

      // Again and again, at any moment: what it hits fails and says so, and the next deploy is whole.
      await world.commit('good', 'three')
      let pruned = 0
      let over = false
      const pruning = (async () => {
        for (; !over; pruned += 1) await own.try(['system', 'prune', '--all', '--force'])
      })()
      const status = await expect([0, 1, 3, 6, 7, 8], ['deploy', 'dev'])
      over = true
      await pruning
      await expect([0], ['deploy', 'dev'])
      assert.is(await served(world), 'three')
      assert.equal(await leftAside(world), [])
      assert.is((await world.containers()).length, 1)
      note(`a deploy that was pruned ${pruned} times ended with ${status}`)
    })
  } finally {
    await own.end()
  }
})

test.run()
