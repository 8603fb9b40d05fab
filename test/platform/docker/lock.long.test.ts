import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Result } from '../../../lib/model/failure.ts'
import type { Holder, Lease } from '../../../lib/model/platform.ts'
import { dockerEngine } from '../../../lib/platform/docker/engine.ts'
import { dockerLock } from '../../../lib/platform/docker/lock.ts'
import { holdImage } from '../../../lib/platform/docker/lock-image.ts'
import { Tickets } from '../../../lib/platform/docker/lock-tickets.ts'
import { monotonicMs, ownStanding } from '../../../lib/platform/local/lock-liveness.ts'
import { bundleScript } from '../../execute/support/script.ts'
import { engine, startEngine } from '../../support/docker.ts'
import { note, temporaryFolder, timeLimit, until } from '../../support/index.ts'
import { Peer } from '../local/support/peer.ts'

timeLimit(600_000)
const { host, docker } = await engine()
const script = await bundleScript('test/platform/docker/support/lock-peer.ts')
const workspaceId = `vol-${randomBytes(4).toString('hex')}`
let environments = 0
function newEnvironment(): string {
  environments += 1
  return `e${environments}`
}

type Options = {
  mode?: 'exclusive' | 'shared'
  run?: string
  ttlMs?: number
  say?: (text: string) => void
  signal?: AbortSignal
  workspaceId?: string
}

const ownerOf = (environment: string, id = workspaceId) => ({ workspaceName: 'locks', workspaceId: id, environment })
const lockOf = (environment: string, options: Options = {}) =>
  dockerLock({
    engine: dockerEngine({ host }),
    owner: ownerOf(environment, options.workspaceId),
    ...(options.ttlMs ? { ttlMs: options.ttlMs } : {}),
    ...(options.say ? { say: options.say } : {}),
  })
const acquire = (environment: string, options: Options = {}): Promise<Result<{ lease: Lease; takenFrom: Holder[] }>> =>
  lockOf(environment, options).acquire({
    mode: options.mode ?? 'exclusive',
    run: options.run ?? 'run-here',
    purpose: 'deploy v1.4',
    signal: options.signal ?? new AbortController().signal,
  })

async function hold(environment: string, options: Options = {}): Promise<{ lease: Lease; takenFrom: Holder[] }> {
  const result = await acquire(environment, options)
  if (!result.ok) throw new Error(`not acquired: ${result.failures[0].message}`)
  return result.value
}

async function refusal(environment: string, options: Options = {}) {
  const result = await acquire(environment, options)
  if (!result.ok) return result.failures[0]
  await result.value.lease.release()
  throw new Error('it was acquired')
}

const newPeer = (at = host) => new Peer(script, JSON.stringify({ host: at, workspaceId }))
const left = () => docker(['ps', '--all', '--quiet', '--filter', `label=vital-ops.workspace=${workspaceId}`])

test('one holds it; the other is told who, since when and for what; given back, the next has it', async () => {
  const environment = newEnvironment()
  const { lease, takenFrom } = await hold(environment, { run: 'run-a' })
  assert.equal(takenFrom, [])
  const failure = await refusal(environment)
  assert.is(failure.code, 'locked')
  assert.is(failure.outcome, 'locked')
  assert.ok(failure.message.includes(`process ${process.pid}`), failure.message)
  assert.ok(failure.message.includes('deploy v1.4') && failure.message.includes(lease.holder.since))
  assert.match(failure.why ?? '', /run-a/)
  assert.equal(await lockOf(environment).inspect(), lease.holder)
  assert.ok(await lease.prove(600_000))
  await lease.release()
  assert.is(await lockOf(environment).inspect(), undefined)
  const next = await hold(environment)
  assert.equal(next.takenFrom, [])
  await next.lease.release()
  await next.lease.release()
  assert.is(await left(), '')
})

test('environments, and workspaces of the same name, have locks of their own', async () => {
  const environment = newEnvironment()
  const other = `${workspaceId}-b`
  const leases = [
    await hold(environment),
    await hold(newEnvironment()),
    await hold(environment, { workspaceId: other }),
    await hold('production@docker'),
  ]
  assert.is((await refusal(environment, { workspaceId: other })).code, 'locked')
  await leases[2]?.lease.release()
  assert.is((await refusal(environment)).code, 'locked', 'what one workspace gives back is not the other’s')
  for (const { lease } of leases) {
    if (!lease.lost.aborted) await lease.release()
  }
})

test('shared holders stand beside each other, and against exclusive ones both ways', async () => {
  const environment = newEnvironment()
  const one = await hold(environment, { mode: 'shared', run: 'backup-1' })
  const two = await hold(environment, { mode: 'shared', run: 'backup-2' })
  assert.match((await refusal(environment)).why ?? '', /a shared lock, run backup-1/)
  await one.lease.release()
  assert.match((await refusal(environment)).why ?? '', /backup-2/)
  assert.ok(await two.lease.prove(1000))
  await two.lease.release()
  const exclusive = await hold(environment)
  assert.is((await refusal(environment, { mode: 'shared' })).code, 'locked')
  await exclusive.lease.release()
})

test('holders die one after the other: the next one has the lock at once, and knows all whose work was left', async () => {
  const environment = newEnvironment()
  const peers: Peer[] = []
  for (let round = 0; round < 3; round += 1) {
    const peer = newPeer()
    peers.push(peer)
    assert.is((await peer.ask({ do: 'acquire', environment })).acquired, true)
    assert.ok((await peer.ask({ do: 'prove', needMs: 3_600_000 })).proved)
    await peer.kill()
  }
  assert.is(await lockOf(environment).inspect(), undefined)
  const { lease, takenFrom } = await hold(environment)
  assert.equal(
    takenFrom.map(({ pid }) => pid),
    peers.map(({ pid }) => pid),
  )
  await lease.release()
  const after = await hold(environment)
  assert.equal(after.takenFrom, [], 'who gave it back has ended that work')
  await after.lease.release()
})

test('stopped beyond the expiry: another takes over; continued, the first one notices before it does anything', async () => {
  const environment = newEnvironment()
  const stopped = newPeer()
  const other = newPeer()
  const ttlMs = 3000
  try {
    await stopped.ask({ do: 'acquire', environment, ttlMs })
    process.kill(stopped.pid, 'SIGSTOP')
    const taken = await until(
      async () => {
        const answer = await other.ask({ do: 'acquire', environment, ttlMs })
        return answer.acquired ? answer : undefined
      },
      { what: 'the lock to expire' },
    )
    assert.equal(
      taken.takenFrom?.map(({ pid }) => pid),
      [stopped.pid],
    )
    const proof = stopped.tell({ do: 'prove', needMs: 100 })
    process.kill(stopped.pid, 'SIGCONT')
    assert.is((await stopped.answer(proof)).proved, false)
    await until(() => stopped.isLost, { what: 'the loss to be said' })
    assert.is((await other.ask({ do: 'prove', needMs: 100 })).proved, true)
    await stopped.ask({ do: 'release' })
    assert.is((await other.ask({ do: 'prove', needMs: 60_000 })).proved, true, 'a lost lease releases nothing')
    await other.ask({ do: 'release' })
  } finally {
    await stopped.kill()
    await other.kill()
  }
})

test('stopped beyond the expiry while nobody wants the lock: it is still the first one’s, and provable', async () => {
  const environment = newEnvironment()
  const peer = newPeer()
  try {
    await peer.ask({ do: 'acquire', environment, ttlMs: 2000 })
    process.kill(peer.pid, 'SIGSTOP')
    const begun = monotonicMs()
    await until(() => monotonicMs() - begun > 3000, { what: 'the expiry to pass' })
    const proof = peer.tell({ do: 'prove', needMs: 20_000 })
    process.kill(peer.pid, 'SIGCONT')
    assert.is((await peer.answer(proof)).proved, true)
    assert.is((await refusal(environment)).code, 'locked')
    await peer.ask({ do: 'release' })
    const next = await hold(environment)
    assert.equal(next.takenFrom, [])
    await next.lease.release()
  } finally {
    await peer.kill()
  }
})

/** The lock as a process of another machine would hold it: its clock and pids say nothing here. Returns what beats for it. */
async function foreign(environment: string, at: string, ttlMs: number): Promise<(beat: number) => Promise<boolean>> {
  const own = await ownStanding()
  const holder = {
    run: 'run-far',
    user: 'grace',
    host: 'far',
    pid: 1,
    purpose: 'deploy',
    since: '2026-11-20T10:00:00Z',
  }
  const tickets = new Tickets(dockerEngine({ host }), ownerOf(environment))
  const standing = { ...own, process: { ...own.process, bootId: 'another' }, machine: 'another' }
  const { id } = await tickets.take({ mode: 'exclusive', holder, standing, ttlMs })
  const beat = (number: number) => tickets.writeBeat(id, { beat: number, ttlMs, monotonicMs: 1, at })
  await beat(1)
  assert.ok(await tickets.grant(id))
  return beat
}

test('another machine’s holder with a fresh sign of life is named at once', async () => {
  const environment = newEnvironment()
  await foreign(environment, new Date().toISOString(), 60_000)
  assert.match((await refusal(environment)).message, /locked by grace@far/)
  assert.equal((await lockOf(environment).inspect())?.host, 'far')
})

test('another machine’s silent holder is watched by our own clock for its whole time, which is said, then taken over', async () => {
  for (const at of ['2020-01-01T00:00:00.000Z', '2099-01-01T00:00:00.000Z']) {
    const environment = newEnvironment()
    await foreign(environment, at, 2500)
    const said: string[] = []
    const begun = monotonicMs()
    const { lease, takenFrom } = await hold(environment, { say: (text) => said.push(text) })
    assert.ok(monotonicMs() - begun >= 2500, 'not before its time is over')
    assert.equal(
      takenFrom.map(({ host }) => host),
      ['far'],
    )
    assert.is(said.length, 1)
    assert.match(said[0] ?? '', /grace@far .* no sign of life; it is watched for 2\.5s/)
    await lease.release()
  }
})

test('another machine’s holder whose clock is wrong, but that beats: it keeps the lock', async () => {
  const environment = newEnvironment()
  const beat = await foreign(environment, '2099-01-01T00:00:00.000Z', 20_000)
  let settled = false
  const refused = refusal(environment).finally(() => {
    settled = true
  })
  for (let number = 2; !settled; number += 1) await beat(number)
  assert.match((await refused).message, /locked by grace@far/)
})

test('waiting for a silent holder can be interrupted, and leaves nothing', async () => {
  const environment = newEnvironment()
  await foreign(environment, '2020-01-01T00:00:00.000Z', 60_000)
  const controller = new AbortController()
  const failure = await refusal(environment, { signal: controller.signal, say: () => controller.abort() })
  assert.is(failure.code, 'aborted')
  assert.is(failure.outcome, 'unchanged')
  const scan = await new Tickets(dockerEngine({ host }), ownerOf(environment)).scan()
  assert.is(scan.length, 1)
})

test('the lock’s container is removed by hand under the holder: it is lost by the next beat, and says why', async () => {
  const environment = newEnvironment()
  const { lease } = await hold(environment, { ttlMs: 3000 })
  const tickets = new Tickets(dockerEngine({ host }), ownerOf(environment))
  for (const { id } of await tickets.scan()) await docker(['rm', '--force', id])
  await until(() => lease.lost.aborted, { what: 'the loss to be noticed' })
  assert.match(String(lease.lost.reason), /removed from the engine/)
  assert.is(await lease.prove(1), false)
})

test('an engine that does not answer: the lock is refused with what is wrong', async () => {
  const failure = await (async () => {
    const lock = dockerLock({ engine: dockerEngine({ host: 'unix:///tmp/vol-none.sock' }), owner: ownerOf('dev') })
    const result = await lock.acquire({
      mode: 'exclusive',
      run: 'r',
      purpose: 'x',
      signal: new AbortController().signal,
    })
    return result.ok ? undefined : result.failures[0]
  })()
  assert.is(failure?.code, 'engine-unreachable')
})

test('docker system prune -af while it is asked for, held and given back: it never takes a lock that is held', async () => {
  const own = await startEngine()
  const peers = [newPeer(own.host), newPeer(own.host)] as const
  const prune = () => own.docker(['system', 'prune', '--all', '--force'])
  const acquire = { do: 'acquire', environment: 'production' }
  let rounds = 0
  let winners = 0
  try {
    const ends = performance.now() + 15_000
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

test('races of two processes: in each exactly one gets the lock, the other names it', async () => {
  const peers = [newPeer(), newPeer()] as const
  const wins = [0, 0]
  let rounds = 0
  try {
    const ends = performance.now() + 15_000
    for (; (performance.now() < ends || rounds < 5) && rounds < 200; rounds += 1) {
      const environment = 'races'
      const order = rounds % 4 < 2 ? [0, 1] : [1, 0]
      const asked = order.map((index) => [index, peers[index as 0 | 1].tell({ do: 'acquire', environment })] as const)
      const answers = await Promise.all(asked.map(([index, at]) => peers[index as 0 | 1].answer(at, 60_000)))
      const winner = answers.findIndex(({ acquired }) => acquired)
      const loser = answers.find(({ acquired }) => !acquired)
      assert.is(answers.filter(({ acquired }) => acquired).length, 1, `round ${rounds}: ${JSON.stringify(answers)}`)
      const index = asked[winner]?.[0] as 0 | 1
      wins[index] = (wins[index] ?? 0) + 1
      assert.is(loser?.failure?.outcome, 'locked')
      assert.ok(loser?.failure?.message.includes(`process ${peers[index].pid}`), loser?.failure?.message)
      await peers[index].ask({ do: 'release' }, 60_000)
    }
  } finally {
    await Promise.all(peers.map((peer) => peer.kill()))
  }
  assert.is((wins[0] ?? 0) + (wins[1] ?? 0), rounds)
  note(`${rounds} races`)
})

test('four wait for a dead or stopped holder: exactly one takes over', async () => {
  const waiters = Array.from({ length: 4 }, () => newPeer())
  let round = 0
  try {
    const ends = performance.now() + 20_000
    for (; (performance.now() < ends || round < 2) && round < 30; round += 1) {
      const holder = newPeer()
      const environment = `round-${round}`
      assert.is((await holder.ask({ do: 'acquire', environment, ttlMs: 1500 }, 60_000)).acquired, true)
      if (round % 2 === 0) await holder.kill()
      else process.kill(holder.pid, 'SIGSTOP')
      const winners: number[] = []
      // A stopped one's lock expires after a while: who is told that it is locked asks again.
      for (let attempt = 0; winners.length === 0; attempt += 1) {
        assert.ok(attempt < 100, `round ${round}: nobody takes over`)
        const answers = await Promise.all(
          waiters.map((peer) => peer.ask({ do: 'acquire', environment, ttlMs: 30_000 }, 60_000)),
        )
        for (const [index, answer] of answers.entries()) {
          if (!answer.acquired) continue
          winners.push(index)
          assert.equal(
            answer.takenFrom?.map(({ pid }) => pid),
            [holder.pid],
          )
        }
      }
      assert.is(winners.length, 1, `round ${round}: ${winners.length} took over`)
      await holder.kill()
      await waiters[winners[0] as number]?.ask({ do: 'release' }, 60_000)
    }
  } finally {
    await Promise.all(waiters.map((peer) => peer.kill()))
  }
  note(`${round} takeovers among four`)
})

test('processes that are killed, or stopped and continued, at random: never two prove the lock at once', async () => {
  const witness = join(temporaryFolder(), 'witness')
  const command = { do: 'acquire', environment: 'witnessed', ttlMs: 1500 }
  let random = 7
  const next = () => {
    random = (random * 1_103_515_245 + 12_345) % 2_147_483_648
    return random / 2_147_483_648
  }
  let alone = 0
  let taken = 0
  const begun = performance.now()
  const goesOn = () => {
    const elapsed = performance.now() - begun
    return elapsed < 20_000 || ((alone < 6 || taken < 1) && elapsed < 420_000)
  }
  const one = async (): Promise<void> => {
    let peer = newPeer()
    try {
      while (goesOn()) {
        const answer = await peer.ask(command, 60_000)
        if (!answer.acquired) continue
        if (answer.takenFrom?.length) taken += 1
        for (let step = 0; step < 3; step += 1) {
          const proof = await peer.ask({ do: 'prove', needMs: 5000 }, 60_000)
          if (!proof.proved) break
          // Within the proved time nobody else may be here.
          const seen = await peer.ask({ do: 'witness', path: witness })
          assert.is(seen.alone, true)
          alone += 1
        }
        const fate = next()
        if (fate < 0.3) {
          await peer.kill()
          peer = newPeer()
        } else if (fate < 0.5) {
          await peer.ask({ do: 'prove', needMs: 0 })
          process.kill(peer.pid, 'SIGSTOP')
          await new Promise((resolve) => setTimeout(resolve, 3000))
          process.kill(peer.pid, 'SIGCONT')
          await peer.ask({ do: 'release' })
        } else {
          await peer.ask({ do: 'release' })
        }
      }
    } finally {
      await peer.kill()
    }
  }
  await Promise.all(Array.from({ length: 3 }, one))
  note(`${alone} critical sections, ${taken} takeovers`)
  assert.ok(alone > 5, `only ${alone} critical sections`)
  assert.ok(taken > 0, 'nobody took over')
})

test.after(async () => {
  const ids = (await docker(['ps', '--all', '--quiet', '--filter', `label=vital-ops.role=lock`])).split('\n')
  for (const id of ids.filter(Boolean)) {
    const name = await docker(['container', 'inspect', '--format', '{{.Name}}', id])
    if (name.includes(workspaceId)) await docker(['rm', '--force', id])
  }
})

test.run()
