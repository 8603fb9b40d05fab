import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { dockerEngine } from '../../lib/platform/docker/engine.ts'
import { dockerReleases } from '../../lib/platform/docker/releases.ts'
import { packFiles } from '../../lib/platform/docker/releases-archive.ts'
import { busybox } from '../images/index.ts'
import { timeLimit } from '../support/index.ts'
import { failedRelease as release } from './docker-records.ts'
import { makeDockerWorld } from './docker-world.ts'

timeLimit(400_000)

test('cleanup removes what one environment no longer needs, and touches nothing of anybody else', async () => {
  const [world, other] = [await makeDockerWorld(), await makeDockerWorld()]
  const { docker, try: attempt, host } = world.engine
  const ids: string[] = []
  const image = await busybox(world.engine)
  try {
    for (const one of [world, other]) {
      const up = await one.task(['services', 'up', '--yes'])
      assert.is(up.status, 0, up.stderr)
    }
    const engine = dockerEngine({ host })
    const storeOf = ({ name, id }: typeof world) =>
      dockerReleases(engine, { workspaceName: name, workspaceId: id, environment: 'dev' })
    // Three images: of a removed release, of a kept one, and of a removed one that the other workspace may go back to.
    const images = await Promise.all(
      ['old', 'kept', 'shared'].map(async (what) => {
        const reference = `${world.name}/${what}:1`
        const input = await packFiles([{ name: 'content', content: `${world.name} ${what}` }])
        const identity = await docker(['import', '-', reference], { input: input.toString('latin1') })
        ids.push(identity)
        return { reference, identity }
      }),
    )
    const [old, kept, shared] = images as [(typeof images)[0], (typeof images)[0], (typeof images)[0]]
    const store = storeOf(world)
    for (const [index, image] of [old, shared, kept].entries()) await store.open(release(index + 1, world, image))
    await store.remove([1, 2])
    await storeOf(other).open(release(1, other, shared))

    const labels = ({ id }: typeof world, service: string) => [
      ...['--label', `vital-ops.workspace=${id}`, '--label', 'vital-ops.environment=dev'],
      ...['--label', `vital-ops.service=${service}`],
    ]
    const litter = async (one: typeof world) => {
      const own = ['--label', `vital-ops.workspace=${one.id}`, '--label', 'vital-ops.environment=dev']
      await docker(['network', 'create', ...own, `${one.name}-dev_idle`])
      await docker(['volume', 'create', ...own, `${one.name}-dev_data`])
      const at = ['--network', `${one.name}-dev_idle`, '--volume', '/anonymous', '--entrypoint', '/bin/busybox']
      await docker([
        'run',
        '--detach',
        '--name',
        `${one.name}-gone`,
        ...labels(one, 'gone'),
        ...at,
        image,
        'sleep',
        '900',
      ])
      await docker(['create', '--name', `${one.name}-litter`, ...labels(one, 'web'), ...at, image, 'sleep', '900'])
    }
    await litter(world)
    await litter(other)
    const anonymous = async () =>
      (await docker(['container', 'inspect', '--format', '{{range .Mounts}}{{.Name}} {{end}}', `${world.name}-gone`]))
        .trim()
        .split(' ')
    const volumes = await anonymous()
    const others = async () =>
      Promise.all([
        other.containers(),
        docker(['network', 'ls', '--quiet', '--filter', `label=vital-ops.workspace=${other.id}`]),
        docker(['volume', 'ls', '--quiet', '--filter', `label=vital-ops.workspace=${other.id}`]),
      ])
    const before = [await world.containers(), await others()]

    const dry = await world.task(['cleanup', 'dev', '--dry-run'])
    assert.is(dry.status, 0, dry.stderr)
    assert.match(dry.stderr + dry.stdout, /stop and remove the container .*-gone/)
    assert.equal([await world.containers(), await others()], before, 'a dry run changes nothing')

    const done = await world.task(['cleanup', 'dev', '--yes'])
    assert.is(done.status, 0, done.stderr)
    assert.equal(
      await world.containers(),
      (before[0] as string[]).filter((line) => !/-(gone|litter) /.test(line)),
    )
    assert.equal(await others(), before[1])
    assert.is((await attempt(['network', 'inspect', `${world.name}-dev_idle`])).status, 1)
    for (const name of volumes) assert.is((await attempt(['volume', 'inspect', name])).status, 1, 'an anonymous volume')
    assert.is((await attempt(['volume', 'inspect', `${world.name}-dev_data`])).status, 0, 'named volumes stay')
    const there = await Promise.all(
      images.map(async ({ identity }) => (await attempt(['image', 'inspect', identity])).status),
    )
    assert.equal(there, [1, 0, 0], 'only the image that nobody goes back to is gone')
    assert.equal(await store.oldImages(), [shared])

    const again = await world.task(['cleanup', 'dev', '--yes'])
    assert.is(again.status, 0, again.stderr)
    assert.match(again.stderr + again.stdout, /nothing to do/)

    const unnamed = await world.task(['cleanup', 'dev', '--volumes', '--yes'])
    assert.is(unnamed.status, 3, unnamed.stderr)
    assert.is((await attempt(['volume', 'inspect', `${world.name}-dev_data`])).status, 0)
    const named = await world.task(['cleanup', 'dev', '--volumes', '--confirm=dev'])
    assert.is(named.status, 0, named.stderr)
    assert.is((await attempt(['volume', 'inspect', `${world.name}-dev_data`])).status, 1)
    assert.equal(
      (await store.list()).map(({ number }) => number),
      [3],
      'the releases are no leftover',
    )
    assert.equal(await others(), before[1])
  } finally {
    await world.end()
    await other.end()
    for (const id of ids) await attempt(['rmi', '--force', id])
  }
})

test.run()
