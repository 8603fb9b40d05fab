import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { note, startTask, task, until } from '../support/index.ts'
import { folderWith } from '../support/workspace.ts'

const taskfile = `
import { task, text } from 'vital-ops'
export const noop = task({ async run() {} })
export const bad = task({ needs: { noop }, async run({ $, step }) { await step('counting', () => $\`seq -f 'line %g' 40\`); await $\`exit 7\` } })
export const slow = task({ async run({ $ }) { await $\`echo begun; sleep 600\` } })
export const long = task({ async run({ $ }) { await $\`seq -f 'a line of forty-one characters %010g' 300000; echo the end\` } })
export const secret = task({ async run({ $, conceal, log }) {
  conceal({ reveal: () => 'hunter22' } as never)
  await $\`echo the password is hunter22\`
  log.warn('hunter22 again')
} })
export const unkept = task({ record: false, async run() {} })
export const with_ = task({ aliases: ['with'], args: { token: text() }, async run({ args, conceal, log }) {
  conceal({ reveal: () => args.token } as never)
  log('hello')
} })
const says = (text: string) => task({ async run({ $ }) { await $\`echo \${text}; exit 5\` } })
const left = says('of the left')
const right = says('of the right')
export const both = task({ needs: { left, right }, async run() {} })
const leaf = () => task({ async run() {} })
export const many = task({ needs: Object.fromEntries(Array.from({ length: 3000 }, (_, i) => ['t' + i, leaf()])), async run() {} })
`
const folder = folderWith({ 'Taskfile.ts': taskfile })
const runsFolder = join(folder, '.ops', 'runs')
const ids = () => (existsSync(runsFolder) ? readdirSync(runsFolder).sort() : [])
const newest = () => join(runsFolder, ids().at(-1) ?? '')
const fresh = () => rmSync(runsFolder, { recursive: true, force: true })

const runs = suite('task runs')

runs.before.each(fresh)

runs('a task that fails beside others says its last lines at the end, and where all of them are', async () => {
  const { stderr, status } = await task(['bad'], { cwd: folder })
  assert.is(status, 7)
  const log = join('.ops', 'runs', ids()[0] ?? '', 'logs', 'bad.log')
  const shown = Array.from({ length: 18 }, (_, index) => `    line ${index + 23}\n`).join('')
  const end = `  last lines:\n${shown}    › counting`
  assert.ok(stderr.includes('error: task bad: exit 7 ended with status 7\n'), stderr)
  assert.ok(stderr.endsWith(`\n  log: ${log}\n`), stderr)
  assert.not.ok(stderr.includes(end))
  assert.match(stderr, / {2}last lines:\n {4}line 22\n( {4}line \d+\n)+ {4}\$ exit 7\n {2}log: /)
  const kept = readFileSync(join(folder, log), 'utf8')
  assert.match(kept, /^\$ seq -f 'line %g' 40\nline 1\n[\s\S]*line 40\n\$ exit 7\n$/)
  assert.is(statSync(join(folder, log)).mode & 0o777, 0o600)
})

runs('with --continue, each that failed says so for itself', async () => {
  const { stderr, status } = await task(['--continue', '--jobs', '1', 'both'], { cwd: folder })
  assert.ok(status !== 0)
  assert.match(stderr, /error: task left: [\s\S]*?last lines:\n( {4}.*\n)* {4}of the left\n {2}log: \S+left\.log\n/)
  assert.match(stderr, /error: task right: [\s\S]*?last lines:\n( {4}.*\n)* {4}of the right\n {2}log: \S+right\.log\n/)
})

runs('runs are listed and shown, also as JSON', async () => {
  await task(['noop'], { cwd: folder })
  await task(['bad'], { cwd: folder })
  const list = await task(['runs'], { cwd: folder })
  assert.match(
    list.stdout,
    /^run +operation +by +outcome +duration\n\S+ +task bad +\S+@\S+ +failed \(7\) +\S+\n\S+ +task noop +\S+ +done /,
  )
  const { result } = JSON.parse((await task(['runs', '--json', '--last', '1'], { cwd: folder })).stdout)
  assert.equal(
    result.runs.map(({ kind, argv, exitCode }: Record<string, unknown>) => ({ kind, argv, exitCode })),
    [{ kind: 'task', argv: ['bad'], exitCode: 7 }],
  )
  const show = await task(['runs', 'show', 'last'], { cwd: folder })
  assert.match(
    show.stdout,
    /: task bad by \S+, failed \(7\), \S+\ntask +start +took +state\nnoop +\+\S+ +\S+ +done\nbad +\+\S+ +\S+ +failed\nlogs:\n {2}bad: /,
  )
  const json = JSON.parse((await task(['runs', 'show', '1', '--json'], { cwd: folder })).stdout).result
  assert.equal(
    json.spans.map(({ task: name, state, needs, steps }: { steps: { title: string }[] } & Record<string, unknown>) => [
      name,
      state,
      needs,
      steps.map(({ title }) => title),
    ]),
    [
      ['noop', 'done', [], []],
      ['bad', 'failed', ['noop'], ['counting']],
    ],
  )
  const second = await task(['runs', 'show', '2'], { cwd: folder })
  assert.match(second.stdout, /: task noop by/)
  for (const wanted of ['3', '../../etc', '20260101-000000-000-t00000']) {
    const absent = await task(['runs', 'show', wanted], { cwd: folder })
    assert.is(absent.status, 2)
    assert.is(absent.stderr, `error: there is no run ${wanted} in this workspace\n  next:\n    task runs\n`)
  }
})

runs('kill -9 leaves what was written, and the run counts as killed', async () => {
  const running = startTask(['slow'], { cwd: folder })
  await until(() => readFileSync(join(newest(), 'logs', 'slow.log'), 'utf8').includes('begun\n'), { what: 'the log' })
  const going = await task(['runs'], { cwd: folder })
  assert.match(going.stdout, /task slow .* running\n/)
  running.child.kill('SIGKILL')
  await running.ended
  assert.match((await task(['runs'], { cwd: folder })).stdout, /task slow .* killed\n/)
  const { stdout } = await task(['runs', 'show', 'last'], { cwd: folder })
  assert.match(stdout, /slow +\+\S+ +killed\nlogs:\n {2}slow: \S+\/slow\.log\n$/)
})

runs('3,000 tasks that do nothing are one file', async () => {
  assert.is((await task(['--output=quiet', 'many'], { cwd: folder })).status, 0)
  assert.equal(readdirSync(newest()).sort(), ['events.jsonl', 'logs'])
  assert.equal(readdirSync(join(newest(), 'logs')), [])
  const events = readFileSync(join(newest(), 'events.jsonl'), 'utf8').trimEnd().split('\n')
  assert.is(events.length, 3000 + 1 + 3)
})

runs('no secret is kept, not even one of the command line', async () => {
  await task(['secret'], { cwd: folder })
  await task(['with', '--token', 'abc123def'], { cwd: folder })
  for (const id of ids()) {
    const files = readdirSync(join(runsFolder, id), { recursive: true, withFileTypes: true }).filter((one) =>
      one.isFile(),
    )
    assert.is(files.length, 2)
    for (const { parentPath, path, name } of files) {
      const text = readFileSync(join(parentPath ?? path, name), 'utf8')
      assert.not.match(text, /hunter22|abc123def/)
    }
  }
  assert.match(
    readFileSync(join(runsFolder, ids()[0] ?? '', 'logs', 'secret.log'), 'utf8'),
    /the password is \[redacted\]/,
  )
})

runs('of long output, the beginning and the end are kept', async () => {
  const { status } = await task(['--output=quiet', 'long'], { cwd: folder })
  assert.is(status, 0)
  const log = readFileSync(join(newest(), 'logs', 'long.log'), 'utf8')
  note(`12,600,007 bytes of output are a log of ${log.length} bytes`)
  assert.ok(log.length > 8_000_000 && log.length < 9_000_000, String(log.length))
  assert.match(log.slice(0, 200), /^\$ seq[^\n]*\na line/)
  assert.match(log.slice(-300_000), /\n… \d+ bytes left out …\n/)
  assert.match(log.slice(-40), /\nthe end\n$/)
})

runs('the newest 200 are kept, and few more; one that goes on, and operations, stay', async () => {
  const old = (number: number, end: string) => `20200101-000000-${String(number).padStart(3, '0')}-${end}`
  const made = Array.from({ length: 230 }, (_, index) => old(index, 't00000'))
  const operation = old(0, 'abcdef')
  for (const id of [...made, operation]) {
    mkdirSync(join(runsFolder, id), { recursive: true })
    writeFileSync(join(runsFolder, id, 'events.jsonl'), `{"type":"run-ended","at":1,"outcome":"done","exitCode":0}\n`)
  }
  const running = startTask(['slow'], { cwd: folder })
  await until(() => /"type":"process"/.test(readFileSync(join(newest(), 'events.jsonl'), 'utf8')), {
    what: 'the record',
  })
  const going = readFileSync(join(newest(), 'events.jsonl'), 'utf8')
  writeFileSync(join(runsFolder, made[0] ?? '', 'events.jsonl'), going)
  await task(['noop'], { cwd: folder })
  const left = ids()
  // The 200 newest, the oldest one (which says that it goes on), and the operation.
  assert.is(left.length, 202)
  assert.equal(left.slice(0, 3), [operation, made[0], made[32]].sort())
  running.child.kill('SIGTERM')
  await running.ended
})

runs('what cannot be kept does not keep a task from running; what is not to be kept is not', async () => {
  await task(['unkept'], { cwd: folder })
  assert.equal(ids(), [])
  writeFileSync(runsFolder, 'a file in the place of the folder')
  const { status, stderr } = await task(['bad'], { cwd: folder })
  assert.is(status, 7)
  assert.match(stderr, /last lines:\n/)
  assert.not.match(stderr, /log:/)
})

runs('a task of the Taskfile that is called runs is that task', async () => {
  const own = folderWith({
    'Taskfile.ts': `import { task } from 'vital-ops'\nexport const runs = task({ async run({ log }) { log('my own') } })`,
  })
  assert.is((await task(['runs'], { cwd: own })).stderr, 'my own\n')
})

runs.run()
