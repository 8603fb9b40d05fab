import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FailureError } from '../../../lib/model/failure.ts'
import type { Release } from '../../../lib/model/release.ts'
import { localReleases } from '../../../lib/platform/local/releases.ts'
import { temporaryFolder } from '../../support/index.ts'

const root = temporaryFolder()
const newOps = () => mkdtempSync(join(root, 'w-'))

const release = (number: number, change: Partial<Release> = {}): Release => ({
  version: 1,
  number,
  workspace: { name: 'stats', id: 'w1' },
  environment: 'dev',
  platform: 'local',
  created: '2026-11-20T10:00:00.000Z',
  by: 'ada',
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
        command: ['node', 'server.js'],
        directory: 'services/api',
        environment: { URL: ['postgres://', { secret: 'PASSWORD', digest: 'd1' }, '@127.0.0.1'] },
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

test('a record is read as it was written, and of the later-known fields only those given change', async () => {
  const store = localReleases(newOps(), 'dev')
  assert.equal(await store.list(), [])
  assert.is(await store.current(), undefined)
  await store.open(release(1))
  assert.equal(await store.list(), [release(1)])
  await store.close(1, { outcome: 'healthy', ended: '2026-11-20T10:01:00.000Z' })
  await store.setCurrent(1, 'run-1')
  await store.close(1, { outcome: 'healthy', left: { at: 'later', run: 'run-2', to: 3 } })
  assert.equal(await store.list(), [
    release(1, {
      outcome: 'healthy',
      ended: '2026-11-20T10:01:00.000Z',
      left: { at: 'later', run: 'run-2', to: 3 },
    }),
  ])
  assert.is(await store.current(), 1)
})

test('of twenty that open the same number at once, exactly one does', async () => {
  const store = localReleases(newOps(), 'dev')
  const codes = await Promise.all(
    Array.from({ length: 20 }, (_, index) => codeOf(store.open(release(7, { by: `user-${index}` })))),
  )
  assert.is(codes.filter((code) => code === undefined).length, 1)
  assert.is(codes.filter((code) => code === 'release-number-taken').length, 19)
  assert.equal(readdirSync(store.folder(7)), ['release.json'], 'no temporary file is left')
})

test('releases are listed by number, not by name or time', async () => {
  const store = localReleases(newOps(), 'dev')
  for (const number of [10, 9, 100, 1]) await store.open(release(number))
  assert.equal(
    (await store.list()).map(({ number }) => number),
    [1, 9, 10, 100],
  )
})

test('torn, foreign and half-made records are left out, and the former two said', async () => {
  const ops = newOps()
  const store = localReleases(ops, 'dev')
  const put = (number: number, text: string) => {
    mkdirSync(store.folder(number), { recursive: true })
    writeFileSync(join(store.folder(number), 'release.json'), text)
  }
  await store.open(release(1))
  const whole = readFileSync(join(store.folder(1), 'release.json'), 'utf8')
  put(2, whole.slice(0, whole.length / 2))
  put(3, whole)
  put(4, JSON.stringify(release(4, { environment: 'production' })))
  put(5, JSON.stringify({ ...release(5), services: [{ service: 'api' }] }))
  put(6, '')
  mkdirSync(store.folder(7))
  mkdirSync(join(ops, 'releases', 'dev', 'notes'))
  assert.equal(
    (await store.list()).map(({ number }) => number),
    [1],
  )
  const findings = store.findings()
  assert.equal(
    findings.map(({ place }) => place?.file),
    [2, 3, 4, 5, 6].map((number) => join(store.folder(number), 'release.json')),
  )
  assert.match(findings[1]?.message ?? '', /of release 1/)
  assert.match(findings[2]?.message ?? '', /of production, not of dev/)
  assert.match(findings[3]?.message ?? '', /services\.0\.fingerprint/)
  assert.is(await codeOf(store.setCurrent(2, 'run')), 'release-record-unreadable')
  assert.is(await codeOf(store.close(7, { outcome: 'failed' })), 'no-such-release')
})

test('fields of a later version survive a rewrite', async () => {
  const store = localReleases(newOps(), 'dev')
  await store.open({ ...release(1), approvedBy: 'grace' } as Release)
  await store.close(1, { outcome: 'failed', cause: 'gate api' })
  const [kept] = await store.list()
  assert.is((kept as Release & { approvedBy?: string }).approvedBy, 'grace')
  assert.is(kept?.cause, 'gate api')
})

test('a release is removed with its folder at once; what a crash left of a removal is no release and is cleared', async () => {
  const ops = newOps()
  const store = localReleases(ops, 'dev')
  for (const number of [1, 2, 3]) await store.open(release(number))
  mkdirSync(join(store.folder(1), 'source'))
  writeFileSync(join(store.folder(1), 'source', 'big.txt'), 'x')
  await store.close(3, { outcome: 'healthy' })
  await store.setCurrent(3, 'run-3')
  mkdirSync(join(ops, 'releases', 'dev', '.removing-9-abcd', 'source'), { recursive: true })
  await store.remove([1, 8])
  assert.equal(readdirSync(join(ops, 'releases', 'dev')).sort(), ['2', '3', 'current.json'])
  assert.is(await codeOf(store.remove([3])), 'release-is-current')
  assert.equal(
    (await store.list()).map(({ number }) => number),
    [2, 3],
  )
})

test('a damaged pointer to the current release is derived from the records', async () => {
  const ops = newOps()
  const store = localReleases(ops, 'dev')
  const healthy = (number: number, change: Partial<Release> = {}) =>
    store.open(release(number, { outcome: 'healthy', ...change }))
  await healthy(1)
  await healthy(2)
  await healthy(3, { left: { at: 'x', run: 'r', to: 2 } })
  await store.open(release(4, { outcome: 'failed' }))
  writeFileSync(join(ops, 'releases', 'dev', 'current.json'), '{"release": ')
  assert.is(await store.current(), 2)
  assert.match(store.findings().at(-1)?.message ?? '', /by the records it is release 2/)
})

test('killed between the verdict and the pointer: the new release is current; after going to an older one it is not', async () => {
  const ops = newOps()
  const store = localReleases(ops, 'dev')
  const deploy = async (number: number) => {
    await store.open(release(number))
    await store.close(number, { outcome: 'healthy' })
  }
  await deploy(1)
  assert.is(await store.current(), 1, 'the first one, without a pointer')
  await store.setCurrent(1, 'run-1')
  for (const number of [2, 3, 4]) {
    await deploy(number)
    assert.is(await store.current(), number)
    await store.setCurrent(number, `run-${number}`)
  }
  await store.open(release(5))
  assert.is(await store.current(), 4, 'a pending one is not')
  await store.close(5, { outcome: 'failed' })
  assert.is(await store.current(), 4, 'a failed one is not')

  await store.close(4, { outcome: 'healthy', left: { at: 'now', run: 'run-6', to: 2 } })
  assert.is(await store.current(), 2, 'a rollback that was killed before it wrote the pointer')
  await store.setCurrent(2, 'run-6')
  assert.is(await store.current(), 2, 'although 3 is newer and healthy')
  await deploy(6)
  assert.is(await store.current(), 6)
})

test('a release that was left and is chosen again is current', async () => {
  const store = localReleases(newOps(), 'dev')
  for (const number of [1, 2, 3]) {
    await store.open(release(number))
    await store.close(number, { outcome: 'healthy' })
    await store.setCurrent(number, `run-${number}`)
  }
  await store.close(3, { outcome: 'healthy', left: { at: 'now', run: 'run-4', to: 2 } })
  await store.setCurrent(2, 'run-4')
  await store.setCurrent(3, 'run-5')
  assert.is(await store.current(), 3)
  assert.is((await store.list()).at(-1)?.left, undefined)
})

test('effects are kept in order, also when several end at once, and a torn end is passed over', async () => {
  const ops = newOps()
  const store = localReleases(ops, 'dev')
  await store.open(release(1))
  assert.equal(await store.effects(1), [])
  await Promise.all(
    Array.from({ length: 20 }, (_, index) => store.recordEffect(1, { op: `hook:${index}`, ended: 'done', at: 'now' })),
  )
  writeFileSync(join(store.folder(1), 'effects.jsonl'), '{"op":"hook:torn","en', { flag: 'a' })
  assert.equal(
    (await store.effects(1)).map(({ op }) => op),
    Array.from({ length: 20 }, (_, index) => `hook:${index}`),
  )
  await store.recordEffect(1, { op: 'hook:next', ended: 'failed', at: 'now' })
  assert.equal((await store.effects(1)).at(-1), { op: 'hook:next', ended: 'failed', at: 'now' })
})

test('environments do not see each other, also where one name begins with the other', async () => {
  const ops = newOps()
  await localReleases(ops, 'production').open(release(1, { environment: 'production' }))
  await localReleases(ops, 'production@local').open(release(5, { environment: 'production@local' }))
  const numbers = async (environment: string) => (await localReleases(ops, environment).list()).map((r) => r.number)
  assert.equal(await numbers('production'), [1])
  assert.equal(await numbers('production@local'), [5])
})

test.run()
