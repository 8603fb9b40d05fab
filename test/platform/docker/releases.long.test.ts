import { randomBytes } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FailureError } from '../../../lib/model/failure.ts'
import type { Release } from '../../../lib/model/release.ts'
import { dockerEngine, type Engine } from '../../../lib/platform/docker/engine.ts'
import { dockerReleases } from '../../../lib/platform/docker/releases.ts'
import { packFiles } from '../../../lib/platform/docker/releases-archive.ts'
import { releasesName } from '../../../lib/platform/docker/releases-volume.ts'
import { engine, startEngine } from '../../support/docker.ts'
import { note, timeLimit } from '../../support/index.ts'

timeLimit(240_000)
const { host, docker } = await engine()
const docked = dockerEngine({ host })
const id = `vor-${randomBytes(4).toString('hex')}`
const owners: string[] = []

function newOwner(environment = 'dev') {
  const workspaceId = `${id}-${owners.length}`
  owners.push(workspaceId)
  return { workspaceName: 'stats', workspaceId, environment }
}

const release = (number: number, change: Partial<Release> = {}): Release => ({
  version: 1,
  number,
  workspace: { name: 'stats', id: 'w1' },
  environment: 'dev',
  platform: 'docker',
  created: '2026-11-20T10:00:00.000Z',
  by: 'ada ü',
  run: `run-${number}`,
  revision: 'main',
  commit: 'c'.repeat(40),
  services: [
    {
      service: 'api',
      fingerprint: { command: 'abc' },
      dependencies: [{ service: 'postgres', optional: false }],
      spec: {
        service: 'api',
        source: { kind: 'release', release: number },
        directory: 'services/api',
        environment: { URL: ['postgres://', { secret: 'PASSWORD', digest: 'd1' }, '@postgres'] },
        ports: { http: 8080 },
        restart: 'always',
        stopSignal: 'SIGTERM',
        graceMs: 1000,
        oneShot: false,
        health: { probes: [], intervalMs: 1000, passes: 2, deadlineMs: 10_000, watchMs: 0 },
      },
    },
  ],
  hooks: { afterHealthy: [{ task: 'warm', timeoutMs: 1000, onError: 'warn', repeatable: true }] },
  schema: [{ version: '001', name: 'first', sha256: 's', effect: 'expand' }],
  outcome: 'pending',
  ...change,
})

const codeOf = async (work: Promise<unknown>): Promise<string | undefined> => {
  try {
    await work
    return undefined
  } catch (error) {
    assert.instance(error, FailureError)
    return (error as FailureError).failures[0]?.code
  }
}

test('looking makes nothing; a record is read as it was written, by another clone too', async () => {
  const owner = newOwner()
  const store = dockerReleases(docked, owner)
  assert.equal(await store.list(), [])
  assert.is(await store.current(), undefined)
  assert.equal(await store.effects(1), [])
  const all = ['--filter', `label=vital-ops.workspace=${owner.workspaceId}`]
  assert.is(await docker(['ps', '--all', '--quiet', ...all]), '')
  assert.is(await docker(['volume', 'ls', '--quiet', ...all]), '')
  await store.open(release(1))
  assert.is(await docker(['volume', 'ls', '--quiet', ...all]), releasesName(owner))
  assert.equal(await dockerReleases(docked, owner).list(), [release(1)])
  await store.close(1, { outcome: 'healthy', ended: '2026-11-20T10:01:00.000Z' })
  await store.setCurrent(1, 'run-1')
  await store.close(1, { outcome: 'healthy', left: { at: 'later', run: 'run-2', to: 3 } })
  const other = dockerReleases(docked, owner)
  assert.equal(await other.list(), [
    release(1, { outcome: 'healthy', ended: '2026-11-20T10:01:00.000Z', left: { at: 'later', run: 'run-2', to: 3 } }),
  ])
  assert.is(await other.current(), 1)
  assert.equal(other.findings(), [])
})

test('a number that is taken is refused, and so is what is not there', async () => {
  const owner = newOwner()
  const [one, two] = [dockerReleases(docked, owner), dockerReleases(docked, owner)]
  await one.open(release(1))
  assert.is(await codeOf(two.open(release(1, { run: 'run-other' }))), 'release-number-taken')
  assert.equal(await two.list(), [release(1)])
  assert.is(await codeOf(two.close(2, { outcome: 'healthy' })), 'no-such-release')
  await two.setCurrent(1, 'run-1')
  assert.is(await codeOf(one.remove([1])), 'release-is-current')
})

test('effects come back in their order, also when several are written at once', async () => {
  const owner = newOwner()
  const store = dockerReleases(docked, owner)
  await store.open(release(1))
  const effects = [1, 2, 3].map((number) => ({ op: `hook:${number}`, ended: 'done' as const, at: `t${number}` }))
  await Promise.all(effects.map((effect) => store.recordEffect(1, effect)))
  await store.close(1, { outcome: 'healthy' })
  assert.equal(await dockerReleases(docked, owner).effects(1), effects)
})

test('the newest healthy release is current when the pointer was not written, and one left by a rollback is not', async () => {
  const store = dockerReleases(docked, newOwner())
  for (const number of [1, 2]) {
    await store.open(release(number))
    await store.close(number, { outcome: 'healthy' })
  }
  assert.is(await store.current(), 2)
  await store.close(2, { outcome: 'healthy', left: { at: 't', run: 'r', to: 1 } })
  await store.setCurrent(1, 'r')
  assert.is(await store.current(), 1)
  await store.setCurrent(2, 'r2')
  assert.equal((await store.list())[1]?.left, undefined)
})

test('a write that is cut off anywhere leaves what was there before, which is said', async () => {
  const owner = newOwner()
  const store = dockerReleases(docked, owner)
  await store.open(release(1))
  const name = releasesName(owner)
  const whole = await packFiles([{ name: 'slot-1.0', content: `${'0'.repeat(64)} 2\n${'x'.repeat(200_000)}` }])
  let cut = 0
  for (const at of [300, 512, 700, 100_000, whole.length]) {
    // The docker command ends in the middle of its input, as when its process is killed.
    await docked.run(['cp', '-', `${name}:/releases`], { input: whole.subarray(0, at) })
    const seen = dockerReleases(docked, owner)
    assert.equal(await seen.list(), [release(1)], `cut at ${at}`)
    cut += seen.findings().filter(({ rule }) => rule === 'release-record-cut-off').length
  }
  assert.ok(cut >= 2, `said ${cut} times`)
  await store.close(1, { outcome: 'healthy' })
  assert.equal(await store.list(), [release(1, { outcome: 'healthy' })])
  assert.equal(store.findings(), [])
})

test('a record of another environment, and one that is damaged, are left out and said', async () => {
  const owner = newOwner()
  const store = dockerReleases(docked, owner)
  await store.open(release(1))
  await store.open(release(2, { environment: 'production' })).catch(() => {})
  await store.open(release(3))
  const rubbish = await packFiles(['slot-3.0', 'slot-3.1'].map((name) => ({ name, content: 'rubbish' })))
  await docker(['cp', '-', `${releasesName(owner)}:/releases`], { input: rubbish.toString('latin1') })
  const seen = dockerReleases(docked, owner)
  assert.equal(
    (await seen.list()).map(({ number }) => number),
    [1],
  )
  const messages = seen.findings().map(({ message }) => message)
  assert.is(messages.length, 2, messages.join('\n'))
  assert.match(messages.join('\n'), /release 2 is left out.*it is of production/)
  assert.match(messages.join('\n'), /damaged in both/)
})

test('releases that come and go leave a handful of files', async () => {
  const owner = newOwner()
  const store = dockerReleases(docked, owner)
  for (let number = 1; number <= 8; number += 1) {
    await store.open(release(number))
    await store.close(number, { outcome: 'healthy' })
    await store.setCurrent(number, 'r')
    await store.remove([number - 2])
  }
  assert.equal(
    (await store.list()).map(({ number }) => number),
    [7, 8],
  )
  const archive = await docked.checked(['cp', `${releasesName(owner)}:/releases`, '-'])
  const names = archive.ok ? [...archive.value.matchAll(/releases\/[\w.-]+/g)].map(([name]) => name) : []
  assert.ok(names.length > 0 && new Set(names).size <= 10, names.join(' '))
})

test('workspaces of one name, and environments, have releases of their own', async () => {
  const [one, two, staging] = [newOwner(), newOwner(), { ...newOwner('staging') }]
  await dockerReleases(docked, one).open(release(1))
  assert.equal(await dockerReleases(docked, two).list(), [])
  assert.equal(await dockerReleases(docked, staging).list(), [])
  assert.equal(await dockerReleases(docked, { ...one, environment: 'staging' }).list(), [])
})

test('docker system prune -af takes neither the records nor the way to them', async () => {
  const own = await startEngine()
  try {
    const pruned = dockerEngine({ host: own.host })
    const owner = newOwner()
    const store = dockerReleases(pruned, owner)
    await store.open(release(1))
    await own.docker(['system', 'prune', '--all', '--force'])
    assert.is(await own.docker(['ps', '--all', '--quiet']), '')
    await store.close(1, { outcome: 'healthy' })
    await own.docker(['system', 'prune', '--all', '--force'])
    assert.equal(await store.list(), [release(1, { outcome: 'healthy' })])
  } finally {
    await own.end()
  }
})

test('all records of twenty releases of fifty services are read in one call', async () => {
  const calls: string[] = []
  const counting: Engine = {
    ...docked,
    checked: (args, options) => {
      calls.push(args[0] as string)
      return docked.checked(args, options)
    },
  }
  const store = dockerReleases(counting, newOwner())
  const [service] = release(1).services
  const services = Array.from({ length: 50 }, (_, index) => ({
    ...(service as NonNullable<typeof service>),
    service: `s${index}`,
    fingerprint: { configuration: 'x'.repeat(2000) },
  }))
  for (let number = 1; number <= 20; number += 1) await store.open(release(number, { services }))
  calls.length = 0
  const begun = performance.now()
  const [list, current] = await Promise.all([store.list(), store.current()])
  note(`20 releases of 50 services read in ${Math.round(performance.now() - begun)} ms`)
  assert.is(list.length, 20)
  assert.is(current, undefined)
  assert.equal(calls, ['cp'])
})

test.after(async () => {
  for (const owner of owners) {
    const filter = ['--filter', `label=vital-ops.workspace=${owner}`]
    for (const found of (await docker(['ps', '--all', '--quiet', ...filter])).split('\n').filter(Boolean)) {
      await docker(['rm', '--force', found])
    }
    for (const found of (await docker(['volume', 'ls', '--quiet', ...filter])).split('\n').filter(Boolean)) {
      await docker(['volume', 'rm', found])
    }
  }
})

test.run()
