import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { namesOf } from '../../lib/execute/fault.ts'
import { newRunId, openJournal } from '../../lib/execute/journal.ts'
import { journalPath, logPath, runId, runsFolder } from '../../lib/execute/run-record.ts'
import {
  isUnfinished,
  listRuns,
  pruneRuns,
  type Run,
  readRun,
  runIds,
  settleRun,
  unfinishedRuns,
} from '../../lib/execute/runs.ts'
import { run, start, temporaryFolder, until } from '../support/index.ts'
import { step } from './support/plans.ts'
import { bundleScript } from './support/script.ts'

const root = temporaryFolder()
const newFolder = () => mkdtempSync(join(root, 'w-'))
const script = await bundleScript('test/execute/support/run-plan.ts')

const openFor = (ops: string, said: string[] = [], id?: string) =>
  openJournal({
    ops,
    ...(id ? { run: id } : {}),
    operation: 'deploy',
    arguments: { environment: 'dev', revision: 'v1' },
    environment: 'dev',
    warn: (text) => said.push(text),
  })

const states = (found: Run | undefined) => found?.ops.map(({ id, state }) => `${id} ${state}`)

test("a run's ids sort by time and differ", () => {
  const ids = [
    '2026-11-20T09:59:59.999Z',
    '2026-11-20T10:00:00.000Z',
    '2026-11-20T10:00:00.001Z',
    '2027-01-01T00:00:00Z',
  ].map((at) => runId(new Date(at), 'abcdef'))
  assert.equal([...ids].sort(), ids)
  assert.is(ids[0], '20261120-095959-999-abcdef')
  assert.is.not(newRunId(), newRunId())
})

test('a journal is read as it was written, private to its user, and ends the run', async () => {
  const ops = join(newFolder(), '.ops')
  const journal = await openFor(ops)
  const running = await readRun(ops, journal.run)
  assert.is(running?.state, 'running')
  assert.equal(running?.header?.arguments, { environment: 'dev', revision: 'v1' })
  assert.is(running?.header?.process.pid, process.pid)
  await journal.record({ type: 'plan-fixed', plan: 1, operation: 'deploy', digest: 'd', ops: ['a', 'b', 'c', 'd'] })
  await journal.record({ type: 'op-started', op: step('a'), plan: 1 })
  await journal.record({ type: 'op-ended', op: 'a', plan: 1, end: 'done', durationMs: 1 })
  await journal.record({ type: 'op-started', op: step('b'), plan: 1 })
  await journal.record({ type: 'op-ended', op: 'b', plan: 1, end: 'failed', durationMs: 1 })
  await journal.record({ type: 'op-started', op: step('c'), plan: 1 })
  assert.equal(states(await readRun(ops, journal.run)), ['a done', 'b not-done', 'c begun', 'd not-done'])
  await journal.record({ type: 'op-started', op: step('a'), plan: 2 })
  assert.equal(states(await readRun(ops, journal.run))?.at(-1), 'a begun')
  await journal.record({ type: 'run-ended', run: journal.run, outcome: 'rolledBack', durationMs: 12 })
  await journal.close()
  const ended = await readRun(ops, journal.run)
  assert.is(ended?.state, 'ended')
  assert.is(ended?.outcome, 'rolledBack')
  assert.equal(
    ended?.entries.map(({ seq }) => seq),
    [1, 2, 3, 4, 5, 6, 7, 8, 9],
  )
  assert.is(statSync(journalPath(ops, journal.run)).mode & 0o077, 0)
  assert.is(statSync(runsFolder(ops)).mode & 0o077, 0)
})

test('a torn last line is passed over; a damaged journal is reported and not thrown', async () => {
  const ops = join(newFolder(), '.ops')
  const journal = await openFor(ops)
  await journal.record({ type: 'message', level: 'info', text: 'kept' })
  await journal.close()
  const path = journalPath(ops, journal.run)
  const size = statSync(path).size
  appendFileSync(path, '{"seq":3,"at":"2026-11-20T10:00:00.000Z","type":"run-en')
  const torn = await readRun(ops, journal.run)
  assert.is(torn?.entries.length, 2)
  assert.is(torn?.state, 'running', 'this process lives')
  truncateSync(path, size)
  appendFileSync(path, 'garbage\n{"seq":4,"at":"x","type":"message"}\n')
  assert.is((await readRun(ops, journal.run))?.damage?.code, 'journal-damaged')
  assert.is(await readRun(ops, '20200101-000000-000-000000'), undefined)
  assert.is((await listRuns(ops)).length, 1)
})

test('the folder of a run that is deleted under it: it goes on, and says so once', async () => {
  const ops = join(newFolder(), '.ops')
  const said: string[] = []
  const journal = await openFor(ops, said)
  journal.log('build:api', 'before')
  rmSync(join(runsFolder(ops), journal.run), { recursive: true })
  for (const text of ['one', 'two']) {
    assert.is(await journal.record({ type: 'message', level: 'info', text }), undefined)
    journal.log('build:api', text)
    journal.log('build:web', text)
    await journal.endLog('build:web')
  }
  await journal.close()
  assert.is(said.length, 1)
  assert.match(said[0] ?? '', /was deleted; it goes on/)
  assert.equal(await runIds(ops), [])
})

test('output of children goes to a file for each op, also where names are unfit for files', async () => {
  const ops = join(newFolder(), '.ops')
  const journal = await openFor(ops)
  const names = [
    'build:api',
    'build/api',
    'build-api',
    '../../escape',
    'x'.repeat(400),
    `${'x'.repeat(399)}y`,
    'ü\ud800',
  ]
  for (const name of names) {
    journal.log(name, `out of ${name.length}`)
    journal.log(name, 'second line')
  }
  await Promise.all(names.map((name) => journal.endLog(name)))
  await journal.close()
  const paths = names.map((name) => logPath(ops, journal.run, name))
  assert.is(new Set(paths).size, names.length)
  for (const [index, path] of paths.entries()) {
    assert.is(readFileSync(path, 'utf8'), `out of ${names[index]?.length}\nsecond line\n`)
    assert.ok(path.startsWith(join(runsFolder(ops), journal.run, 'logs', '')))
  }
})

test('killed at each entry: the journal says which op was begun and which was done, and the run is unfinished', async () => {
  const undisturbed = newFolder()
  assert.is((await run(['node', script, undisturbed])).status, 0)
  const [whole] = await listRuns(join(undisturbed, '.ops'))
  assert.is(whole?.state, 'ended')
  const points = whole?.entries.flatMap(({ seq }) => [`${seq}:before`, `${seq}:after`]) ?? []
  assert.is(points.length, 18)
  points.push('two:before', 'two:effect', 'two:after', '1/two:effect', 'plan-fixed:after', 'run-ended:before')
  const expected: Record<string, { effects: string; ops: string[]; unfinished: boolean }> = {
    'two:before': { effects: 'one', ops: ['one done', 'two begun', 'three not-done'], unfinished: true },
    'two:effect': { effects: 'one two', ops: ['one done', 'two begun', 'three not-done'], unfinished: true },
    '1/two:effect': { effects: 'one two', ops: ['one done', 'two begun', 'three not-done'], unfinished: true },
    'two:after': { effects: 'one two', ops: ['one done', 'two done', 'three not-done'], unfinished: true },
    'plan-fixed:after': { effects: '', ops: ['one not-done', 'two not-done', 'three not-done'], unfinished: false },
    'run-ended:before': { effects: 'one two three', ops: ['one done', 'two done', 'three done'], unfinished: false },
  }
  for (const point of points) {
    const folder = newFolder()
    const { signal, stderr } = await run(['node', script, folder], { env: { OPS_FAULT: point } })
    assert.is(signal, 'SIGKILL', `${point}: ${stderr}`)
    const ops = join(folder, '.ops')
    const [dead] = await listRuns(ops)
    const effects = existsSync(join(folder, 'effects')) ? readFileSync(join(folder, 'effects'), 'utf8') : ''
    const done = effects.split('\n').filter(Boolean)
    for (const op of dead?.ops ?? []) {
      if (op.state === 'done') assert.ok(done.includes(op.id), `${point}: ${op.id} is done by the journal alone`)
      if (op.state === 'not-done') assert.not.ok(done.includes(op.id), `${point}: ${op.id} was done unsaid`)
    }
    const wanted = expected[point]
    if (wanted) {
      assert.is(done.join(' '), wanted.effects, point)
      assert.equal(states(dead), wanted.ops, point)
      assert.is((await unfinishedRuns(ops, 'dev', undefined)).length > 0, wanted.unfinished, point)
      assert.is((await unfinishedRuns(ops, 'staging', undefined)).length, 0)
    }
  }
})

test('names of points: an op has three, other entries two, all have their number', () => {
  const op = { id: 'start:api', plan: 2 }
  assert.equal(namesOf({ seq: 5, type: 'op-started', op, phase: 'before' }), ['5:before'])
  assert.equal(namesOf({ seq: 5, type: 'op-started', op, phase: 'after' }), [
    '5:after',
    'start:api:before',
    '2/start:api:before',
  ])
  assert.equal(namesOf({ seq: 6, type: 'op-ended', op, phase: 'before' })[1], 'start:api:effect')
  assert.equal(namesOf({ seq: 6, type: 'op-ended', op, phase: 'after' })[1], 'start:api:after')
  assert.equal(namesOf({ seq: 7, type: 'release-closed', phase: 'before' }), ['7:before', 'release-closed:before'])
})

test('a live run of another process is running; killed it is dead; settled it is not reported again', async () => {
  const folder = newFolder()
  const ops = join(folder, '.ops')
  const killed = await run(['node', script, folder], { env: { OPS_FAULT: 'two:effect' } })
  assert.is(killed.signal, 'SIGKILL')
  const [dead] = await unfinishedRuns(ops, 'dev', undefined)
  assert.is(dead?.state, 'dead')
  assert.not.ok(isUnfinished(dead as Run, { ...holder, run: dead?.run ?? '' }), 'it still holds the lock')
  await settleRun(ops, dead as Run, 'run-2', 'superseded')
  assert.equal(await unfinishedRuns(ops, 'dev', undefined), [])
  const settled = await readRun(ops, dead?.run ?? '')
  assert.is(settled?.settled?.by, 'run-2')
  assert.is(settled?.state, 'dead')

  const other = start(['node', '-e', 'setTimeout(() => {}, 60000)'])
  try {
    const journal = await openFor(ops)
    await journal.close()
    const path = journalPath(ops, journal.run)
    const { identify } = await import('../../lib/system/process-identity.ts')
    const identity = await until(() => identify(other.pid), { what: 'the process' })
    const [line] = readFileSync(path, 'utf8').split('\n') as [string]
    const write = (change: object) => {
      rmSync(path)
      appendFileSync(path, `${JSON.stringify({ ...JSON.parse(line), ...change })}\n`)
    }
    write({ process: identity })
    assert.is((await readRun(ops, journal.run))?.state, 'running')
    write({ process: { ...identity, startTime: '1' } })
    assert.is((await readRun(ops, journal.run))?.state, 'dead', 'another process has its pid')
    write({ process: identity, host: 'another-machine' })
    assert.is((await readRun(ops, journal.run))?.state, 'elsewhere')
  } finally {
    other.child.kill('SIGKILL')
  }
})

const holder = { run: 'x', user: 'ada', host: 'h', pid: 1, purpose: 'deploy', since: '2026-11-20T10:00:00.000Z' }

test('old runs are removed, but none that lives or left work', async () => {
  const folder = newFolder()
  const ops = join(folder, '.ops')
  assert.is((await run(['node', script, folder], { env: { OPS_FAULT: 'one:effect' } })).signal, 'SIGKILL')
  const [unfinished] = await runIds(ops)
  const live = await openFor(ops)
  const ended: string[] = []
  for (let index = 0; index < 5; index += 1) {
    const journal = await openFor(ops, [], `20990101-00000${index}-000-000000`)
    await journal.record({ type: 'run-ended', run: journal.run, outcome: 'done', durationMs: 1 })
    await journal.close()
    ended.push(journal.run)
  }
  assert.equal(await pruneRuns(ops), [])
  assert.equal(await pruneRuns(ops, 2), ended.slice(0, 3))
  assert.equal(await runIds(ops), [unfinished, live.run, ...ended.slice(3)])
  await live.close()
})

test.run()
