import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { note, temporaryFolder } from '../../support/index.ts'
import { pidsOf } from './lock-cases.ts'
import type { LockCases } from './locks.ts'
import type { Peer } from './peer.ts'

/** Small numbers by chance, the same ones each time. */
function chance(): () => number {
  let random = 7
  return () => {
    random = (random * 1_103_515_245 + 12_345) % 2_147_483_648
    return random / 2_147_483_648
  }
}

/** Many processes, and chance. */
export const lockChances: LockCases = {
  async 'races of two processes: in each exactly one gets the lock, the other names it'(given) {
    const { ground, newPeer } = given
    const peers = [newPeer(), newPeer()] as const
    let rounds = 0
    const ends = performance.now() + ground.chanceMs
    for (; (performance.now() < ends || rounds < 5) && rounds < ground.races; rounds += 1) {
      // Half of the rounds go on with what the last ones left, half begin anew.
      const environment = rounds % 2 === 0 ? 'races' : `race-${rounds}`
      const order = rounds % 4 < 2 ? ([0, 1] as const) : ([1, 0] as const)
      const asked = order.map((index) => [index, peers[index].tell({ do: 'acquire', environment })] as const)
      const answers = await Promise.all(asked.map(([index, at]) => peers[index].answer(at)))
      const winner = answers.findIndex(({ acquired }) => acquired)
      const loser = answers.find(({ acquired }) => !acquired)
      assert.is(answers.filter(({ acquired }) => acquired).length, 1, `round ${rounds}: ${JSON.stringify(answers)}`)
      const peer = peers[asked[winner]?.[0] as 0 | 1]
      assert.is(loser?.failure?.outcome, 'locked')
      assert.ok(loser?.failure?.message.includes(`process ${peer.pid}`), loser?.failure?.message)
      await peer.ask({ do: 'release' })
    }
    note(`${rounds} races on ${ground.place.platform}, one winner each`)
  },

  async 'several wait for a dead or stopped holder: exactly one takes over'(given) {
    const { ground, newPeer } = given
    const waiters = Array.from({ length: ground.crowd }, newPeer)
    let round = 0
    const ends = performance.now() + ground.chanceMs
    for (; (performance.now() < ends || round < 2) && round < 30; round += 1) {
      const holder = newPeer()
      const environment = `round-${round}`
      assert.is((await holder.ask({ do: 'acquire', environment, ttlMs: ground.shortMs })).acquired, true)
      if (round % 2 === 0) await holder.kill()
      else process.kill(holder.pid, 'SIGSTOP')
      const winners: Peer[] = []
      // A stopped one's lock expires after a while: who is told that it is locked asks again.
      for (let attempt = 0; winners.length === 0; attempt += 1) {
        assert.ok(attempt < 100, `round ${round}: nobody takes over`)
        const answers = await Promise.all(
          waiters.map(async (peer) => [peer, await peer.ask({ do: 'acquire', environment, ttlMs: 30_000 })] as const),
        )
        for (const [peer, answer] of answers) {
          if (!answer.acquired) continue
          winners.push(peer)
          assert.equal(pidsOf(answer.takenFrom), [holder.pid])
        }
      }
      assert.is(winners.length, 1, `round ${round}: ${winners.length} took over`)
      await holder.kill()
      await winners[0]?.ask({ do: 'release' })
    }
    note(`${round} takeovers among ${ground.crowd} on ${ground.place.platform}`)
  },

  async 'processes that are killed, or stopped and continued, at random: never two prove the lock at once'(given) {
    const { ground, newPeer } = given
    const witness = join(temporaryFolder(), 'witness')
    const acquire = { do: 'acquire', environment: 'witnessed', ttlMs: ground.shortMs }
    const next = chance()
    let alone = 0
    let taken = 0
    const begun = performance.now()
    const goesOn = () => {
      const elapsed = performance.now() - begun
      return elapsed < ground.chanceMs || ((alone < 6 || taken < 1) && elapsed < 420_000)
    }
    const one = async (): Promise<void> => {
      let peer = newPeer()
      while (goesOn()) {
        const answer = await peer.ask(acquire)
        if (!answer.acquired) continue
        if (answer.takenFrom?.length) taken += 1
        for (let step = 0; step < 3; step += 1) {
          const proof = await peer.ask({ do: 'prove', needMs: 5000 })
          if (!proof.proved) break
          // Within the proved time nobody else may be here.
          const seen = await peer.ask({ do: 'witness', path: witness })
          assert.is(seen.alone, true)
          alone += 1
        }
        const fate = next()
        if (fate < 0.25) {
          await peer.kill()
          peer = newPeer()
        } else if (fate < 0.45) {
          await peer.ask({ do: 'prove', needMs: 0 })
          process.kill(peer.pid, 'SIGSTOP')
          await new Promise((resolve) => setTimeout(resolve, 1.5 * ground.shortMs))
          process.kill(peer.pid, 'SIGCONT')
          await peer.ask({ do: 'release' })
        } else {
          await peer.ask({ do: 'release' })
        }
      }
      await peer.kill()
    }
    await Promise.all(Array.from({ length: Math.min(ground.crowd, 3) }, one))
    note(`${alone} critical sections, ${taken} takeovers on ${ground.place.platform}`)
    assert.ok(alone > 5, `only ${alone} critical sections`)
    assert.ok(taken > 0, 'nobody took over')
  },
}
