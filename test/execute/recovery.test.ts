import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  findUnfinished,
  leftovers,
  nextCommands,
  settle,
  type Unfinished,
  unfinishedFindings,
} from '../../lib/execute/recovery.ts'
import { runsFolder } from '../../lib/execute/run-record.ts'
import { runIds } from '../../lib/execute/runs.ts'
import type { Holder } from '../../lib/model/platform.ts'
import type { Release } from '../../lib/model/release.ts'
import { localReleases } from '../../lib/platform/local/releases.ts'
import { run, temporaryFolder } from '../support/index.ts'
import { bundleScript } from './support/script.ts'

const root = temporaryFolder()
const script = await bundleScript('test/execute/support/run-plan.ts')

const release = (number: number, by: string, change: Partial<Release> = {}): Release => ({
  version: 1,
  number,
  workspace: { name: 'stats', id: 'w1' },
  environment: 'dev',
  platform: 'local',
  created: '2026-11-20T10:00:00.000Z',
  by: 'ada',
  run: by,
  revision: 'v1.4',
  commit: 'c',
  services: [],
  hooks: {},
  schema: [],
  outcome: 'pending',
  ...change,
})

/** A workspace in which a deploy of release 3 was killed at a point; `release` as its deployer had opened it. */
async function killedAt(point: string) {
  const folder = mkdtempSync(join(root, 'w-'))
  const ops = join(folder, '.ops')
  assert.is((await run(['node', script, folder, 'release'], { env: { OPS_FAULT: point } })).signal, 'SIGKILL')
  const [id] = (await runIds(ops)) as [string]
  const releases = localReleases(ops, 'dev')
  await releases.open(release(2, 'run-before', { outcome: 'healthy' }))
  await releases.open(release(3, id))
  return { place: { ops, environment: 'dev', releases }, id }
}

const holder = (id: string): Holder => ({ run: id, user: 'ada', host: 'h', pid: 1, purpose: 'deploy', since: '' })

test('nothing is unfinished where nothing was begun', async () => {
  const ops = join(mkdtempSync(join(root, 'w-')), '.ops')
  const place = { ops, environment: 'dev', releases: localReleases(ops, 'dev') }
  assert.is(await findUnfinished(place, undefined), undefined)
})

test('a killed deploy is described: what it was, how far it got, what to type', async () => {
  const { place, id } = await killedAt('two:effect')
  const found = await findUnfinished(place, undefined)
  assert.ok(found)
  if (!found) return
  assert.equal(nextCommands(found), ['task resume dev', 'task abort dev'])
  const [finding, ...others] = unfinishedFindings(found)
  assert.is(others.length, 0, 'the release is told with its run')
  assert.is(finding?.severity, 'warning')
  assert.match(
    finding?.message ?? '',
    new RegExp(`^deploy dev of release 3 \\(v1\\.4\\) by .+ \\(run ${id}\\) ended without a word, last heard of at 2`),
  )
  assert.match(finding?.mend ?? '', /task resume dev/)
})

test('while the run holds the lock, it is at work and not unfinished', async () => {
  const { place, id } = await killedAt('two:effect')
  assert.is(await findUnfinished(place, holder(id)), undefined)
  assert.ok(await findUnfinished(place, holder('another')))
})

test('with the journal gone, the open release tells of it', async () => {
  const { place, id } = await killedAt('two:effect')
  rmSync(join(runsFolder(place.ops), id), { recursive: true })
  const found = await findUnfinished(place, undefined)
  assert.ok(found)
  if (!found) return
  assert.match(unfinishedFindings(found)[0]?.message ?? '', /^release 3 \(v1\.4\), begun by ada, was not finished$/)
  assert.is(unfinishedFindings(found).length, 1)
  assert.equal(
    leftovers([holder('gone')], found).map(({ run }) => run),
    ['gone'],
  )
})

test('what can be typed: a deploy is finished or gone back from, everything else is done again', () => {
  const unfinished = (environment: string, releases: Release[], operation = 'setup'): Unfinished => ({
    environment,
    releases,
    runs: [
      {
        run: 'r',
        state: 'dead',
        ops: [],
        openReleases: [],
        entries: [],
        header: {
          type: 'run-header',
          version: 1,
          run: 'r',
          operation,
          arguments: {},
          environment,
          user: 'ada',
          host: 'h',
          process: { pid: 1, startTime: '1', bootId: 'b' },
        },
      },
    ],
  })
  assert.equal(nextCommands(unfinished('production@local', [release(3, 'r')])), [
    'task resume production --platform local',
    'task abort production --platform local',
  ])
  assert.equal(nextCommands(unfinished('dev', [], 'setup')), ['task setup dev'])
  assert.equal(nextCommands(unfinished('dev', [], 'services up')), ['task services up -e dev'])
})

test('whose children are to be ended: holders that were taken over, and dead runs by their journals, each once', async () => {
  const { place, id } = await killedAt('two:effect')
  const found = await findUnfinished(place, undefined)
  assert.equal(
    leftovers([holder('other')], found).map(({ run, purpose }) => `${run} ${purpose}`),
    ['other deploy', `${id} deploy`],
  )
  assert.equal(
    leftovers([holder(id)], found).map(({ run }) => run),
    [id],
  )
})

test('superseded: the release is closed as failed, and neither it nor the run is reported again', async () => {
  const { place } = await killedAt('two:effect')
  const found = await findUnfinished(place, undefined)
  if (found) await settle(place, found, 'run-next', 'superseded')
  assert.is(await findUnfinished(place, undefined), undefined)
  const closed = (await place.releases.list()).at(-1)
  assert.is(closed?.outcome, 'failed')
  assert.match(closed?.cause ?? '', /superseded by run run-next/)
  assert.is((await place.releases.list())[0]?.outcome, 'healthy')
})

test('resumed: the release stays open for the run that goes on', async () => {
  const { place } = await killedAt('two:effect')
  const found = await findUnfinished(place, undefined)
  if (found) await settle(place, found, 'run-next', 'resumed')
  assert.is((await place.releases.list()).at(-1)?.outcome, 'pending')
  const again = await findUnfinished(place, undefined)
  assert.equal(again?.runs, [])
  assert.is(again?.releases.length, 1)
})

test.run()
