import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { repository, run, task } from '../support/index.ts'
import { folderWith } from '../support/workspace.ts'

const taskfile = `
import { choice, duration, flag, number, path, task, text } from 'vital-ops'

export const build = task({ description: 'Compile the application', async run({ $ }) { await $\`true\` } })
export const healthCheck = task({ description: 'Is it well?', aliases: ['hc'], run() {} })
export const secret = task({ description: 'Not shown', hidden: true, run() {} })
export const bare = task({ run() {} })
export const deploy = task({
  description: 'Deploy an environment\\nIn two lines.',
  group: 'operations',
  args: {
    environment: text().positional().describe('where to'),
    services: text().positional().repeated(),
    channel: choice(['beta', 'stable']).alias('c').describe('which one'),
    dryRun: flag().alias('n', 'plan').describe('show the plan and stop'),
    gate: flag().default(true).describe('wait for health'),
    wait: duration().default('30s').env('WAIT'),
    into: path().optional(),
    tag: text().repeated(),
    tries: number().default(3).describe('how often'),
  },
  needs: { build, healthCheck },
  run() {},
})
const up = task({ description: 'Start them', args: { names: text().positional().repeated() }, run() {} })
export const services = task({ description: 'Services', group: 'operations', commands: { up, stopAll: task({ run() {} }) }, defaultCommand: 'up' })
export default { db: { migrate: task({ description: 'Migrate', run() {} }) } }
`

const folder = folderWith({ 'Taskfile.ts': taskfile, 'deep/er/x': '', 'empty/Taskfile.ts': '', 'none/x': '' })

test('the list: groups, descriptions, commands; hidden tasks are left out', async () => {
  const expected = `  bare
  build         Compile the application
  health-check  Is it well?

db:
  db:migrate    Migrate

operations:
  deploy        Deploy an environment
  services      Services (up, stop-all)
`
  for (const argv of [['--list'], ['-l'], []]) {
    const { stdout, stderr, status } = await task(argv, { cwd: join(folder, 'deep/er') })
    assert.is(stdout, expected)
    assert.is(stderr, '')
    assert.is(status, 0)
  }
})

test('the list as JSON', async () => {
  const { stdout, stderr, status } = await task(['--list', '--json'], { cwd: folder })
  const listed = JSON.parse(stdout)
  assert.equal([stderr, status, listed.outcome, listed.exitCode], ['', 0, 'done', 0])
  assert.is(listed.taskfile, join(folder, 'Taskfile.ts'))
  assert.equal(
    listed.tasks.map(({ name }: { name: string }) => name),
    ['bare', 'build', 'db:migrate', 'deploy', 'health-check', 'services'],
  )
  const deploy = listed.tasks[3]
  assert.equal(deploy.arguments[2], {
    name: 'channel',
    kind: 'choice',
    description: 'which one',
    positional: false,
    required: true,
    repeated: false,
    aliases: ['c'],
    choices: ['beta', 'stable'],
  })
  assert.equal(deploy.needs, ['build', 'health-check'])
})

test('the help of a task, by three ways', async () => {
  const expected = `usage: task deploy [options] --channel <beta|stable> <environment> [<services>…]

Deploy an environment
In two lines.

arguments:
  <environment>  where to
  [<services>…]

options:
  -c, --channel <beta|stable>  which one (required)
  -n, --dry-run, --plan        show the plan and stop
      --[no-]gate              wait for health
      --wait <duration>        (default 30s, or $WAIT)
      --into <path>
      --tag <text>…
      --tries <number>         how often (default 3)

Runs first: build, health-check
`
  for (const argv of [
    ['help', 'deploy'],
    ['deploy', '--help'],
    ['--help', 'deploy'],
    ['deploy', 'dev', '-h'],
  ]) {
    const { stdout, stderr, status } = await task(argv, { cwd: folder })
    assert.is(stdout, expected, argv.join(' '))
    assert.is(stderr, '')
    assert.is(status, 0)
  }
})

test('the help of a task with commands, and of one of them', async () => {
  const group = await task(['services', '--help'], { cwd: folder })
  assert.is(
    group.stdout,
    `usage: task services [<command>] [arguments]

Services

commands:
  up        Start them
  stop-all

Without a command: up

task help services <command> shows the arguments of one.
`,
  )
  const command = await task(['services', 'up', '--help'], { cwd: folder })
  assert.is(command.stdout, 'usage: task services up [<names>…]\n\nStart them\n\narguments:\n  [<names>…]\n')
  assert.is((await task(['help', 'services', 'stopAll'], { cwd: folder })).stdout, 'usage: task services stop-all\n')
})

test('the help of the command itself needs no Taskfile', async () => {
  const help = await task(['--help'], { cwd: '/' })
  assert.is(help.status, 0)
  assert.match(help.stdout, /^usage: task \[options\] <task> \[arguments\]\n/)
  assert.match(help.stdout, /\n {2}-w, --workspace <path> /)
  assert.is((await task(['help'], { cwd: '/' })).stdout, help.stdout)
  const version = await task(['--version'], { cwd: '/' })
  assert.match(version.stdout, /^vital-ops \d+\.\d+\.\d+\n$/)
  assert.is(JSON.parse((await task(['--json', '--version'], { cwd: '/' })).stdout).outcome, 'done')
})

test('a Taskfile is named by its folder, its path, or the environment', async () => {
  for (const argv of [['--workspace', folder], [`--taskfile=${folder}/Taskfile.ts`], ['-w', folder, '--list']]) {
    const { stdout, status } = await task(argv, { cwd: '/' })
    assert.match(stdout, /build/)
    assert.is(status, 0)
  }
  assert.match((await task([], { cwd: '/', env: { OPS_WORKSPACE: folder } })).stdout, /build/)
  const none = await task([], { cwd: '/' })
  assert.is(none.status, 3)
  assert.is(
    none.stderr,
    'error: no Taskfile.ts in / or above it\n  next:\n    task --init\n    task --workspace DIR …\n',
  )
  const absent = await task(['--workspace', '/nowhere'], { cwd: '/' })
  assert.equal(
    [absent.status, absent.stdout, absent.stderr],
    [3, '', 'error: /nowhere does not exist\n  next:\n    task --init\n'],
  )
})

test('an empty Taskfile says so', async () => {
  const { stdout, status } = await task([], { cwd: join(folder, 'empty') })
  assert.equal([stdout, status], ['Taskfile.ts has no tasks yet: export one that is made by task({ … })\n', 0])
})

test('trap 13: a reader that goes away is no error', async () => {
  const many = Array.from(
    { length: 2000 },
    (_, n) => `export const t${n} = task({ description: '${'x'.repeat(100)}', run() {} })`,
  )
  const big = folderWith({ 'Taskfile.ts': `import { task } from 'vital-ops'\n${many.join('\n')}` })
  const bin = join(repository, 'bin', 'task')
  const { stdout, stderr, status } = await run(
    ['bash', '-c', 'set -o pipefail; "$0" "$1" --list | head -1', process.execPath, bin],
    { cwd: big },
  )
  assert.equal([stderr, status], ['', 0])
  assert.is(stdout, `  t0     ${'x'.repeat(100)}\n`)
})

test('colours are used where they are wanted', async () => {
  const sequence = '\u001B['
  const list = async (argv: string[], env: Record<string, string>) =>
    (await task(argv, { cwd: folder, env })).stdout.includes(sequence)
  assert.is(await list([], {}), false)
  assert.is(await list(['--color'], {}), true)
  assert.is(await list([], { FORCE_COLOR: '1' }), true)
  assert.is(await list([], { FORCE_COLOR: '1', NO_COLOR: '1' }), false)
  assert.is(await list(['--no-color'], { FORCE_COLOR: '1' }), false)
  assert.is(await list([], { FORCE_COLOR: '0' }), false)
})

test('help and list load no heavy package', async () => {
  const hook = folderWith({
    'hook.mjs': `import { appendFileSync } from 'node:fs'
      import { createRequire, register } from 'node:module'
      register('./loader.mjs', import.meta.url)
      const { cache } = createRequire(import.meta.url)
      process.on('exit', () => appendFileSync(process.env.LOADED, Object.keys(cache).join('\\n')))`,
    'loader.mjs': `import { appendFileSync } from 'node:fs'
      export async function load(url, context, next) { appendFileSync(process.env.LOADED, url + '\\n'); return next(url, context) }`,
  })
  await task([], { cwd: folder })
  for (const argv of [['--list'], ['--help'], ['help', 'deploy'], ['deploy'], ['nothing']]) {
    const loaded = join(hook, `loaded-${argv.join('-')}`)
    await task(argv, { cwd: folder, env: { LOADED: loaded, NODE_OPTIONS: `--import=${join(hook, 'hook.mjs')}` } })
    const urls = execFileSync('cat', [loaded], { encoding: 'utf8' })
    assert.match(urls, /dist\/start\.cjs/)
    const heavy = urls.match(/node_modules\/(@[^/]+\/)?[^/]+/g)
    assert.is(heavy, null, `${argv.join(' ')} loads ${heavy?.join(', ')}`)
  }
})

test.run()
