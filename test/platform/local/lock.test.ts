// What is of files alone; all else of the lock is in ../conformance/locks.ts.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Result } from '../../../lib/model/failure.ts'
import type { Holder, Lease } from '../../../lib/model/platform.ts'
import { localLock } from '../../../lib/platform/local/lock.ts'
import { LockFiles } from '../../../lib/platform/local/lock-files.ts'
import { ownStanding } from '../../../lib/platform/local/lock-liveness.ts'
import { temporaryFolder } from '../../support/index.ts'

const root = temporaryFolder()
const newOps = () => mkdtempSync(join(root, 'w-'))
const folderOf = (ops: string) => join(ops, 'locks', 'production')

type Options = {
  mode?: 'exclusive' | 'shared'
  run?: string
  ttlMs?: number
}

const acquire = (ops: string, options: Options = {}): Promise<Result<{ lease: Lease; takenFrom: Holder[] }>> =>
  localLock({
    ops,
    environment: 'production',
    ...(options.ttlMs ? { ttlMs: options.ttlMs } : {}),
  }).acquire({
    mode: options.mode ?? 'exclusive',
    run: options.run ?? 'run-here',
    purpose: 'deploy v1.4',
    signal: new AbortController().signal,
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
