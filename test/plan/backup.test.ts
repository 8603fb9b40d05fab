import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { BackupManifest, BackupTarget, CatalogueEntry } from '../../lib/model/backup.ts'
import { environmentSchema } from '../../lib/model/environment.ts'
import { planBackup, planDrill } from '../../lib/plan/backup.ts'
import { planDeploy } from '../../lib/plan/deploy.ts'
import { renderPlan } from '../../lib/plan/render.ts'
import { planRestore } from '../../lib/plan/restore.ts'
import { deployed, desired, empty, migration, revised, up } from './world.ts'

const one = `age1${'q'.repeat(58)}`
const two = `age1${'p'.repeat(58)}`
/** An environment with a backup policy. */
function with_(backup: object, change: Parameters<typeof desired>[0] = {}) {
  const made = desired(change)
  const policy = environmentSchema.parse({ name: 'dev', platform: 'local', backup }).backup
  // Of folders only, as they are in the file.
  const backupTargets = policy.targets as [BackupTarget, ...BackupTarget[]]
  return { ...made, backupTargets, configuration: { ...made.configuration, backup: policy } }
}
const entry = (
  number: number,
  method: 'logical' | 'physical' = 'logical',
): CatalogueEntry & { manifest: BackupManifest } => ({
  number,
  state: 'complete',
  created: '2026-01-01T02:30:00.000Z',
  drills: [],
  verified: false,
  targets: ['/kept'],
  manifest: {
    format: 1,
    workspace: { name: 'stats', id: 'stats0000' },
    environment: 'dev',
    number,
    run: 'run-0',
    by: 'ann',
    reason: 'asked',
    created: '2026-01-01T02:30:00.000Z',
    finished: '2026-01-01T02:31:00.000Z',
    recipients: [],
    sources: [{ name: 'postgres', type: 'database', method, service: 'postgres', database: 'stats', server: '17.10' }],
    files: [],
    digest: 'd'.repeat(64),
  },
})
const rulesOf = (plan: { findings: { rule: string; severity: string }[] }) =>
  plan.findings.map(({ rule, severity }) => `${severity} ${rule}`)

test('a backup is logical where a client is new enough, else physical, and removes what the policy does not keep', () => {
  const policy = with_({ targets: [{ type: 'folder', path: '/kept' }], recipients: [one, two], keep: { last: 2 } })
  const entries = [1, 2, 3].map((number) => entry(number))
  assert.is(
    renderPlan(planBackup(policy, up(), { clients: [15, 17], entries })),
    [
      'backup dev: 2 changes',
      '  + backup  back up postgres (logical) to /kept, for 2 keys — asked for',
      '  - prune   prune backups 1, 2 — no rule of the policy keeps them',
    ].join('\n'),
  )
  const plan = planBackup(policy, up(), { clients: [15], entries: [] })
  assert.match(renderPlan(plan), 'back up postgres (physical) to /kept')
  assert.equal(rulesOf(plan), [])
})

test('what keeps a backup from being one is said beforehand', () => {
  const knowledge = { clients: [17], entries: [] }
  assert.equal(rulesOf(planBackup(with_({}), up(), knowledge)), ['warning backup-unencrypted'])
  assert.equal(rulesOf(planBackup(with_({ recipients: [one] }), up(), knowledge)), ['error no-recovery-key'])
  const aloud = with_({ recipients: [one], recoveryKey: false })
  assert.equal(rulesOf(planBackup(aloud, up(), knowledge)), ['warning no-recovery-key'])
  const asked = with_({ recipients: [one, two], sources: [{ type: 'database', method: 'logical' }] })
  assert.equal(rulesOf(planBackup(asked, up(), { clients: [15], entries: [] })), ['error no-client'])
  assert.equal(rulesOf(planBackup(asked, empty(), knowledge)), ['error database-not-ready'])
})

test('a restore backs up what it replaces, and switches last; into another name it replaces nothing', () => {
  const options = { entry: entry(4), roles: {}, noSafetyBackup: false, now: Date.UTC(2026, 0, 1, 5, 0) }
  const knowledge = { clients: [17], entries: [entry(4)] }
  const policy = with_({ recipients: [one, two], identity: 'key.txt' })
  const plan = planRestore(policy, up(), knowledge, options)
  assert.is(
    renderPlan(plan),
    [
      'restore dev: 3 changes',
      '  + backup            back up postgres (logical) to .ops/backups, for 2 keys — before the restore',
      '  + restore:postgres  restore backup 4 into the new database stats_restored on postgres, and compare — backup 4 of 2026-01-01 02:30',
      '  ! switch:postgres   rename stats_restored to stats on postgres; the old one is kept beside it — what was restored takes its place',
      '  note: backup 4 is 2h 30m old: what was written since is lost',
      '  note: it was never verified by a drill',
    ].join('\n'),
  )
  const beside = planRestore(policy, up(), knowledge, { ...options, into: 'other' })
  assert.equal(
    beside.ops.map(({ id, destructive }) => [id, destructive ?? false]),
    [['restore:postgres', false]],
  )
  const physical = planRestore(policy, up(), knowledge, { ...options, entry: entry(4, 'physical') })
  assert.equal(
    physical.ops.map(({ id }) => id),
    [
      'backup',
      'restore:postgres',
      'stop:postgres',
      'switch:postgres',
      'start:postgres',
      'gate:postgres',
      'ensure:postgres',
    ],
  )
  const aside = { ...options, entry: entry(4, 'physical'), into: 'other' }
  const copied = planRestore(policy, up(), { ...knowledge, clients: [99] }, aside)
  assert.equal(
    copied.ops.map(({ id, data }) => [id, (data as { copied?: boolean }).copied]),
    [['restore:postgres', true]],
  )
  const whole = planRestore(policy, up(), { ...knowledge, clients: [] }, aside)
  assert.ok(rulesOf(whole).includes('error restore-whole-only'))
})

test('a deploy takes a backup first where the policy says so, and before every breaking migration', () => {
  const options = { allowDirty: false, run: 'run-1', by: 'ann', at: '2026-01-02T03:04:05.000Z', clients: [17] }
  const idsOf = (wanted: ReturnType<typeof desired>, snapshot = up()) =>
    planDeploy(wanted, snapshot, options).ops.map(({ id }) => id)
  assert.not.ok(idsOf(desired()).includes('backup'))
  const policy = desired({ deploy: { backupFirst: true } })
  assert.equal(idsOf(policy).slice(0, 3), ['export', 'backup', 'build:api'])
  assert.equal(planDeploy(policy, up(), options).ops.find(({ id }) => id === 'build:api')?.after, ['backup'])
  // There is nothing yet that could be lost.
  assert.not.ok(idsOf(policy, empty()).includes('backup'))
  const base = desired()
  const breaking = {
    ...base,
    ...(base.database && {
      database: { ...base.database, migrations: [...base.database.migrations, migration('9', 'breaking')] },
    }),
  }
  const before = revised(deployed(up()), 'v2', { api: 'a2', worker: 'w1' })
  assert.ok(idsOf(breaking, before).includes('backup'))
  assert.not.ok(idsOf(base, before).includes('backup'))
})

test('a drill touches nothing of the environment', () => {
  const plan = planDrill(with_({}), { number: 3, digest: 'd' }, 'key.txt')
  assert.is(
    renderPlan(plan),
    'backup drill dev: 1 change\n  + drill  drill backup 3: restore it into a scratch server and compare — asked for\n  note: nothing of the environment is touched',
  )
})

test.run()
