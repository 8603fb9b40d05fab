// What is of an engine alone; all else of the lock is in ../conformance/locks.ts.
import { randomBytes } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { dockerEngine } from '../../../lib/platform/docker/engine.ts'
import { dockerLock } from '../../../lib/platform/docker/lock.ts'
import { holdImage } from '../../../lib/platform/docker/lock-image.ts'
import { bundleScript } from '../../execute/support/script.ts'
import { engine, startEngine } from '../../support/docker.ts'
import { note, timeLimit } from '../../support/index.ts'
import { Peer } from '../conformance/peer.ts'

timeLimit(600_000)
const { host, docker } = await engine()
const script = await bundleScript('test/platform/conformance/lock-peer.ts')
const workspaceId = `vol-${randomBytes(4).toString('hex')}`
const owner = { workspaceName: 'locks', workspaceId, environment: 'dev' }
const request = { mode: 'exclusive', run: 'r', purpose: 'x', signal: new AbortController().signal } as const
const newPeer = (at: string) => new Peer(script, { platform: 'docker', host: at, workspaceId })

test('given back, it leaves nothing on the engine', async () => {
  const taken = await dockerLock({ engine: dockerEngine({ host }), owner }).acquire(request)
  assert.ok(taken.ok)
  const left = () => docker(['ps', '--all', '--quiet', '--filter', `label=vital-ops.workspace=${workspaceId}`])
  assert.is.not(await left(), '')
  if (taken.ok) await taken.value.lease.release()
  assert.is(await left(), '')
})

test('an engine that does not answer: the lock is refused with what is wrong', async () => {
  const lock = dockerLock({ engine: dockerEngine({ host: 'unix:///tmp/vol-none.sock' }), owner })
  const result = await lock.acquire(request)
  assert.is(result.ok ? undefined : result.failures[0].code, 'engine-unreachable')
})

test('docker system prune -af while it is asked for, held and given back: it never takes a lock that is held', async () => {
  const own = await startEngine()
  const peers = [newPeer(own.host), newPeer(own.host)] as const
  const prune = () => own.docker(['system', 'prune', '--all', '--force'])
  const acquire = { do: 'acquire', environment: 'production' }
  let rounds = 0
  let winners = 0
  try {
    const ends = performance.now() + 10_000
    for (; performance.now() < ends || rounds < 3; rounds += 1) {
      const asked = peers.map((peer) => peer.tell(acquire))
      await new Promise((resolve) => setTimeout(resolve, (rounds * 70) % 500))
      await prune()
      const answers = await Promise.all(peers.map((peer, index) => peer.answer(asked[index] as number, 60_000)))
      const index = answers.findIndex(({ acquired }) => acquired)
      assert.ok(answers.filter(({ acquired }) => acquired).length <= 1, `round ${rounds}: ${JSON.stringify(answers)}`)
      const [winner, other] = index === 1 ? [peers[1], peers[0]] : peers
      // Both may have met in the queue just when it was emptied; then the next one has it at once.
      if (index < 0) assert.ok((await winner.ask(acquire, 60_000)).acquired, `round ${rounds}`)
      winners += 1
      await prune()
      assert.is((await winner.ask({ do: 'prove', needMs: 600_000 }, 60_000)).proved, true)
      assert.is((await other.ask(acquire, 60_000)).failure?.code, 'locked')
      await winner.ask({ do: 'release' }, 60_000)
      await prune()
      assert.is(await own.docker(['image', 'ls', '--quiet', holdImage]), '', 'even the image is gone')
    }
    assert.not.ok(peers.some((peer) => peer.isLost))
    note(`${rounds} rounds of two, pruned three times each`)
  } finally {
    await Promise.all(peers.map((peer) => peer.kill()))
    await own.end()
  }
  assert.is(winners, rounds)
})

test.run()
