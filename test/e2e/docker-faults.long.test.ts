/** What can go wrong with what runs on a Docker engine: each time a clear word, the right exit code, and nothing lost. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { timeLimit, until } from '../support/index.ts'
import { startLoad } from '../support/load.ts'
import { expectExit, leftAside, version, withWorld } from './docker-faults.ts'
import { throughSsh } from './docker-ssh.ts'

timeLimit(1_200_000)

test('a container that ignores SIGTERM is given its grace, then replaced and stopped all the same', () =>
  withWorld({}, async (world) => {
    await world.commit('deaf', 'v1')
    await expectExit(0, world, ['deploy', 'dev'])
    await world.commit('deaf', 'v2')
    await expectExit(0, world, ['deploy', 'dev'])
    assert.is(await version(world), 'v2')
    assert.is((await world.containers()).length, 1)
    await expectExit(0, world, ['services', 'down'])
    assert.equal(await world.containers(), [])
  }))

test('a probe that passes now and then passes no gate: the old release comes back', () =>
  withWorld({ health: 'interval: 200ms\n  passes: 2\n  deadline: 10s' }, async (world) => {
    await expectExit(0, world, ['deploy', 'dev'])
    await world.commit('flapping', 'v2')
    assert.match(await expectExit(6, world, ['deploy', 'dev']), /web did not become ready/)
    assert.is(await version(world), 'v1')
    assert.equal(await leftAside(world), [])
  }))

test('a health check of its own that fails now and then passes no gate', () =>
  withWorld({ health: 'interval: 200ms\n  passes: 15\n  deadline: 20s' }, async (world) => {
    await expectExit(0, world, ['deploy', 'dev'])
    const path = 'infrastructure/docker/applications/web/compose.yaml'
    const compose = readFileSync(join(world.folder, path), 'utf8')
    const check = '[CMD-SHELL, "if [ -e /tmp/odd ]; then rm /tmp/odd; echo flaps; exit 1; fi; touch /tmp/odd"]'
    await world.write(
      path,
      compose.replace(
        '    restart:',
        `    healthcheck: { test: ${check}, interval: 1s, timeout: 5s, retries: 9 }\n    restart:`,
      ),
    )
    await world.commit('good', 'v2')
    assert.match(await expectExit(6, world, ['deploy', 'dev']), /fails now and then/)
    assert.is(await version(world), 'v1')
    assert.equal(await leftAside(world), [])
  }))

test('an overlap whose gate fails: the old containers answer all the time, and no request is lost', () =>
  withWorld({ overlap: true, health: 'interval: 200ms\n  passes: 2\n  deadline: 15s' }, async (world) => {
    await expectExit(0, world, ['deploy', 'dev'])
    await until(async () => (await version(world)) === 'v1', { what: 'the proxy', deadline: 60_000 })
    const load = startLoad(`http://127.0.0.1:${world.port}/version`, { perSecond: 50, see: (body) => body })
    for (const behaviour of ['unready', 'crash'] as const) {
      await world.commit(behaviour, behaviour)
      await expectExit(6, world, ['deploy', 'dev'])
    }
    const { failures, seen } = await load.stop()
    assert.equal(failures, [])
    assert.equal([...seen.keys()], ['v1 1'])
    assert.equal(await leftAside(world), [])
    await world.commit('good', 'v4')
    await expectExit(0, world, ['deploy', 'dev'])
    await until(async () => (await version(world)) === 'v4', { what: 'the new ones', deadline: 60_000 })
  }))

test('an engine that is reached through ssh: deployed to, probed, looked at and commanded like any other', () =>
  withWorld({ health: 'interval: 500ms\n  passes: 2\n  deadline: 60s' }, async (world) => {
    const { sshd, env } = await throughSsh(world)
    try {
      await expectExit(0, world, ['deploy', 'dev'], env)
      assert.is(await version(world), 'v1')
      await world.commit('unready', 'v2')
      assert.match(await expectExit(6, world, ['deploy', 'dev'], { ...env }), /503|no pool|did not become ready/)
      assert.is(await version(world), 'v1')
      assert.match(await expectExit(0, world, ['services', 'status'], env), /web\s+running/)
      assert.match(await expectExit(0, world, ['services', 'exec', 'web', '--', 'echo', 'inside'], env), /inside/)
      await sshd.stop()
      const said = await expectExit(3, world, ['deploy', 'dev'], env)
      assert.match(said, /the Docker engine .*does not answer/)
    } finally {
      await sshd.stop()
    }
  }))

test.run()
