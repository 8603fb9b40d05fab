import * as assert from 'uvu/assert'
import { monotonicMs, ownStanding } from '../../../lib/platform/local/lock-liveness.ts'
import { until } from '../../support/index.ts'
import type { Foreign, LockCases, LockGiven } from './locks.ts'
import type { Peer } from './peer.ts'

/** Waits until the lock of a silent holder has been taken over. */
const takenOver = (acquire: LockGiven['acquire'], environment: string) =>
  until(
    async () => {
      const result = await acquire(environment)
      return result.ok ? result.value : undefined
    },
    { what: 'the lock to expire', deadline: 120_000 },
  )

/** The processes of holders, or of peers. */
export const pidsOf = (holders: readonly { pid: number }[] | undefined) => holders?.map(({ pid }) => pid)

/** A process of another machine: its clock and pids say nothing here. */
async function far(ttlMs: number, at = new Date().toISOString()): Promise<Foreign> {
  const since = '2026-11-20T10:00:00.000Z'
  const holder = { run: 'run-far', user: 'grace', host: 'far', pid: 1, purpose: 'deploy', since }
  const own = await ownStanding()
  return { holder, standing: { ...own, process: { ...own.process, bootId: 'another' }, machine: 'another' }, ttlMs, at }
}

/** One holder, another one, and what becomes of silent, dead and foreign ones. */
export const lockCases: LockCases = {
  async 'one holds it; the other is told who, since when and for what; given back, the next has it'(given) {
    const { environment, hold, refusal, lockOf } = given
    const { lease, takenFrom } = await hold(environment, { run: 'run-a' })
    assert.equal(takenFrom, [])
    const failure = await refusal(environment)
    assert.equal([failure.code, failure.outcome], ['locked', 'locked'])
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
  },

  async 'environments, and workspaces of the same name, have locks of their own'(given) {
    const { ground, environment, newEnvironment, hold, refusal } = given
    const leases = [
      await hold(environment),
      await hold(newEnvironment()),
      await hold(environment, {}, ground.other),
      await hold('production-at-local'),
    ]
    assert.is((await refusal(environment, {}, ground.other)).code, 'locked')
    await leases[2]?.lease.release()
    assert.is((await refusal(environment)).code, 'locked', 'what one workspace gives back is not the other’s')
    for (const { lease } of leases) await lease.release()
  },

  async 'shared holders stand beside each other, and against exclusive ones both ways'(given) {
    const { environment, hold, refusal } = given
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
  },

  async 'holders die one after the other: the next one has the lock at once, and knows all whose work was left'(given) {
    const { environment, newPeer, hold, lockOf } = given
    const dead: Peer[] = []
    for (let round = 0; round < 3; round += 1) {
      const peer = newPeer()
      dead.push(peer)
      assert.is((await peer.ask({ do: 'acquire', environment })).acquired, true)
      assert.ok((await peer.ask({ do: 'prove', needMs: 3_600_000 })).proved)
      await peer.kill()
    }
    assert.is(await lockOf(environment).inspect(), undefined)
    const { lease, takenFrom } = await hold(environment)
    assert.equal(pidsOf(takenFrom), pidsOf(dead))
    await lease.release()
    const after = await hold(environment)
    assert.equal(after.takenFrom, [], 'who gave it back has ended that work')
    await after.lease.release()
  },

  async 'stopped beyond the expiry: another takes over; continued, the first one notices before it does anything'(
    given,
  ) {
    const { ground, environment, newPeer } = given
    const [stopped, other] = [newPeer(), newPeer()]
    await stopped.ask({ do: 'acquire', environment, ttlMs: ground.shortMs })
    process.kill(stopped.pid, 'SIGSTOP')
    const taken = await until(
      async () => {
        const answer = await other.ask({ do: 'acquire', environment })
        return answer.acquired ? answer : undefined
      },
      { what: 'the lock to expire', deadline: 120_000 },
    )
    assert.equal(pidsOf(taken.takenFrom), [stopped.pid])
    const proof = stopped.tell({ do: 'prove', needMs: 100 })
    process.kill(stopped.pid, 'SIGCONT')
    assert.is((await stopped.answer(proof)).proved, false)
    await until(() => stopped.isLost, { what: 'the loss to be said', deadline: 60_000 })
    assert.is((await other.ask({ do: 'prove', needMs: 100 })).proved, true)
    await stopped.ask({ do: 'release' })
    assert.is((await other.ask({ do: 'prove', needMs: 60_000 })).proved, true, 'a lost lease releases nothing')
    await other.ask({ do: 'release' })
  },

  async 'continued without being asked, the first one notices by itself'(given) {
    const { ground, environment, newPeer, acquire } = given
    const stopped = newPeer()
    await stopped.ask({ do: 'acquire', environment, ttlMs: ground.shortMs })
    process.kill(stopped.pid, 'SIGSTOP')
    const { lease } = await takenOver(acquire, environment)
    process.kill(stopped.pid, 'SIGCONT')
    await until(() => stopped.isLost, { what: 'the loss to be noticed', deadline: 60_000 })
    assert.ok(await lease.prove(10))
    await lease.release()
  },

  async 'stopped beyond the expiry while nobody wants the lock: it is still the first one’s, and provable'(given) {
    const { ground, environment, newPeer, hold, refusal } = given
    const peer = newPeer()
    await peer.ask({ do: 'acquire', environment, ttlMs: ground.shortMs })
    process.kill(peer.pid, 'SIGSTOP')
    const begun = monotonicMs()
    await until(() => monotonicMs() - begun > 1.5 * ground.shortMs, { what: 'the expiry to pass' })
    const proof = peer.tell({ do: 'prove', needMs: 20_000 })
    process.kill(peer.pid, 'SIGCONT')
    assert.is((await peer.answer(proof)).proved, true)
    assert.is((await refusal(environment)).code, 'locked')
    await peer.ask({ do: 'release' })
    const next = await hold(environment)
    assert.equal(next.takenFrom, [])
    await next.lease.release()
  },

  async 'a proof extends the time to what the op needs; the next one may shorten it again'(given) {
    const { ground, environment, newPeer, acquire, refusal } = given
    const peer = newPeer()
    await peer.ask({ do: 'acquire', environment, ttlMs: ground.shortMs })
    assert.ok((await peer.ask({ do: 'prove', needMs: 600_000 })).proved)
    process.kill(peer.pid, 'SIGSTOP')
    const begun = monotonicMs()
    await until(() => monotonicMs() - begun > 1.5 * ground.shortMs, { what: 'the plain time to live to pass' })
    assert.is((await refusal(environment)).code, 'locked')
    process.kill(peer.pid, 'SIGCONT')
    if (ground.place.platform === 'local') {
      // Elsewhere a time that was bought once is not given back, and lasts until the next beat after it.
      assert.ok((await peer.ask({ do: 'prove', needMs: 0 })).proved)
      process.kill(peer.pid, 'SIGSTOP')
      const { lease } = await takenOver(acquire, environment)
      await lease.release()
    }
  },

  async 'proofs at the same time with different needs all hold: a short one does not shorten what a longer one asks for'(
    given,
  ) {
    const { environment, hold } = given
    const { lease } = await hold(environment)
    for (let round = 0; round < 3; round += 1) {
      const proofs = await Promise.all([90_000, 1000, 60_000, 75_000].map((needMs) => lease.prove(needMs)))
      assert.equal(proofs, [true, true, true, true])
    }
    assert.not.ok(lease.lost.aborted)
    await lease.release()
  },

  async 'another machine’s holder with a fresh sign of life is named at once'(given) {
    const { ground, environment, refusal, lockOf } = given
    await ground.hold(environment, await far(60_000))
    assert.match((await refusal(environment)).message, /locked by grace@far/)
    assert.is((await lockOf(environment).inspect())?.host, 'far')
  },

  async 'another machine’s silent holder is watched by our own clock for its whole time, which is said, then taken over'(
    given,
  ) {
    const { ground, newEnvironment, hold } = given
    for (const at of ['2020-01-01T00:00:00.000Z', '2099-01-01T00:00:00.000Z']) {
      const environment = newEnvironment()
      await ground.hold(environment, await far(2000, at))
      const said: string[] = []
      const begun = monotonicMs()
      const { lease, takenFrom } = await hold(environment, { say: (text) => said.push(text) })
      assert.ok(monotonicMs() - begun >= 2000, 'not before its time is over')
      assert.equal(
        takenFrom.map(({ host }) => host),
        ['far'],
      )
      assert.is(said.length, 1)
      assert.match(said[0] ?? '', /grace@far .* no sign of life; it is watched for 2(\.0)?s/)
      await lease.release()
    }
  },

  async 'another machine’s holder whose clock is wrong, but that beats: it keeps the lock'(given) {
    const { ground, environment, refusal } = given
    const beat = await ground.hold(environment, await far(20_000, '2099-01-01T00:00:00.000Z'))
    let settled = false
    const refused = refusal(environment).finally(() => {
      settled = true
    })
    for (let number = 2; !settled; number += 1) {
      await beat(number)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    assert.match((await refused).message, /locked by grace@far/)
  },

  async 'waiting for a silent holder can be interrupted, and leaves nothing'(given) {
    const { ground, environment, refusal } = given
    await ground.hold(environment, await far(60_000, '2020-01-01T00:00:00.000Z'))
    const controller = new AbortController()
    const failure = await refusal(environment, { signal: controller.signal, say: () => controller.abort() })
    assert.equal([failure.code, failure.outcome], ['aborted', 'unchanged'])
    assert.is(await ground.queue(environment), 1)
  },

  async 'what the lock is is removed by hand under the holder: it is lost, and says why'(given) {
    const { ground, environment, hold } = given
    const { lease } = await hold(environment, { ttlMs: ground.shortMs })
    await ground.destroy(environment)
    await until(() => lease.lost.aborted, { what: 'the loss to be noticed', deadline: 60_000 })
    assert.match(String(lease.lost.reason), /another run may hold it now|taken over|removed|deleted/)
    assert.is(await lease.prove(1), false)
  },
}
