import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Holder, Lease } from '../../../lib/model/platform.ts'
import { kubectlOf } from '../../../lib/platform/kubernetes/kubectl.ts'
import { kubernetesLock } from '../../../lib/platform/kubernetes/lock.ts'
import { label } from '../../../lib/platform/kubernetes/names.ts'
import { note, temporaryFolder, timeLimit, until } from '../../support/index.ts'
import { conflictOnce, internalError, tooManyRequests } from '../../support/kubernetes/faults.ts'
import { type Cluster, startCluster } from '../../support/kubernetes/index.ts'

timeLimit(600_000)
const on = suite<{ cluster: Cluster }>('a Lease as the lock')
on.before(async (context) => {
  const folder = temporaryFolder()
  context.cluster = await startCluster({ folder })
  process.env.KUBECONFIG = context.cluster.kubeconfig
  process.env.KUBECACHEDIR = `${folder}/cache`
})
on.after(({ cluster }) => cluster.end())

const lockOf = (environment: string, ttlMs = 15_000) =>
  kubernetesLock({ kubectl: kubectlOf({ context: 'test' }), home: 'ops', workspaceId: 'shop0000', environment, ttlMs })
const signal = new AbortController().signal
const request = (run: string, mode: 'exclusive' | 'shared' = 'exclusive') => ({
  mode,
  run,
  purpose: `deploy ${run}`,
  signal,
})

/** A Lease that somebody on another machine holds, whose renewals come no more. */
function leave({ api }: Cluster, environment: string, seconds: number, left: Holder[] = []): Holder {
  const holder: Holder = {
    run: 'theirs',
    user: 'ann',
    host: 'elsewhere',
    pid: 7,
    purpose: 'deploy v1',
    since: '2026-01-01T00:00:00.000Z',
  }
  const standing = { process: { pid: 7, startTime: 1, bootId: 'other' }, namespaces: 'x', machine: 'other' }
  const metadata = {
    name: `vital-ops.shop0000.${environment}.lock`,
    namespace: 'ops',
    annotations: { [label.holder]: JSON.stringify({ holder, standing, left }) },
  }
  const spec = { holderIdentity: 'theirs', leaseDurationSeconds: seconds, renewTime: '2026-01-01T00:00:00.000000Z' }
  const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec }
  api.create(api.type('leases'), lease, { manager: 'theirs', dryRun: false })
  return holder
}

on('is taken once, names its holder, and is given back', async () => {
  const lock = lockOf('first')
  const first = await lock.acquire(request('one'))
  assert.ok(first.ok)
  const second = await lock.acquire(request('two'))
  assert.is(second.ok ? '' : second.failures[0].outcome, 'locked')
  assert.match(second.ok ? '' : second.failures[0].message, /deploy one/)
  assert.is((await lock.inspect())?.run, 'one')
  assert.ok(first.ok && (await first.value.lease.prove(60_000)))
  if (first.ok) await first.value.lease.release()
  assert.is(await lock.inspect(), undefined)
  const third = await lock.acquire(request('three'))
  assert.ok(third.ok)
  if (third.ok) await third.value.lease.release()
})

on('goes to one of two in each of 40 races', async () => {
  let wins = 0
  for (let round = 0; round < 40; round += 1) {
    const lock = lockOf(round % 2 === 0 ? 'race' : `race-${round}`)
    const answers = await Promise.all([lock.acquire(request(`a${round}`)), lock.acquire(request(`b${round}`))])
    const taken = answers.filter((answer) => answer.ok)
    assert.is(taken.length, 1, `round ${round}: ${JSON.stringify(answers.map((answer) => answer.ok))}`)
    const refused = answers.find((answer) => !answer.ok)
    assert.is(refused && !refused.ok ? refused.failures[0].outcome : '', 'locked')
    for (const answer of taken) if (answer.ok) await answer.value.lease.release()
    wins += 1
  }
  note(`${wins} races, one winner each`)
})

on('is taken over by the own clock alone, with whose work was left', async ({ cluster }) => {
  const before: Holder = { run: 'older', user: 'bob', host: 'elsewhere', pid: 8, purpose: 'x', since: '' }
  const holder = leave(cluster, 'silent', 2, [before])
  const taken = await lockOf('silent').acquire(request('one'))
  assert.ok(taken.ok)
  if (!taken.ok) return
  assert.equal(taken.value.takenFrom, [before, holder])
  await taken.value.lease.release()
})

on('is left to who renews it, however old its times look', async ({ cluster }) => {
  leave(cluster, 'renewed', 4)
  const leases = cluster.api.type('leases')
  let beat = 0
  const timer = setInterval(() => {
    const lease = cluster.api.store.get(leases, 'vital-ops.shop0000.renewed.lock', 'ops')
    const { resourceVersion: _, ...metadata } = lease.metadata
    beat += 1
    const spec = { ...lease.spec, renewTime: `2026-01-01T00:00:00.00000${beat % 10}Z` }
    cluster.api.store.update(leases, { ...lease, metadata: metadata as typeof lease.metadata, spec })
  }, 300)
  const refused = await lockOf('renewed').acquire(request('one'))
  clearInterval(timer)
  assert.is(refused.ok ? '' : refused.failures[0].outcome, 'locked')
})

on('is lost when somebody else is written in it', async ({ cluster }) => {
  const taken = await lockOf('stolen', 1_500).acquire(request('one'))
  assert.ok(taken.ok)
  if (!taken.ok) return
  const { lease } = taken.value
  cluster.api.remove(cluster.api.type('leases'), 'vital-ops.shop0000.stolen.lock', 'ops')
  leave(cluster, 'stolen', 60)
  await until(() => lease.lost.aborted, { what: 'the loss of the lock', deadline: 60_000 })
  assert.is(await lease.prove(10), false)
})

on('outlives an API server that refuses, loses answers or connections', async ({ cluster }) => {
  const puts = (method: string, path: string) => method === 'PUT' && path.endsWith('faulty.lock')
  const held: Lease[] = []
  for (const fault of [
    { kind: 'refuse' as const, refusal: tooManyRequests },
    { kind: 'refuse' as const, refusal: internalError },
    { kind: 'refuse' as const, refusal: conflictOnce },
    { kind: 'close' as const },
    { kind: 'lose-answer' as const },
  ]) {
    const taken = await lockOf('faulty').acquire(request('one'))
    assert.ok(taken.ok, JSON.stringify(taken))
    if (!taken.ok) return
    cluster.faults.push({ times: 1, matches: puts, ...fault })
    assert.ok(await taken.value.lease.prove(40_000), fault.kind)
    assert.is(taken.value.lease.lost.aborted, false)
    assert.is(
      cluster.faults.every(({ times }) => times === 0),
      true,
      'the fault was met',
    )
    await taken.value.lease.release()
    held.push(taken.value.lease)
  }
  note(`${held.length} faults outlived`)
})

on('is shared by those who change nothing, and keeps everybody else out until the last has gone', async () => {
  const lock = lockOf('shared')
  const runs = ['one', 'two', 'three', 'four']
  const taken = await Promise.all(runs.map((run) => lock.acquire(request(run, 'shared'))))
  const leases = taken.flatMap((answer) => (answer.ok ? [answer.value.lease] : []))
  assert.is(leases.length, runs.length, JSON.stringify(taken))
  const proofs = await Promise.all(leases.map((lease) => lease.prove(30_000)))
  assert.equal(proofs, [true, true, true, true])
  for (const lease of leases) {
    const refused = await lock.acquire(request('deploy'))
    assert.is(refused.ok ? 'taken' : refused.failures[0].outcome, 'locked', JSON.stringify(refused))
    assert.match(refused.ok ? '' : (refused.failures[0].why ?? ''), /a shared lock/)
    assert.is(lease.lost.aborted, false)
    await lease.release()
  }
  const alone = await lock.acquire(request('deploy'))
  assert.ok(alone.ok, JSON.stringify(alone))
  assert.equal(alone.ok && alone.value.takenFrom, [])
  const refused = await lock.acquire(request('backup', 'shared'))
  assert.is(refused.ok ? '' : refused.failures[0].outcome, 'locked')
  if (alone.ok) await alone.value.lease.release()
  note(`${runs.length} share it`)
})

on('goes over from silent sharers, with the work of each of them', async ({ cluster }) => {
  const lock = lockOf('deserted')
  const taken = await lock.acquire(request('here', 'shared'))
  assert.ok(taken.ok)
  if (!taken.ok) return
  const leases = cluster.api.type('leases')
  const name = 'vital-ops.shop0000.deserted.lock'
  const beside = cluster.api.store.get(leases, name, 'ops')
  const told = JSON.parse(beside.metadata.annotations?.[label.holder] ?? '')
  await taken.value.lease.release()
  const away = { ...told.sharers[0], holder: { ...told.holder, run: 'away', host: 'elsewhere' } }
  away.standing = { process: { pid: 7, startTime: 1, bootId: 'other' }, namespaces: 'x', machine: 'other' }
  away.beat = '2026-01-01T00:00:00.000000Z'
  away.seconds = 2
  const { metadata } = cluster.api.store.get(leases, name, 'ops')
  const annotations = {
    ...metadata.annotations,
    [label.holder]: JSON.stringify({ ...told, holder: away.holder, standing: away.standing, sharers: [away] }),
  }
  cluster.api.store.update(leases, {
    ...beside,
    metadata: { ...metadata, annotations },
    spec: { ...beside.spec, holderIdentity: 'away' },
  })
  const next = await lock.acquire(request('deploy'))
  assert.ok(next.ok, JSON.stringify(next))
  if (!next.ok) return
  assert.equal(
    next.value.takenFrom.map(({ run }) => run),
    ['away'],
  )
  await next.value.lease.release()
})

on.run()
