/** `kill -9` of the command at every point of starting, stopping and cleaning up on a Docker engine: the next command recovers, and nothing is left aside. */
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { packFiles } from '../../lib/platform/docker/releases-archive.ts'
import { busybox } from '../images/index.ts'
import { temporaryFolder, timeLimit } from '../support/index.ts'
import { startRegistry } from '../support/registry.ts'
import { type KillWorld, makeKillWorld, pointsOfRun, Rounds } from './docker-kills.ts'
import { failedRelease } from './docker-records.ts'
import { done } from './rounds.ts'

timeLimit(40 * 60_000)

/** What a cleanup is to remove: a container with an anonymous volume, the network, a named volume, the image of a release that is gone. */
async function litterOf(world: KillWorld): Promise<() => Promise<void>> {
  const { engine, name, id, releases } = world
  const labels = labelsOf(world)
  const base = await busybox(engine)
  const reference = `${name}/old:1`
  const input = await packFiles([{ name: 'content', content: name }])
  const identity = await engine.docker(['import', '-', reference], { input: input.toString('latin1') })
  const saved = join(temporaryFolder(), 'old.tar')
  await engine.docker(['save', '--output', saved, reference])
  let number = 0
  return async () => {
    const made = ['--name', `${name}-gone`, '--label', 'vital-ops.service=gone', '--volume', '/scratch']
    await engine.docker(['create', ...labels, ...made, '--network', `${name}-dev_backend`, base, 'sleep', '3000'])
    await engine.docker(['volume', 'create', ...labels, `${name}-dev_data`])
    await engine.docker(['load', '--quiet', '--input', saved])
    number += 1
    await releases.open(failedRelease(number, { name, id }, { reference, identity }))
    await releases.remove([number])
  }
}

test('killed at any point of starting, stopping and cleaning up, the next command recovers', async () => {
  const registry = await startRegistry()
  const image = `${registry.host}/web:1`
  const world = await makeKillWorld({ tiny: image })
  const { docker, try: attempt } = world.engine
  const rounds = new Rounds(world)
  try {
    await docker(['tag', await busybox(world.engine), image])
    await docker(['push', '--quiet', image])
    const [up, down] = [
      ['services', 'up'],
      ['services', 'down'],
    ]
    const cleanup = ['cleanup', 'dev', '--volumes', '--confirm=dev']
    const litter = await litterOf(world)
    const nothing = async () => {
      await world.sound([])
      assert.equal(await world.networks(), [])
      const own = ['--filter', `label=vital-ops.workspace=${world.id}`, '--filter', 'label=vital-ops.environment=dev']
      const volumes = await docker(['volume', 'ls', ...own, '--format', '{{.Name}}'])
      assert.not.match(volumes, /_data/)
      assert.is((await attempt(['image', 'inspect', `${world.name}/old:1`])).status, 1)
    }
    await docker(['rmi', image])
    const ups = await pointsOfRun(world, up)
    const downs = await pointsOfRun(world, down)
    await litter()
    const cleanups = await pointsOfRun(world, cleanup)
    await nothing()
    for (const kind of [...ups.kinds, ...downs.kinds, ...cleanups.kinds]) rounds.kinds.add(kind)
    const stops = downs.points.filter((point) => point.startsWith('stop:'))
    for (let index = 0; index < Math.max(ups.points.length, cleanups.points.length); index += 1) {
      const [at, stop, end] = [ups.points[index], stops[index], cleanups.points[index]]
      if (at !== undefined) {
        await docker(['rmi', image])
        await rounds.kill('services up', up, at, [up], () => world.sound([/-dev-web-web-\d+ running$/]))
        assert.equal(await world.networks(), [`${world.name}-dev_backend`])
        if (stop === undefined) await done(world, down)
        else await rounds.kill('services down', down, stop, [down], () => world.sound([]))
      } else {
        await docker(['network', 'create', ...labelsOf(world), `${world.name}-dev_backend`])
      }
      if (end === undefined) continue
      await litter()
      // Once it had ended in order there is nothing to be done any more.
      await rounds.kill('cleanup', cleanup, end, end.startsWith('run-ended') ? [] : [cleanup], nothing)
    }
    rounds.end()
  } finally {
    await world.end()
    await attempt(['rmi', '--force', image])
    await registry.end()
  }
})

const labelsOf = ({ id }: KillWorld) => ['--label', `vital-ops.workspace=${id}`, '--label', 'vital-ops.environment=dev']

test.run()
