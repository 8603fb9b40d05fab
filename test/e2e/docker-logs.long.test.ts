/** `task services logs -f` on a real Docker engine: what goes on under another container, or the same one started again, is followed. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { timeLimit, until } from '../support/index.ts'
import { withWorld } from './docker-faults.ts'

timeLimit(600_000)

const compose = `services:
  web:
    image: \${BUSYBOX_IMAGE}
    # Each start leaves two lines, on two streams, and ends after a while where it is told to.
    command:
      - sh
      - -c
      - 'echo begun $$RELEASE; echo warned $$RELEASE >&2; mkdir -p /tmp/www; echo ok > /tmp/www/readyz; exec httpd -f -p 8080 -h /tmp/www'
    environment: { RELEASE: "\${GREETING}" }
    stop_signal: SIGKILL
    networks: [backend]
    restart: unless-stopped
networks:
  backend: { external: true }
`

test('logs -f goes on when a container is started again, or another one takes its place, and says no line twice', () =>
  withWorld({ health: 'interval: 100ms\n  passes: 1\n  deadline: 60s' }, async (world) => {
    await world.write('infrastructure/docker/applications/web/compose.yaml', compose)
    await world.commit('good', 'v1')
    const up = await world.task(['services', 'up'])
    assert.is(up.status, 0, up.stderr)
    const container = async () => (await world.containers())[0]?.split(' ')[0] as string
    const following = world.start(['services', 'logs', '-f', 'web'])
    const count = (word: string) => following.stdout().split(word).length - 1
    const sees = (times: number) =>
      until(() => count('begun') === times && count('warned') === times, {
        what: `${times} starts: ${following.stdout()}`,
        deadline: 120_000,
      })
    try {
      await sees(1)
      await world.engine.docker(['restart', await container()])
      await sees(2)
      const restarted = await world.task(['services', 'restart', 'web'])
      assert.is(restarted.status, 0, restarted.stderr)
      await sees(3)
      // A crash, as its restart policy sees it.
      await world.engine.docker(['kill', '--signal', 'KILL', await container()])
      await world.engine.docker(['start', await container()])
      await sees(4)
    } finally {
      process.kill(following.pid, 'SIGINT')
      await following.ended
    }
    assert.equal([count('begun'), count('warned')], [4, 4], following.stdout())
  }))

test.run()
