import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { bundleScript } from '../../execute/support/script.ts'
import { temporaryFolder, timeLimit } from '../../support/index.ts'
import { Peer } from './support/peer.ts'

timeLimit(300_000)
const root = temporaryFolder()
const newOps = () => mkdtempSync(join(root, 'w-'))
const script = await bundleScript('test/platform/local/support/lock-peer.ts')

test('200 races of two processes: in each exactly one gets the lock, the other names it', async () => {
  const ops = newOps()
  const peers = [new Peer(script, ops), new Peer(script, ops)] as const
  const wins = [0, 0]
  try {
    for (let round = 0; round < 200; round += 1) {
      // Half of the rounds go on with the tickets of the last ones, half begin anew.
      const environment = round % 2 === 0 ? 'production' : `new-${round}`
      const order = round % 4 < 2 ? [0, 1] : [1, 0]
      const asked = order.map((index) => [index, peers[index as 0 | 1].tell({ do: 'acquire', environment })] as const)
      const answers = await Promise.all(asked.map(([index, at]) => peers[index as 0 | 1].answer(at)))
      const winner = answers.findIndex(({ acquired }) => acquired)
      const loser = answers.find(({ acquired }) => !acquired)
      assert.is(answers.filter(({ acquired }) => acquired).length, 1, `round ${round}: ${JSON.stringify(answers)}`)
      const index = asked[winner]?.[0] as 0 | 1
      wins[index] = (wins[index] ?? 0) + 1
      assert.is(loser?.failure?.outcome, 'locked')
      assert.ok(loser?.failure?.message.includes(`process ${peers[index].pid}`), loser?.failure?.message)
      await peers[index].ask({ do: 'release' })
    }
  } finally {
    await Promise.all(peers.map((peer) => peer.kill()))
  }
  assert.is((wins[0] ?? 0) + (wins[1] ?? 0), 200)
})

test('30 times eight wait for a dead or stopped holder: exactly one takes over', async () => {
  const ops = newOps()
  const waiters = Array.from({ length: 8 }, () => new Peer(script, ops))
  try {
    for (let round = 0; round < 30; round += 1) {
      const holder = new Peer(script, ops)
      const environment = `round-${round}`
      assert.is((await holder.ask({ do: 'acquire', environment, ttlMs: 300 })).acquired, true)
      if (round % 2 === 0) await holder.kill()
      else process.kill(holder.pid, 'SIGSTOP')
      const winners: number[] = []
      // A stopped one's lock expires after a while: who is told that it is locked asks again.
      for (let attempt = 0; winners.length === 0; attempt += 1) {
        assert.ok(attempt < 100, `round ${round}: nobody takes over`)
        const answers = await Promise.all(waiters.map((peer) => peer.ask({ do: 'acquire', environment, ttlMs: 5000 })))
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
      await waiters[winners[0] as number]?.ask({ do: 'release' })
    }
  } finally {
    await Promise.all(waiters.map((peer) => peer.kill()))
  }
})

test('six processes, some killed and some stopped and continued at random: never two prove the lock at once', async () => {
  const ops = newOps()
  const witness = join(ops, 'witness')
  const acquire = { do: 'acquire', environment: 'production', ttlMs: 250 }
  let random = 7
  const next = () => {
    random = (random * 1_103_515_245 + 12_345) % 2_147_483_648
    return random / 2_147_483_648
  }
  let alone = 0
  let taken = 0
  const ends = performance.now() + 30_000
  const one = async (): Promise<void> => {
    let peer = new Peer(script, ops)
    try {
      while (performance.now() < ends) {
        const answer = await peer.ask(acquire)
        if (!answer.acquired) continue
        if (answer.takenFrom?.length) taken += 1
        for (let step = 0; step < 3; step += 1) {
          const proof = await peer.ask({ do: 'prove', needMs: 2000 })
          if (!proof.proved) break
          // Within the proved time nobody else may be here.
          const seen = await peer.ask({ do: 'witness', path: witness })
          assert.is(seen.alone, true)
          alone += 1
        }
        const fate = next()
        if (fate < 0.15) {
          await peer.kill()
          peer = new Peer(script, ops)
        } else if (fate < 0.3) {
          await peer.ask({ do: 'prove', needMs: 0 })
          process.kill(peer.pid, 'SIGSTOP')
          await new Promise((resolve) => setTimeout(resolve, 600))
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
  await Promise.all(Array.from({ length: 6 }, one))
  assert.ok(alone > 50, `only ${alone} critical sections`)
  assert.ok(taken > 3, `only ${taken} were taken over`)
})

test.run()
