/** The deployer is killed and its workspace deleted: what it had begun on the engine, another clone sees, and finishes or takes back. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { timeLimit } from '../support/index.ts'
import { makeKillWorld, moveToClone } from './docker-kills.ts'
import type { DockerWorld } from './docker-world.ts'
import { die, done, shown } from './rounds.ts'

timeLimit(1_200_000)

type Doctor = { leftovers: { message: string; mend?: string }[]; notAsked: { environment: string }[] }

test('another clone recovers from a deploy that was killed and whose workspace is gone', async () => {
  const world = await makeKillWorld()
  const rounds: { point: string; recovery: string[]; revision: string }[] = [
    { point: 'gate:web:before', recovery: ['deploy', 'dev', '--revision', 'two'], revision: 'two' },
    { point: 'start:web:effect', recovery: ['abort', 'dev'], revision: 'two' },
    { point: 'drop:web:effect', recovery: ['resume', 'dev'], revision: 'three' },
  ]
  try {
    await done(world, ['deploy', 'dev', '--revision', 'one'])
    let clone: DockerWorld = world
    for (const [index, { point, recovery, revision }] of rounds.entries()) {
      const about = `killed at ${point}, then ${recovery.join(' ')}`
      await die(clone, ['deploy', 'dev', '--revision', index === 0 ? 'two' : 'three'], point)
      clone = await moveToClone(clone)
      const doctor = (await clone.json<{ result: Doctor }>(['doctor'])).result
      assert.equal(doctor.notAsked, [], about)
      const left = doctor.leftovers.filter(({ message }) => message.startsWith('release '))
      assert.is(left.length, 1, `${about}: ${JSON.stringify(doctor.leftovers)}`)
      assert.match(left[0]?.message ?? '', /was not finished/)
      assert.match(left[0]?.mend ?? '', /task resume dev/)
      const recovered = await clone.task(recovery)
      assert.is(recovered.status, 0, `${about}: ${shown(recovered)}`)
      await world.sound([/-dev-web-web-\d+ running$/])
      assert.match((await clone.get('/version'))?.body ?? '', new RegExp(`"version":"${revision}"`), about)
      const current = await world.releases.current()
      const record = (await world.releases.list()).find(({ number }) => number === current)
      assert.equal([record?.commit, record?.outcome], [await clone.git('rev-parse', revision), 'healthy'], about)
    }
  } finally {
    await world.end()
  }
})

test.run()
