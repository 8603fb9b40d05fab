import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { followWal, gapsIn } from '../../lib/backup/wal/coverage.ts'
import { nextSegment, parsePosition, parseSegment, segmentName, startOf } from '../../lib/backup/wal/segments.ts'
import type { BackupTarget } from '../../lib/model/backup.ts'
import { environmentSchema } from '../../lib/model/environment.ts'
import type { RestorableSpan, WalKnowledge } from '../../lib/model/wal.ts'
import { planBackup } from '../../lib/plan/backup.ts'
import { renderPlan } from '../../lib/plan/render.ts'
import { planServicesDown, planServicesUp } from '../../lib/plan/services.ts'
import { noSuchTime, planWalStop, receiverData, receiverFingerprint, spanOf, walPruneOps } from '../../lib/plan/wal.ts'
import { desired, up } from './world.ts'

const megabytes = 1024 * 1024
const sixteen = 16 * megabytes

/** An environment with a backup policy. */
function wanting(pointInTime: boolean | object) {
  const made = desired()
  const backup = environmentSchema.parse({ name: 'dev', platform: 'local', backup: { pointInTime } }).backup
  const backupTargets = backup.targets as [BackupTarget, ...BackupTarget[]]
  return { ...made, backupTargets, configuration: { ...made.configuration, backup } }
}
const wal = (more: Partial<WalKnowledge> = {}): WalKnowledge => ({ programs: [17], streams: new Map(), ...more })
const slot = { stream: 's2', active: true, lost: false, keptBytes: 0 }
const rulesOf = (plan: { findings: { rule: string; severity: string }[] }) =>
  plan.findings.map(({ rule, severity }) => `${severity} ${rule}`)

test('names of WAL files: their order, their next one, where they begin, for every size of file', () => {
  for (const size of [1, 16, 64, 1024].map((value) => value * megabytes)) {
    for (const index of [0, 1, 255, 256, 257, 4095, 4096, 1_000_000]) {
      const name = segmentName({ timeline: 3, index }, size)
      assert.equal(parseSegment(name, size), { timeline: 3, index })
      assert.is(nextSegment(name, size), segmentName({ timeline: 3, index: index + 1 }, size))
      assert.ok(nextSegment(name, size) > name)
      assert.is(startOf(name, size), BigInt(index) * BigInt(size))
    }
  }
  assert.is(nextSegment('0000000100000000000000FF', sixteen), '000000010000000100000000')
  assert.is(parsePosition('1/A0000028'), 0x1_a000_0028n)
  assert.is(parseSegment('00000002.history', sixteen), undefined)
})

test('what lies behind a backup, with and without a gap', () => {
  const base = { last: '000000010000000000000003', segmentBytes: sixteen }
  const name = (n: number) => `00000001000000000000000${n}`
  const partials = [`${name(6)}.partial-00000010`, `${name(6)}.partial-00002000`]
  assert.equal(followWal(base, { segments: [name(2), name(3), name(4), name(5)], partials }), {
    segments: [name(4), name(5)],
    partial: `${name(6)}.partial-00002000`,
  })
  assert.equal(followWal(base, { segments: [name(4), name(6)], partials: [] }), { segments: [name(4)], gap: name(5) })
  assert.equal(followWal(base, { segments: [], partials }), { segments: [], gap: name(4) })
  assert.equal(gapsIn([name(3), name(5), name(8)], `${name(9)}.partial-00000010`, sixteen), [name(4), name(6), name(7)])
  assert.equal(gapsIn([name(3), name(4)], undefined, sixteen), [])
})

test('a backup with point-in-time is physical, and starts what receives the WAL; one that works is left alone', () => {
  const policy = wanting({ every: '30s', keepAtMost: '1GB' })
  const first = planBackup(policy, up(), { clients: [17], entries: [], wal: wal() })
  assert.match(
    renderPlan(first),
    '+ receive-wal:postgres  receive the WAL of postgres into .ops/backups, what is not complete every 30.0s',
  )
  assert.match(renderPlan(first), 'back up postgres (physical)')
  const data = receiverData(policy)
  if (!data) throw new Error('the policy wants WAL')
  assert.is(data.keepBytes, 1024 ** 3)
  const running = up()
  running.services['postgres.wal'] = {
    ...(running.services.postgres as NonNullable<typeof running.services.postgres>),
    service: 'postgres.wal',
    fingerprint: receiverFingerprint(data),
  }
  assert.equal(
    planBackup(policy, running, { clients: [17], entries: [], wal: wal({ slot }) }).ops.map(({ kind }) => kind),
    ['take-backup'],
  )
  const changed = planBackup(wanting(true), running, { clients: [17], entries: [], wal: wal({ slot }) })
  assert.is(changed.ops[0]?.cause, 'configuration changed')
  const off = planBackup(wanting(false), running, { clients: [17], entries: [], wal: wal({ slot }) })
  assert.equal(
    off.ops.map(({ kind }) => kind),
    ['end-wal', 'take-backup'],
  )
  assert.equal(
    planWalStop(wanting(false), up(), wal({ slot })).ops.map(({ kind }) => kind),
    ['end-wal'],
  )
  const none = planBackup(policy, up(), { clients: [17], entries: [], wal: wal({ programs: [15] }) })
  assert.ok(rulesOf(none).includes('warning no-pg-receivewal'))
  assert.equal(
    none.ops.map(({ kind }) => kind),
    ['take-backup'],
  )
  // It ends before its server, and begins again behind it.
  assert.equal(
    planServicesDown(policy, running, { names: ['postgres'] }).ops.map(({ id, after }) => [id, after]),
    [
      ['stop:postgres.wal', []],
      ['stop:postgres', ['stop:postgres.wal']],
    ],
  )
  const stopped = up()
  delete stopped.services.postgres
  stopped.services['postgres.wal'] = { ...running.services['postgres.wal'], status: 'stopped' }
  const again = planServicesUp(policy, stopped, { names: ['postgres'], workingTree: false }).ops
  assert.is(again.at(-1)?.kind, 'receive-wal')
  assert.is(again.at(-1)?.after.length, 1)
})

test('WAL goes when no kept backup needs it: before the oldest of its stream, and whole streams but the current one', () => {
  const name = (n: number) => `00000001000000000000000${n}`
  const base = (number: number, stream: string, first: number) =>
    ({
      number,
      manifest: {
        sources: [
          {
            name: 'postgres',
            type: 'database',
            wal: { stream, first: name(first), last: name(first), segmentBytes: sixteen, stopped: '' },
          },
        ],
      },
    }) as unknown as Parameters<typeof walPruneOps>[2][number]
  const streams = new Map([
    ['s0', [name(1)]],
    ['s1', [name(1), name(2), name(3), name(4)]],
    ['s2', [name(1)]],
  ])
  const pruned = (expired: number[], more: Partial<WalKnowledge> = { slot }) =>
    walPruneOps(wanting(true), wal({ streams, ...more }), [base(1, 's1', 2), base(2, 's1', 4)], expired).flatMap(
      (op) => (op.kind === 'prune-wal' ? op.data.streams : []),
    )
  assert.equal(pruned([]), [
    { stream: 's0', before: null },
    { stream: 's1', before: name(2) },
  ])
  assert.equal(pruned([1]), [
    { stream: 's0', before: null },
    { stream: 's1', before: name(4) },
  ])
  assert.equal(pruned([1, 2]), [
    { stream: 's0', before: null },
    { stream: 's1', before: null },
  ])
  // Without an answer of the server the newest one stays.
  assert.equal(
    pruned([1, 2], {}).map(({ stream }) => stream),
    ['s0', 's1'],
  )
})

test('a time is reached from the newest backup before it; else the nearest ones are named', () => {
  const span = (backup: number, from: string, to: string): RestorableSpan => ({
    backup,
    stream: 's1',
    segmentBytes: sixteen,
    from: `2026-11-20T${from}:00.000Z`,
    to: `2026-11-20T${to}:00.000Z`,
    files: 1,
  })
  const spans = [span(1, '01:00', '03:00'), span(2, '02:00', '03:00'), span(3, '05:00', '06:00')]
  const at = (time: string) => `2026-11-20T${time}:00.000Z`
  assert.is(spanOf(spans, at('01:30'))?.backup, 1)
  assert.is(spanOf(spans, at('02:30'))?.backup, 2)
  assert.is(spanOf(spans, at('03:00'))?.backup, 2)
  assert.is(spanOf(spans, at('04:00')), undefined)
  assert.match(
    noSuchTime(spans, at('04:00'), 'dev').message,
    'the nearest possible times are 2026-11-20 03:00:00.000 UTC (backup 2) and 2026-11-20 05:00:00.000 UTC (backup 3)',
  )
  assert.match(noSuchTime([], at('04:00'), 'dev').message, 'no time of dev can be restored')
})

test.run()
