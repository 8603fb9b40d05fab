import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { unwrap } from '../../../lib/model/failure.ts'
import { parseCron } from '../../../lib/plan/schedule/cron.ts'
import { crontabLines } from '../../../lib/plan/schedule/crontab.ts'
import { backupCronJob } from '../../../lib/plan/schedule/kubernetes.ts'
import type { ScheduledCommand } from '../../../lib/plan/schedule/scheduled.ts'
import { systemdUnits } from '../../../lib/plan/schedule/systemd.ts'
import { run, skip, temporaryFolder } from '../../support/index.ts'

const odd = 'it\'s 100% "$HOME" \\ `id`'

const command = (folder: string): ScheduledCommand => ({
  name: 'shop-production-backup',
  description: 'Backup of shop production',
  folder,
  argv: ['/usr/bin/printf', '%s\\n', odd, 'plain'],
  path: '/usr/local/bin:/usr/bin',
})

test('a line of a crontab says to a shell what was meant', async () => {
  const folder = temporaryFolder()
  const [comment, line] = crontabLines(command(folder), '30 2 * * *').split('\n') as [string, string]
  assert.is(comment, '# Backup of shop production. Times are UTC: on a machine with another time zone, move them.')
  assert.ok(line.startsWith('30 2 * * * '))
  // As cron: what stands before an unescaped percent sign, and `\\%` is one.
  const forShell = line.slice('30 2 * * * '.length)
  assert.not.match(forShell.replaceAll('\\%', ''), '%')
  const { stdout } = await run(['/bin/sh', '-c', forShell.replaceAll('\\%', '%')])
  assert.is(stdout, `${odd}\nplain\n`)
})

test('the units are what systemd takes, with every word as it was', async () => {
  const folder = temporaryFolder()
  const units = systemdUnits(command('/srv/my shop'), unwrap(parseCron('30 2 * * 1')))
  assert.equal(Object.keys(units), ['shop-production-backup.service', 'shop-production-backup.timer'])
  for (const [name, content] of Object.entries(units)) writeFileSync(join(folder, name), content)
  assert.match(units['shop-production-backup.timer'] ?? '', '\nOnCalendar=Mon *-*-* 02:30:00 UTC\n')
  assert.match(units['shop-production-backup.service'] ?? '', '\nWorkingDirectory=/srv/my shop\n')
  const files = Object.keys(units).map((name) => join(folder, name))
  const { stderr, status } = await run(['systemd-analyze', 'verify', '--man=no', ...files]).catch(() =>
    skip('systemd-analyze is not installed'),
  )
  // Of what it says only what concerns these units.
  assert.equal(
    stderr.split('\n').filter((line) => line.includes('shop-production')),
    [],
  )
  assert.is(status, 0, stderr)
})

test('the cluster runs one backup at a time, without privileges, into a claim', () => {
  const made = backupCronJob({
    name: 'shop-production-backup',
    claim: 'shop-backups',
    namespace: 'shop',
    description: 'Backup of shop production',
    schedule: '30 2 * * *',
    image: 'registry.example.com/shop-ops:1.4',
    folder: '/workspace',
    argv: ['npx', 'task', 'backup', 'production'],
    secret: 'shop-production-env',
    volume: { path: '/workspace/.ops/backups', size: '20Gi' },
    labels: { 'app.kubernetes.io/name': 'shop' },
  })
  const claim = parse(made.claim ?? '')
  assert.is(claim.metadata.name, 'shop-backups')
  assert.equal(claim.spec, { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '20Gi' } } })
  const job = parse(made.job)
  assert.is(job.spec.schedule, '30 2 * * *')
  assert.is(job.spec.concurrencyPolicy, 'Forbid')
  const { spec } = job.spec.jobTemplate.spec.template
  assert.equal(spec.containers[0].command, ['npx', 'task', 'backup', 'production'])
  assert.is(spec.volumes[0].persistentVolumeClaim.claimName, claim.metadata.name)
  assert.is(spec.securityContext.runAsNonRoot, true)
  assert.equal(spec.containers[0].envFrom, [{ secretRef: { name: 'shop-production-env' } }])
})

test.run()
