import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Result } from '../../../lib/model/failure.ts'
import type { Holder, Lease } from '../../../lib/model/platform.ts'
import { localLock } from '../../../lib/platform/local/lock.ts'
import { LockFiles } from '../../../lib/platform/local/lock-files.ts'
import { monotonicMs, ownStanding } from '../../../lib/platform/local/lock-liveness.ts'
import { bundleScript } from '../../execute/support/script.ts'
import { temporaryFolder, until } from '../../support/index.ts'
import { Peer } from './support/peer.ts'

const root = temporaryFolder()
const newOps = () => mkdtempSync(join(root, 'w-'))
const script = await bundleScript('test/platform/local/support/lock-peer.ts')
const folderOf = (ops: string) => join(ops, 'locks', 'production')

type Options = {
  mode?: 'exclusive' | 'shared'
  run?: string
  ttlMs?: number
  say?: (text: string) => void
  signal?: AbortSignal
}

const acquire = (ops: string, options: Options = {}): Promise<Result<{ lease: Lease; takenFrom: Holder[] }>> =>
  localLock({
    ops,
    environment: 'production',
    ...(options.ttlMs ? { ttlMs: options.ttlMs } : {}),
    ...(options.say ? { say: options.say } : {}),
  }).acquire({
    mode: options.mode ?? 'exclusive',
    run: options.run ?? 'run-here',
    purpose: 'deploy v1.4',
    signal: options.signal ?? new AbortController().signal,
  })

async function hold(ops: string, options: Options = {}): Promise<{ lease: Lease; takenFrom: Holder[] }> {
  const result = await acquire(ops, options)
  if (!result.ok) throw new Error(`not acquired: ${result.failures[0].message}`)
  return result.value
}

async function refusal(ops: string, options: Options = {}) {
  const result = await acquire(ops, options)
  if (!result.ok) return result.failures[0]
  await result.value.lease.release()
  throw new Error('it was acquired')
}

test('one holds it; the other is told who, since when and for what, with outcome locked', async () => {
  const ops = newOps()
  const { lease, takenFrom } = await hold(ops, { run: 'run-a' })
  assert.equal(takenFrom, [])
  const failure = await refusal(ops)
  assert.is(failure.code, 'locked')
  assert.is(failure.outcome, 'locked')
  assert.ok(failure.message.includes(`process ${process.pid}`), failure.message)
  assert.ok(failure.message.includes('deploy v1.4') && failure.message.includes(lease.holder.since))
  assert.match(failure.why ?? '', /run-a/)
  assert.equal(await localLock({ ops, environment: 'production' }).inspect(), lease.holder)
  await lease.release()
  assert.is(await localLock({ ops, environment: 'production' }).inspect(), undefined)
  const next = await hold(ops)
  assert.equal(next.takenFrom, [])
  await next.lease.release()
  await next.lease.release()
})

test('environments have locks of their own', async () => {
  const ops = newOps()
  const here = await hold(ops)
  const other = await localLock({ ops, environment: 'production@local' }).acquire({
    mode: 'exclusive',
    run: 'r',
    purpose: 'x',
    signal: new AbortController().signal,
  })
  assert.ok(other.ok)
  await here.lease.release()
})

test('shared holders stand beside each other, and against exclusive ones both ways', async () => {
  const ops = newOps()
  const one = await hold(ops, { mode: 'shared', run: 'backup-1' })
  const two = await hold(ops, { mode: 'shared', run: 'backup-2' })
  assert.match((await refusal(ops)).why ?? '', /a shared lock, run backup-1/)
  await one.lease.release()
  assert.match((await refusal(ops)).why ?? '', /backup-2/)
  assert.ok(await two.lease.prove(1000))
  await two.lease.release()
  const exclusive = await hold(ops)
  assert.is((await refusal(ops, { mode: 'shared' })).code, 'locked')
  await exclusive.lease.release()
})

test('the holder is killed: the next one has the lock at once, and knows whose work was left', async () => {
  const ops = newOps()
  const peer = new Peer(script, ops)
  assert.is((await peer.ask({ do: 'acquire', environment: 'production' })).acquired, true)
  assert.ok((await peer.ask({ do: 'prove', needMs: 3_600_000 })).proved)
  await peer.kill()
  assert.is(await localLock({ ops, environment: 'production' }).inspect(), undefined)
  const { lease, takenFrom } = await hold(ops)
  assert.equal(
    takenFrom.map(({ pid }) => pid),
    [peer.pid],
  )
  await lease.release()
  const after = await hold(ops)
  assert.equal(after.takenFrom, [], 'who gave it back has ended that work')
  await after.lease.release()
})

test('a taker that dies as well hands on all that was left', async () => {
  const ops = newOps()
  const peers = [new Peer(script, ops), new Peer(script, ops), new Peer(script, ops)]
  for (const peer of peers) {
    assert.is((await peer.ask({ do: 'acquire', environment: 'production' })).acquired, true)
    await peer.kill()
  }
  const { lease, takenFrom } = await hold(ops)
  assert.equal(
    takenFrom.map(({ pid }) => pid),
    peers.map(({ pid }) => pid),
  )
  await lease.release()
})

test('stopped beyond the expiry: another takes over; continued, the first one notices before it does anything', async () => {
  const ops = newOps()
  const stopped = new Peer(script, ops)
  const other = new Peer(script, ops)
  try {
    await stopped.ask({ do: 'acquire', environment: 'production', ttlMs: 400 })
    process.kill(stopped.pid, 'SIGSTOP')
    const first = await other.ask({ do: 'acquire', environment: 'production', ttlMs: 400 })
    assert.is(first.acquired, false, 'it is held until it expires')
    const taken = await until(
      async () => {
        const answer = await other.ask({ do: 'acquire', environment: 'production', ttlMs: 400 })
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
    assert.is((await other.ask({ do: 'prove', needMs: 100 })).proved, true, 'a lost lease releases nothing')
  } finally {
    await stopped.kill()
    await other.kill()
  }
})

test('continued without being asked, the first one notices by itself', async () => {
  const ops = newOps()
  const stopped = new Peer(script, ops)
  try {
    await stopped.ask({ do: 'acquire', environment: 'production', ttlMs: 300 })
    process.kill(stopped.pid, 'SIGSTOP')
    const { lease } = await until(
      async () => {
        const result = await acquire(ops, { ttlMs: 300 })
        return result.ok ? result.value : undefined
      },
      { what: 'the lock to expire' },
    )
    process.kill(stopped.pid, 'SIGCONT')
    await until(() => stopped.isLost, { what: 'the loss to be noticed' })
    assert.ok(await lease.prove(10))
    await lease.release()
  } finally {
    await stopped.kill()
  }
})

test('stopped beyond the expiry while nobody wants the lock: it is still the first one’s, and provable', async () => {
  const ops = newOps()
  const peer = new Peer(script, ops)
  try {
    await peer.ask({ do: 'acquire', environment: 'production', ttlMs: 200 })
    process.kill(peer.pid, 'SIGSTOP')
    const begun = monotonicMs()
    await until(() => monotonicMs() - begun > 500, { what: 'the expiry to pass' })
    const proof = peer.tell({ do: 'prove', needMs: 5000 })
    process.kill(peer.pid, 'SIGCONT')
    assert.is((await peer.answer(proof)).proved, true)
    assert.is((await refusal(ops)).code, 'locked')
    await peer.ask({ do: 'release' })
    const next = await hold(ops)
    assert.equal(next.takenFrom, [])
    await next.lease.release()
  } finally {
    await peer.kill()
  }
})

test('a proof extends the time to what the op needs; the next one may shorten it again', async () => {
  const ops = newOps()
  const peer = new Peer(script, ops)
  try {
    await peer.ask({ do: 'acquire', environment: 'production', ttlMs: 300 })
    assert.ok((await peer.ask({ do: 'prove', needMs: 600_000 })).proved)
    process.kill(peer.pid, 'SIGSTOP')
    const begun = monotonicMs()
    await until(() => monotonicMs() - begun > 800, { what: 'the plain time to live to pass' })
    const failure = await refusal(ops, { ttlMs: 300 })
    assert.is(failure.code, 'locked')
    process.kill(peer.pid, 'SIGCONT')
    assert.ok((await peer.ask({ do: 'prove', needMs: 0 })).proved)
    process.kill(peer.pid, 'SIGSTOP')
    const { lease } = await until(
      async () => {
        const result = await acquire(ops, { ttlMs: 300 })
        return result.ok ? result.value : undefined
      },
      { what: 'the shortened time to pass' },
    )
    await lease.release()
  } finally {
    await peer.kill()
  }
})

/** The lock as a process of another machine would hold it: its clock and pids say nothing here. */
async function foreign(ops: string, change: { beat?: number; at?: string; ttlMs?: number } = {}) {
  mkdirSync(folderOf(ops), { recursive: true })
  const holder = {
    run: 'run-far',
    user: 'grace',
    host: 'far',
    pid: 1,
    purpose: 'deploy',
    since: '2026-11-20T10:00:00.000Z',
  }
  const own = await ownStanding()
  const standing = { ...own, process: { ...own.process, bootId: 'another' }, machine: 'another' }
  const { ttlMs = 400, at = new Date().toISOString(), beat = 1 } = change
  const ticket = { mode: 'exclusive', holder, standing, ttlMs, monotonicMs: 1, at }
  writeFileSync(join(folderOf(ops), '1.ticket'), JSON.stringify(ticket))
  writeFileSync(join(folderOf(ops), '1.beat'), JSON.stringify({ beat, ttlMs, held: true, monotonicMs: 1, at }))
}

test('proofs at the same time with different needs all hold: a short one does not shorten what a longer one asks for', async () => {
  const ops = newOps()
  const { lease } = await hold(ops)
  for (let round = 0; round < 10; round += 1) {
    const proofs = await Promise.all([90_000, 1000, 60_000, 75_000].map((needMs) => lease.prove(needMs)))
    assert.equal(proofs, [true, true, true, true])
  }
  assert.not.ok(lease.lost.aborted)
  await lease.release()
})

test('another machine’s holder with a fresh sign of life is named at once', async () => {
  const ops = newOps()
  await foreign(ops, { ttlMs: 60_000 })
  const failure = await refusal(ops)
  assert.match(failure.message, /locked by grace@far/)
})

test('another machine’s silent holder is watched by our own clock for its whole time, which is said, then taken over', async () => {
  for (const at of ['2020-01-01T00:00:00.000Z', '2099-01-01T00:00:00.000Z']) {
    const ops = newOps()
    await foreign(ops, { at, ttlMs: 1200 })
    const said: string[] = []
    const begun = monotonicMs()
    const { lease, takenFrom } = await hold(ops, { say: (text) => said.push(text) })
    assert.ok(monotonicMs() - begun >= 1200, 'not before its time is over')
    assert.equal(
      takenFrom.map(({ host }) => host),
      ['far'],
    )
    assert.is(said.length, 1)
    assert.match(said[0] ?? '', /grace@far .* no sign of life; it is watched for 1\.2s/)
    await lease.release()
  }
})

test('another machine’s holder whose clock is wrong, but that beats: it keeps the lock', async () => {
  const ops = newOps()
  await foreign(ops, { at: '2099-01-01T00:00:00.000Z', ttlMs: 600 })
  let beat = 1
  const beating = setInterval(() => {
    beat += 1
    void foreign(ops, { at: '2099-01-01T00:00:00.000Z', ttlMs: 600, beat })
  }, 100)
  try {
    assert.match((await refusal(ops)).message, /locked by grace@far/)
    assert.ok(!existsSync(join(folderOf(ops), '1.end')))
  } finally {
    clearInterval(beating)
  }
})

test('waiting for a silent holder can be interrupted, and leaves nothing', async () => {
  const ops = newOps()
  await foreign(ops, { at: '2020-01-01T00:00:00.000Z', ttlMs: 60_000 })
  const controller = new AbortController()
  const failure = await refusal(ops, { signal: controller.signal, say: () => controller.abort() })
  assert.is(failure.code, 'aborted')
  assert.is(failure.outcome, 'unchanged')
  assert.equal(readdirSync(folderOf(ops)).sort(), ['1.beat', '1.ticket'])
})

test('a ticket that cannot be read is waited for, then passed over', async () => {
  const ops = newOps()
  mkdirSync(folderOf(ops), { recursive: true })
  writeFileSync(join(folderOf(ops), '1.ticket'), '')
  const { lease, takenFrom } = await hold(ops, { ttlMs: 300 })
  assert.equal(takenFrom, [])
  await lease.release()
})

test('taken over by somebody who judged it otherwise: it is lost at the next proof, whatever our clock says', async () => {
  const ops = newOps()
  const { lease } = await hold(ops)
  await new LockFiles(folderOf(ops)).end(1, { how: 'taken', run: 'run-far', at: new Date().toISOString() })
  assert.is(await lease.prove(10), false)
  assert.ok(lease.lost.aborted)
  assert.match(String(lease.lost.reason), /run-far has taken over/)
})

test('expired, with somebody in the queue who may have seen that: it is lost, even before that one has acted', async () => {
  const ops = newOps()
  const { lease } = await hold(ops, { ttlMs: 100 })
  const standing = await ownStanding()
  const files = new LockFiles(folderOf(ops))
  await files.take({ mode: 'exclusive', holder: { ...lease.holder, run: 'run-next' }, standing, ttlMs: 60_000 })
  // Nothing of this process runs meanwhile, as if it were stopped.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 150)
  assert.is(await lease.prove(10), false)
  assert.match(String(lease.lost.reason), /run-next has taken over/)
  assert.is(await files.ended(1), undefined, 'who takes over ends it, and so knows what was left')
})

test('the lock’s files are deleted under the holder: it is lost, and says why', async () => {
  const ops = newOps()
  const { lease } = await hold(ops)
  rmSync(folderOf(ops), { recursive: true })
  assert.is(await lease.prove(10), false)
  assert.match(String(lease.lost.reason), /were deleted/)
})

test('120 holders one after the other leave a handful of files', async () => {
  const ops = newOps()
  const lock = localLock({ ops, environment: 'production' })
  for (let round = 0; round < 120; round += 1) {
    const result = await lock.acquire({
      mode: 'exclusive',
      run: `r${round}`,
      purpose: 'x',
      signal: new AbortController().signal,
    })
    assert.ok(result.ok, `round ${round}`)
    if (result.ok) await result.value.lease.release()
  }
  const names = readdirSync(folderOf(ops))
  assert.ok(names.length < 60, `${names.length} files`)
  assert.ok(names.includes('120.end'))
  assert.is(JSON.parse(readFileSync(join(folderOf(ops), 'floor'), 'utf8')).floor > 80, true)
})

test('a number that was used and pruned is not taken again by who read the folder before', async () => {
  const ops = newOps()
  const lock = localLock({ ops, environment: 'production' })
  for (let round = 0; round < 40; round += 1) {
    const { lease } = await hold(ops)
    await lease.release()
  }
  assert.is(await lock.inspect(), undefined)
  const holder = await hold(ops)
  const files = new LockFiles(folderOf(ops))
  const scan = files.scan.bind(files)
  // As it was before the first one came.
  const looks = [{ numbers: [], ended: new Set<number>(), highest: 0 }]
  files.scan = async () => looks.shift() ?? scan()
  const standing = await ownStanding()
  const { number } = await files.take({ mode: 'exclusive', holder: holder.lease.holder, standing, ttlMs: 1000 })
  assert.is(number, 42)
  assert.not.ok(readdirSync(folderOf(ops)).includes('1.ticket'))
  await files.end(number, { how: 'withdrawn', run: 'x', at: '' })
  await holder.lease.release()
})

test('a shared holder that stays while many others come and go is neither pruned nor forgotten', async () => {
  const ops = newOps()
  const backup = await hold(ops, { mode: 'shared', run: 'backup' })
  for (let round = 0; round < 60; round += 1) {
    const other = await hold(ops, { mode: 'shared', run: `other-${round}` })
    await other.lease.release()
  }
  assert.ok(await backup.lease.prove(100))
  assert.match((await refusal(ops)).why ?? '', /run backup/)
  await backup.lease.release()
  const { lease } = await hold(ops)
  await lease.release()
})

test.run()
