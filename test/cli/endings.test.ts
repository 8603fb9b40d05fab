import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Ended, repository, run, task } from '../support/index.ts'
import { folderWith, writeFiles } from '../support/workspace.ts'

const folder = folderWith({
  'Taskfile.ts': `import { FailureError, finish, flag, task } from 'vital-ops'
export const seven = task({ run: async ({ $ }) => void (await $\`exit 7\`) })
export const killed = task({ run: async ({ $ }) => void (await $\`kill -9 $$\`) })
export const quiet = task({ run: async ({ $ }) => void (await $({ quiet: true })\`echo shown at the end >&2; exit 3\`) })
export const needs = task({ needs: { seven }, run() {} })
export const calls = task({ run: ({ run }) => run(seven) })
export const throws = task({ run() { throw new TypeError('no such thing') } })
export const failure = task({
  run() { throw new FailureError({ code: 'locked', message: 'held by ada', next: ['task runs'], outcome: 'locked' }) },
})
export const finished = task({
  args: { json: flag() },
  run: () => finish('rolledBack', { release: 3 }, [{ code: 'gate-failed', message: 'api was not healthy', service: 'api' }]),
  render: ({ release }) => 'release ' + release,
})
export const result = task({ run: () => ({ big: 5n, map: new Map([['a', 1]]), set: new Set([2]) }) })
export const badRender = task({ run: () => 5, render() { throw new Error('in render') } })
export const prints = task({ run: async ({ $, log }) => { log('talk'); await $\`echo out; echo err >&2\` } })
export const nested = task({ needs: { prints }, run: ({ run }) => run(prints) })
export const asks = task({ confirm: 'Really?', needs: { prints }, run() {} })
export const open = task({ run() { setInterval(() => {}, 1000) } })
export const binary = task({ run: async ({ $ }) => void (await $\`printf '\\\\377\\\\000x'\`) })
export const forgotten = task({ run({ $, signal }) { void $\`exit 9\`; return new Promise((done) => signal.addEventListener('abort', done)) } })
export const timer = task({ run({ signal }) { setTimeout(() => { throw new Error('later') }, 5); return new Promise((done) => signal.addEventListener('abort', done)) } })
export const noFolder = task({ run: async ({ $ }) => void (await $({ cwd: '/nowhere' })\`pwd\`) })
export const tooLong = task({ run: async ({ $ }) => void (await $\`echo \${'x'.repeat(200_000)}\`) })
export const noProgram = task({ run: async ({ $ }) => void (await $\`no-such-program\`) })
export const talks = task({ run: async ({ $ }) => { console.log('printed'); await $({ stdio: 'inherit' })\`echo inherited\` } })
export const stuck = task({ run: () => new Promise(() => {}) })
export const floating = task({ async run({ $ }) { void $\`sleep 600\`.catch(() => {}) } })
`,
})

const bin = join(repository, 'bin', 'task')

const at = (argv: string[], options = {}): Promise<Ended> => task(argv, { cwd: folder, ...options })

const line = (name: string): { number: number; text: string } => {
  const lines = readFileSync(join(folder, 'Taskfile.ts'), 'utf8').split('\n')
  const number = lines.findIndex((one) => one.startsWith(`export const ${name} `)) + 1
  return { number, text: lines[number - 1] as string }
}

test('trap 12: the exit status of a task is that of its failing command, with the line that started it', async () => {
  const { number, text } = line('seven')
  const column = text.indexOf('$`') + 1
  for (const name of ['seven', 'calls']) {
    const { stdout, stderr, status } = await at([name])
    assert.is(status, 7)
    assert.is(stdout, '')
    assert.ok(
      stderr.endsWith(
        `error: task seven: exit 7 ended with status 7\n  at Taskfile.ts:${number}:${column}\n    ${number} | ${text}\n      | ${' '.repeat(column - 1)}^\n`,
      ),
      stderr,
    )
  }
  assert.is((await at(['needs'])).status, 7)
})

test('trap 12: death by a signal is never success', async () => {
  const { status, stderr } = await at(['killed'])
  assert.is(status, 137)
  assert.match(stderr, /task killed: kill -9 \$\$ was ended by SIGKILL/)
})

test('the last lines of a command that was not shown are shown when it fails', async () => {
  const { status, stderr } = await at(['quiet'])
  assert.is(status, 3)
  assert.match(stderr, /\n {2}last lines:\n {4}shown at the end\n$/)
})

test('an error in a task has its place', async () => {
  const { number, text } = line('throws')
  const column = text.indexOf('new TypeError') + 1
  const { status, stderr } = await at(['throws'])
  assert.is(status, 1)
  assert.is(
    stderr,
    `error: task throws threw: TypeError: no such thing\n  at Taskfile.ts:${number}:${column}\n    ${number} | ${text}\n       | ${' '.repeat(column - 1)}^\n`.replace(
      '       |',
      `${' '.repeat(4 + String(number).length)} |`,
    ),
  )
})

test('expected failures keep their outcome', async () => {
  const { status, stdout, stderr } = await at(['failure'])
  assert.equal([status, stdout, stderr], [4, '', 'error: held by ada\n  next:\n    task runs\n'])
  const json = await at(['--json', 'failure'])
  assert.equal([json.status, json.stderr], [4, ''])
  assert.equal(JSON.parse(json.stdout), {
    task: 'failure',
    outcome: 'locked',
    exitCode: 4,
    failures: [{ code: 'locked', message: 'held by ada', next: ['task runs'], outcome: 'locked' }],
  })
})

test('a task that there is not, or a command, is told as JSON wherever that was asked for', async () => {
  const before = await at(['--json', 'nosuch'])
  const behind = await at(['nosuch', '--json'])
  assert.equal([before.status, behind.status], [2, 2])
  assert.is(JSON.parse(behind.stdout).failures[0].code, 'unknown-task')
  assert.is(behind.stdout, before.stdout)
  assert.is((await at(['nosuch', '--', '--json'])).stdout, '')
})

test('a result with an outcome is printed, and its failures', async () => {
  const { status, stdout, stderr } = await at(['finished'])
  assert.equal([status, stdout, stderr], [6, 'release 3\n', 'error: api: api was not healthy\n'])
  for (const argv of [
    ['--json', 'finished'],
    ['finished', '--json'],
  ]) {
    const json = await at(argv)
    assert.equal([json.status, json.stderr], [6, ''])
    assert.equal(JSON.parse(json.stdout), {
      task: 'finished',
      outcome: 'rolledBack',
      exitCode: 6,
      result: { release: 3 },
      failures: [{ code: 'gate-failed', message: 'api was not healthy', service: 'api' }],
    })
  }
})

test('results of all kinds become JSON', async () => {
  assert.equal(JSON.parse((await at(['--json', 'result'])).stdout).result, { big: '5', map: { a: 1 }, set: [2] })
})

test('a result that cannot be rendered is a failure of its task', async () => {
  const { status, stdout, stderr } = await at(['bad-render'])
  assert.equal([status, stdout], [1, ''])
  assert.match(stderr, /^error: task bad-render threw: in render\n {2}at Taskfile\.ts:/)
})

test('stdout is the result, stderr the talk', async () => {
  const plain = await at(['prints'])
  assert.equal([plain.status, plain.stdout, plain.stderr], [0, 'out\n', 'talk\n$ echo out; echo err >&2\nerr\n'])
  const json = await at(['--json', 'prints'])
  assert.equal(JSON.parse(json.stdout), { task: 'prints', outcome: 'done', exitCode: 0 })
  assert.is(json.stderr.split('\n').sort().join('\n'), '\n$ echo out; echo err >&2\nerr\nout\ntalk')
  const events = await at(['--output', 'json', 'prints'])
  const types = events.stderr
    .trim()
    .split('\n')
    .map((one) => JSON.parse(one).type)
  assert.is(types[0], 'tasks-planned')
  assert.is(types.at(-1), 'task-ended')
  assert.is(types.filter((type) => type === 'output').length, 2)
})

test('trap 14: one place is enough for tasks that need and call others', async () => {
  const { status, stdout } = await at(['-j1', 'nested'])
  assert.equal([status, stdout.split('\n').filter((one) => one.endsWith('out')).length], [0, 1])
})

test('trap 16: nobody to ask: nothing runs', async () => {
  const { status, stdout, stderr } = await at(['asks'])
  assert.equal([status, stdout], [3, ''])
  assert.is(
    stderr,
    'error: task asks asks before it runs, and there is no terminal to ask on: Really?\n  next:\n    task --yes asks\n',
  )
  for (const argv of [
    ['--yes', 'asks'],
    ['-y', 'asks'],
    ['asks', '--yes'],
  ]) {
    const ended = await at(argv)
    assert.is(ended.status, 0, ended.stderr)
    assert.is(ended.stdout, 'prints │ out\n')
  }
})

test('what a task leaves open does not keep the command', async () => {
  assert.is((await at(['open'], { timeout: 20_000 })).status, 0)
  const floating = await at(['floating'], { timeout: 20_000 })
  assert.is(floating.status, 0)
  assert.match(floating.stderr, /warning: ended a command that nobody waited for: .*sleep 600\n/)
})

test('bytes of a command are shown as they are', async () => {
  const { stdout } = await run(['bash', '-c', '"$0" "$1" binary 2>/dev/null | od -An -tx1', process.execPath, bin], {
    cwd: folder,
  })
  assert.is(stdout.trim(), 'ff 00 78')
})

test('what nobody awaits and fails ends the run, with its status', async () => {
  const forgotten = await at(['forgotten'], { timeout: 9000 })
  assert.is(forgotten.status, 9)
  assert.match(forgotten.stderr, /error: task forgotten: exit 9 ended with status 9\n {2}at Taskfile\.ts/)
  const timer = await at(['timer'], { timeout: 9000 })
  assert.is(timer.status, 1)
  assert.match(timer.stderr, /error: task timer threw: later\n {2}at Taskfile\.ts/)
})

test('a task that waits for what never happens is told', async () => {
  const { status, stderr } = await at(['stuck'])
  assert.is(status, 1)
  assert.match(stderr, /^error: a task waits for a promise that nothing can settle any more\n/)
  const json = await at(['--json', 'stuck'])
  assert.equal([json.status, JSON.parse(json.stdout).failures[0].code], [1, 'task-stuck'])
})

test('a command that cannot be started says why', async () => {
  const cases = [
    [
      'no-folder',
      1,
      /error: task no-folder: pwd could not be started\n {2}at Taskfile\.ts[\s\S]*why: there is no folder \/nowhere\n$/,
    ],
    [
      'too-long',
      1,
      /error: task too-long: echo x+… could not be started\n {2}at Taskfile\.ts[\s\S]*why: its text is longer than/,
    ],
    ['no-program', 127, /error: task no-program: no-such-program ended with status 127\n/],
  ] as const
  for (const [name, status, text] of cases) {
    const ended = await at([name])
    assert.is(ended.status, status)
    assert.match(ended.stderr, text)
  }
})

test('with --json, what tasks print by themselves goes to stderr', async () => {
  const json = await at(['--json', 'talks'])
  assert.equal(JSON.parse(json.stdout), { task: 'talks', outcome: 'done', exitCode: 0 })
  assert.match(json.stderr, /printed\n/)
  assert.match(json.stderr, /inherited\n/)
  assert.is((await at(['talks'])).stdout, 'printed\ninherited\n')
})

test('a broken Taskfile ends with 3, as text and as JSON', async () => {
  const broken = folderWith({ 'Taskfile.ts': 'export const x = = 1\n' })
  const text = await task(['--list'], { cwd: broken })
  assert.equal(
    [text.status, text.stdout, text.stderr],
    [3, '', 'error: Unexpected "="\n  at Taskfile.ts:1:18\n    1 | export const x = = 1\n      |                  ^\n'],
  )
  const json = await task(['--json', 'x'], { cwd: broken })
  const { outcome, failures } = JSON.parse(json.stdout)
  assert.equal(
    [json.status, outcome, failures[0].place],
    [3, 'unchanged', { file: join(broken, 'Taskfile.ts'), line: 1, column: 18 }],
  )
})

test('a package that moved is looked up again', async () => {
  const packageIn = (where: string, value: string) => ({
    [`${where}/p/package.json`]: '{ "name": "p", "type": "module", "exports": "./index.js" }',
    [`${where}/p/index.js`]: `export const n = "${value}"`,
  })
  const moved = folderWith({
    'ws/Taskfile.ts':
      "import { n } from '../shared/n.ts'\nimport { task } from 'vital-ops'\nexport const what = task({ run: () => n, render: (n) => n })",
    'shared/n.ts': "export { n } from 'p'",
    ...packageIn('shared/node_modules', 'first'),
  })
  assert.is((await task(['what'], { cwd: join(moved, 'ws') })).stdout, 'first\n')
  rmSync(join(moved, 'shared/node_modules'), { recursive: true })
  writeFiles(moved, packageIn('node_modules', 'second'))
  assert.is((await task(['what'], { cwd: join(moved, 'ws') })).stdout, 'second\n')
})

test.run()
