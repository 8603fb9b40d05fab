import { rm } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { note, timeLimit } from '../support/index.ts'
import { type KubernetesWorld, makeKubernetesWorld, runningImage } from './kubernetes-world.ts'

timeLimit(1_500_000)
const on = suite<{ world: KubernetesWorld }>('a deploy to a cluster that is killed')
on.before(async (context) => {
  context.world = await makeKubernetesWorld({ keep: 3 })
})
on.after(({ world }) => world.end())

const said = ({ stdout, stderr }: { stdout: string; stderr: string }) => `${stdout}\n${stderr}`

/** Where it is killed; every second time another clone goes on, and the folder of the first one is gone. */
const points = [
  'release-opened:after',
  'export:effect',
  'start:api:before',
  'start:api:effect',
  'gate:api:before',
  'gate:api:after',
]

on('is made good by the next one, by whomever', async (context) => {
  let { world } = context
  const first = await world.task(['deploy', 'production', '--yes'])
  assert.is(first.status, 0, said(first))
  for (const [index, point] of points.entries()) {
    const version = index % 2 === 0 ? 'v2' : 'v1'
    await world.commit(version)
    const killed = await world.start(['deploy', 'production', '--yes'], { env: { OPS_FAULT: point } }).ended
    assert.is.not(killed.status, 0, `${point}: ${said(killed)}`)
    if (index % 2 === 1) {
      const clone = await world.clone()
      await rm(world.folder, { recursive: true, force: true })
      world = clone
      await world.commit(version)
    }
    const next = await world.task(['deploy', 'production', '--yes'])
    assert.is(next.status, 0, `after ${point}: ${said(next)}`)
    const image = await runningImage(world)
    assert.is(image, world.images[version], point)
    const lease = await world.kubectl('get', 'leases', '-o', 'jsonpath={.items[0].spec.holderIdentity}')
    assert.is(lease, '', point)
    const { result } = await world.json<{
      result: { current: number; releases: { number: number; outcome: string }[] }
    }>(['releases', 'production'])
    assert.is(result.releases.find(({ number }) => number === result.current)?.outcome, 'healthy', point)
    assert.not.ok(
      result.releases.some(({ outcome }) => outcome === 'pending'),
      `${point}: a release is left pending`,
    )
  }
  note(`${points.length} kills recovered`)
})

on.run()
