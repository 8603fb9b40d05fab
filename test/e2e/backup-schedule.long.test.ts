import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { expectExit, writeSecrets } from './deploys.ts'
import { makeWorld, type World } from './world.ts'

let world: World

test.before(async () => {
  world = await makeWorld()
  await writeSecrets(world, 'dev', { POSTGRES_PASSWORD: 'correct-horse-battery', GREETING: 'hello' })
})
test.after(() => world?.end())

const schedule = (...words: string[]) => ['backup', 'schedule', 'dev', ...words]

test('timers of systemd run a backup and a drill, at the times of the policy', async () => {
  const folder = join(world.folder, '../units')
  const text = await expectExit(0, world, schedule('--as', 'systemd', '--to', folder))
  const names = ['backup', 'drill'].flatMap((what) => [`shop-dev-${what}.service`, `shop-dev-${what}.timer`])
  assert.equal(readdirSync(folder).sort(), names)
  for (const name of names) assert.match(text, join(folder, name))
  const unit = (name: string) => readFileSync(join(folder, name), 'utf8')
  assert.match(unit('shop-dev-backup.timer'), '\nOnCalendar=*-*-* 02:30:00 UTC\n')
  assert.match(unit('shop-dev-drill.timer'), '\nOnCalendar=Sun *-*-* 04:00:00 UTC\n')
  assert.match(unit('shop-dev-drill.service'), /\nExecStart=\/\S+\/task backup drill dev\n/)
  assert.match(unit('shop-dev-backup.service'), `\nWorkingDirectory=${world.folder}\n`)
})

test('lines for cron are the result, and nothing else', async () => {
  const { stdout } = await world.task(schedule('--as', 'cron'))
  const lines = stdout.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  assert.is(lines.length, 2)
  assert.ok(lines[0]?.startsWith(`30 2 * * * cd ${world.folder} && env PATH=`), lines[0])
  assert.match(lines[1] ?? '', /^0 4 \* \* 0 .* backup drill dev$/)
})

test('a cluster needs an image; its jobs share one claim', async () => {
  const text = await expectExit(2, world, schedule('--as', 'kubernetes'))
  assert.match(text, 'error: --image is missing: a job of a cluster needs an image')
  const { result } = await world.json<{ result: { files: Record<string, string> } }>(
    schedule('--as', 'kubernetes', '--image', 'registry.example.com/ops:1', '--size', '5Gi'),
  )
  const { files } = result
  assert.equal(Object.keys(files).sort(), ['backup-job.yaml', 'backup-pvc.yaml', 'drill-job.yaml'])
  const claims = ['backup', 'drill'].map(
    (what) =>
      parse(files[`${what}-job.yaml`] ?? '').spec.jobTemplate.spec.template.spec.volumes[0].persistentVolumeClaim,
  )
  const { metadata, spec } = parse(files['backup-pvc.yaml'] ?? '')
  assert.equal(claims, [{ claimName: metadata.name }, { claimName: metadata.name }])
  assert.is(spec.resources.requests.storage, '5Gi')
})

test('a time that never comes is refused, with its field', async () => {
  const path = 'config/environments/dev.yaml'
  const before = readFileSync(join(world.folder, path), 'utf8')
  await world.write(path, `${before}backup: { schedule: '61 2 * * *' }\n`)
  const text = await expectExit(3, world, schedule('--as', 'cron'))
  assert.match(text, 'the minute "61": 61 is not between 0 and 59')
  await world.write(path, `${before}backup: { schedule: nightly }\n`)
  assert.match(
    await expectExit(3, world, schedule()),
    'expected minute, hour, day of the month, month, day of the week',
  )
  await world.write(path, before)
})

test.run()
