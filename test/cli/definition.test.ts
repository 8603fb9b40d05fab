import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTask, task, until } from '../support/index.ts'
import { folderWith } from '../support/workspace.ts'

const folder = folderWith({
  'one.env': 'A=one\nB=one\nC="c d"\n',
  'two.env': 'export B=two\nHOME=never\n',
  'broken.env': 'A=1\nnot a line\n',
  'sub/here.txt': '',
  'Taskfile.ts': `
import { task, text, choice } from 'vital-ops'
import { appendFileSync, existsSync } from 'node:fs'
const note = (name: string) => appendFileSync(process.env.NOTES ?? '/dev/null', name + '\\n')
const notes = (name: string) => ({ run: () => note(name) })

export const cleanup = task(notes('cleanup'))
export const failing = task({ finally: { cleanup }, run: async ({ $ }) => { note('failing'); await $\`exit 5\` } })
export const begins = task(notes('begins'))
export const breaks = task({ needs: { begins }, run: () => { throw new Error('no') } })
export const after = task({ needs: { breaks }, finally: { cleanup }, run: () => note('after') })
export const refused = task({ finally: { cleanup }, preconditions: [{ check: () => false, message: 'not today' }], run: () => note('refused') })
export const long = task({ finally: { slowCleanup: task({ run: async ({ $ }) => void (await $\`sleep 0.3; echo cleaned\`) }) }, run: async ({ $ }) => void (await $\`echo ready; sleep 600\`) })
export const badCleanup = task({ finally: { bad: task({ run: async ({ $ }) => void (await $\`exit 3\`) }) }, run: () => 'fine' })

export const flaky = task({ retry: { times: 3, backoff: '10ms' }, run: ({ attempt }) => { note('attempt ' + attempt); if (attempt < 3) throw new Error('not yet'); return attempt }, render: (n) => String(n) })
export const hopeless = task({ retry: { times: 1, backoff: '1ms' }, run: async ({ $ }) => { note('try'); await $\`exit 4\` } })

const enter = async () => { note('in'); await new Promise((done) => setTimeout(done, 60)); note('out') }
export const m1 = task({ mutex: 'port', run: enter })
export const m2 = task({ mutex: ['port', 'db'], run: enter })
export const m3 = task({ mutex: ['db', 'port'], run: enter })
const inner = task({ mutex: 'port', run: () => 'inner' })
export const nested = task({ mutex: 'port', run: ({ run }) => run(inner), render: (text) => text })
export const waiting = task({ mutex: 'held', run: async ({ $ }) => void (await $\`echo ready; while [ ! -e \${process.env.GO} ]; do sleep 0.05; done\`) })
export const held = task({ mutex: 'held', run: () => note('held') })

export const onCi = task({ needs: { begins }, when: ({ env }) => env.ON_CI === '1' || 'only on CI', run: () => 'ran' })
export const usesIt = task({ needs: { onCi }, run: ({ needs }) => needs.onCi ?? 'nothing', render: (text) => text })
export const elsewhere = task({ platforms: ['win32'], run: () => note('elsewhere') })
export const checked = task({
  needs: { refused },
  preconditions: [
    { check: ({ $ }) => $\`ls /nowhere\`, message: 'there is no /nowhere' },
    { check: ({ $ }) => $\`true\`, message: 'never' },
    { check: () => { throw new Error('because of this') }, message: ({ folder }) => 'broken in ' + folder.split('/').length },
  ],
  run: () => note('checked'),
})
export const old = task({ deprecated: 'use new', run: () => {} })
export const env = task({
  dotenv: ['one.env', 'absent.env', 'two.env'], environment: { D: 'own', E: undefined }, folder: 'sub',
  args: { b: text().env('B') },
  run: async ({ $, args, env }) => ({ lines: (await $({ quiet: true })\`echo $A; echo $B; echo "$C"; echo $D; echo \${process.env.HOME} | grep -c never || true; echo "[$(printenv E || echo unset)]"; ls\`).lines(), b: args.b, seen: env.A }),
})
export const brokenEnv = task({ dotenv: ['broken.env'], run: () => note('brokenEnv') })
export default { default: task(notes('default')) }
`,
})

let count = 0
async function runs(words: string[], env: Record<string, string> = {}) {
  const notes = join(folder, `notes-${++count}`)
  const ended = await task(words, { cwd: folder, env: { NOTES: notes, ...env } })
  return { ...ended, notes: existsSync(notes) ? readFileSync(notes, 'utf8').trimEnd().split('\n') : [] }
}

test('finally: after a failure of the task, and of what it needs', async () => {
  const own = await runs(['failing'])
  assert.is(own.status, 5, own.stderr)
  assert.equal(own.notes, ['failing', 'cleanup'])
  const need = await runs(['after'])
  assert.is(need.status, 1)
  assert.equal(need.notes, ['begins', 'cleanup'])
})

test('finally: nothing to end where nothing began; its own failure counts', async () => {
  const refused = await runs(['refused'])
  assert.is(refused.status, 3)
  assert.equal(refused.notes, [])
  assert.is((await runs(['bad-cleanup'])).status, 3)
})

test('finally: also after an interruption, and its commands run to their end', async () => {
  const running = startTask(['long'], { cwd: folder })
  await until(() => running.stdout().includes('ready'), { what: 'the task to be ready' })
  process.kill(running.pid, 'SIGINT')
  const ended = await running.ended
  assert.is(ended.status, 130, ended.stderr)
  assert.match(ended.stdout, /cleaned/)
})

test('retry: until it succeeds, or as often as it says, with the last status', async () => {
  const flaky = await runs(['flaky'])
  assert.is(flaky.status, 0, flaky.stderr)
  assert.equal(flaky.notes, ['attempt 1', 'attempt 2', 'attempt 3'])
  assert.match(flaky.stderr, /attempt 1 failed: not yet; again in \d+ms/)
  const hopeless = await runs(['hopeless'])
  assert.is(hopeless.status, 4)
  assert.equal(hopeless.notes, ['try', 'try'])
})

test('mutex: one at a time, in whatever order they are named', async () => {
  const { notes, status, stderr } = await runs(['-j4', 'm1', 'm2', 'm3'])
  assert.is(status, 0, stderr)
  assert.equal(notes, ['in', 'out', 'in', 'out', 'in', 'out'])
})

test('mutex: what a task calls may have what the task has', async () => {
  assert.is((await runs(['nested'])).stdout, 'inner\n')
})

test('mutex: across invocations; who waits says for whom; a killed holder does not keep it', async () => {
  const go = join(folder, `go-${++count}`)
  const holder = startTask(['waiting'], { cwd: folder, env: { GO: go } })
  await until(() => holder.stdout().includes('ready'), { what: 'the holder to be ready' })
  const notes = join(folder, `notes-${++count}`)
  const second = startTask(['held'], { cwd: folder, env: { NOTES: notes } })
  await until(() => /waits for "held", which `task waiting` has \(pid \d+/.test(second.stderr()), {
    what: 'it to say so',
  })
  assert.not(existsSync(notes))
  writeFileSync(go, '')
  assert.equal([(await holder.ended).status, (await second.ended).status], [0, 0])
  assert.ok(existsSync(notes))
  const killed = startTask(['waiting'], { cwd: folder, env: { GO: `${go}-never` } })
  await until(() => killed.stdout().includes('ready'), { what: 'the holder to be ready' })
  process.kill(killed.pid, 'SIGKILL')
  assert.is((await runs(['held'])).status, 0)
})

test('when: skipped with the reason, with what only it needs; who needs it gets undefined', async () => {
  const skipped = await runs(['on-ci'])
  assert.is(skipped.status, 0)
  assert.equal(skipped.notes, [])
  assert.match(skipped.stderr, 'skipped: only on CI')
  assert.is((await runs(['uses-it'])).stdout, 'nothing\n')
  const ran = await runs(['uses-it'], { ON_CI: '1' })
  assert.equal([ran.stdout, ran.notes], ['ran\n', ['begins']])
  assert.equal(JSON.parse((await runs(['--json', 'on-ci'])).stdout), {
    task: 'on-ci',
    outcome: 'done',
    exitCode: 0,
    skipped: 'only on CI',
  })
  const elsewhere = await runs(['elsewhere'])
  assert.match(elsewhere.stderr, /skipped: it is for win32, and this is \w+/)
  assert.equal([elsewhere.status, elsewhere.notes], [0, []])
})

test('preconditions: all that fail are told at once, before anything runs, with 3', async () => {
  const { status, stderr, notes } = await runs(['checked'])
  assert.is(status, 3)
  assert.equal(notes, [])
  assert.match(stderr, 'task refused: not today')
  assert.match(stderr, /task checked: there is no \/nowhere[\s\S]*ls: .*nowhere/)
  assert.match(stderr, /task checked: broken in \d[\s\S]*because of this/)
  assert.not.match(stderr, 'never')
})

test('deprecated: said where it runs, is listed and explained', async () => {
  assert.match((await runs(['old'])).stderr, 'old is deprecated: use new')
  assert.match((await runs(['--list'])).stdout, /^ {2}old +\(deprecated: use new\)$/m)
  assert.match((await runs(['help', 'old'])).stdout, '\nDeprecated: use new\n')
})

test('dotenv, environment and folder: what the commands get', async () => {
  const { stdout, stderr } = await runs(['--json', 'env'], { A: 'process' })
  assert.equal(JSON.parse(stdout || stderr).result, {
    lines: ['process', 'two', 'c d', 'own', '0', '[unset]', 'here.txt'],
    b: 'two',
    seen: 'process',
  })
  const broken = await runs(['broken-env'])
  assert.is(broken.status, 3)
  assert.match(broken.stderr, /broken\.env:2/)
})

test('a task that is called default runs as any other', async () => {
  assert.equal((await runs(['default'])).notes, ['default'])
})

test.run()
