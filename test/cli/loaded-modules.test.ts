import { readFileSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { repository, task, until } from '../support/index.ts'
import { folderWith } from '../support/workspace.ts'

const folder = folderWith({
  'Taskfile.ts': `import { choice, task } from 'vital-ops'
export const nothing = task({ description: 'Nothing', args: { channel: choice(['beta', 'stable']).optional() }, run() {} })`,
  'hook.cjs': `process.on('exit', () => require('node:fs').writeFileSync(process.env.LOADED, JSON.stringify({ files: Object.keys(require.cache), modules: process.moduleLoadList })))`,
})

/** The files and the modules of Node that a command has loaded; what Node itself loads before is there, too. */
async function loaded(...argv: string[]): Promise<{ files: string[]; modules: string[]; stdout: string }> {
  const file = join(folder, 'loaded.json')
  const env = { LOADED: file, NODE_OPTIONS: `--require=${join(folder, 'hook.cjs')}` }
  const { stdout, stderr, status } = await task(argv, { cwd: folder, env })
  assert.equal([stderr, status], ['', 0])
  const { files, modules } = JSON.parse(readFileSync(file, 'utf8'))
  const own = files.filter((path: string) => !path.endsWith('hook.cjs')).map((path: string) => path.replace(/.*\//, ''))
  return { files: own, modules: modules.map((name: string) => name.replace(/^\w+ (?:Binding )?/, '')), stdout }
}

/** Until the listing is used: while a file is younger than two seconds, its content is compared. */
async function settle(): Promise<void> {
  utimesSync(join(folder, 'Taskfile.ts'), new Date(0), new Date(0))
  await until(async () => (await loaded('--list')).files.join() === 'start.cjs', {
    what: 'the listing to be used',
  })
}

const slow =
  /^(?:crypto|child_process|net|tty|http|internal\/modules\/esm\/loader|stream|fs\/promises|readline|perf_hooks)$/

test('list, help, completion and version load one module, and nothing of Node that is slow', async () => {
  await settle()
  for (const [argv, answer] of [
    [['--list'], /nothing {2}Nothing/],
    [['--list', '--json'], /"name":"nothing"/],
    [['--help'], /usage: task/],
    [['help', 'nothing'], /--channel <beta\|stable>/],
    [['--version'], /vital-ops \d/],
    [['__complete', '--', 'no'], /^nothing\tNothing\n$/],
    [['__complete', '--', 'nothing', '--channel', ''], /^beta\nstable\n$/],
  ] as const) {
    const { files, modules, stdout } = await loaded(...argv)
    assert.match(stdout, answer)
    assert.equal(files, ['start.cjs'], argv.join(' '))
    assert.equal(
      modules.filter((name) => slow.test(name)),
      [],
      argv.join(' '),
    )
  }
})

test('a task that only computes loads no package, and nothing of Node that is slow', async () => {
  await settle()
  await loaded('nothing')
  const { files, modules } = await loaded('nothing')
  assert.equal(
    files.filter((file) => !/^[\w-]+\.cjs$/.test(file)),
    [],
  )
  assert.equal(
    modules.filter((name) => slow.test(name)),
    [],
  )
})

test('what is answered from the listing is what the command itself answers', async () => {
  await settle()
  for (const argv of [
    ['--list'],
    ['--list', '--json'],
    ['help', 'nothing'],
    ['--help', 'nothing'],
    ['--version'],
    ['--help'],
    ['--version', '--json'],
    ['help', 'nothing', '--json'],
    ['--json', 'help', 'nothing'],
  ]) {
    const fast = await task(argv, { cwd: folder })
    // A flag that only the command itself knows.
    const slow = await task(['--jobs', '1', ...argv], { cwd: folder })
    assert.equal(fast, slow, argv.join(' '))
  }
})

test('a task that is up to date loads no package, nor what starts processes', async () => {
  const own = folderWith({
    'input.txt': 'a',
    'Taskfile.ts': `import { writeFileSync } from 'node:fs'
import { task } from 'vital-ops'
export const made = task({ inputs: ['input.txt'], outputs: ['made.txt'], run() { writeFileSync('made.txt', 'b') } })`,
    'hook.cjs': readFileSync(join(folder, 'hook.cjs'), 'utf8'),
  })
  const file = join(own, 'loaded')
  const env = { LOADED: file, NODE_OPTIONS: `--require=${join(own, 'hook.cjs')}` }
  await task(['made'], { cwd: own })
  assert.match((await task(['made'], { cwd: own, env })).stderr, /✔ up to date/)
  const { files, modules } = JSON.parse(readFileSync(file, 'utf8'))
  assert.equal(
    files.filter((path: string) => path.includes('/node_modules/')),
    [],
  )
  assert.equal(
    modules.filter((name: string) =>
      /^NativeModule (?:child_process|net|http|internal\/modules\/esm\/loader)$/.test(name),
    ),
    [],
  )
})

test('there is one of everything, whoever asks for it and by which way', async () => {
  const own = folderWith({
    'Taskfile.ts': `import { createRequire } from 'node:module'
import { FailureError, task } from 'vital-ops'
const require = createRequire(import.meta.url)
export const same = task({
  async run({ $ }) {
    const common = require(${JSON.stringify(join(repository, 'dist', 'index.cjs'))})
    const module = await import(${JSON.stringify(join(repository, 'dist', 'index.js'))})
    const failed = await $\`exit 3\`.nothrow()
    return [common.task === task, module.task === task, common.FailureError === FailureError, failed.exitCode]
  },
  render: (result) => JSON.stringify(result),
})`,
  })
  assert.is((await task(['same'], { cwd: own })).stdout, '[true,true,true,3]\n')
})

test('zx is loaded by the first helper that is used, and by no command', async () => {
  const own = folderWith({
    'Taskfile.ts': `import { task } from 'vital-ops'
import { fs, glob, retry, sleep, YAML } from 'vital-ops/zx'
export const command = task({ run: async ({ $ }) => (await $\`echo \${'a b'}\`.quiet()).stdout, render: (text) => String(text) })
export const helpers = task({
  async run() {
    await sleep(1)
    await fs.writeJson('made.json', { a: 1 })
    let tries = 0
    const third = await retry(5, async () => { tries += 1; if (tries < 3) throw new Error('again'); return tries })
    return { files: await glob('*.json'), third, yaml: YAML.stringify({ a: 1 }) }
  },
  render: (result) => JSON.stringify(result),
})`,
    'hook.cjs': readFileSync(join(folder, 'hook.cjs'), 'utf8'),
  })
  const file = join(own, 'loaded')
  const env = { LOADED: file, NODE_OPTIONS: `--require=${join(own, 'hook.cjs')}` }
  assert.is((await task(['command'], { cwd: own, env })).stdout, 'a b\n')
  const command = JSON.parse(readFileSync(file, 'utf8'))
  assert.equal(
    command.files.filter((path: string) => /node_modules\/(?!esbuild|acorn)/.test(path)),
    [],
  )
  const helpers = await task(['helpers'], { cwd: own, env })
  assert.equal(
    [helpers.stderr, JSON.parse(helpers.stdout || 'null')],
    ['', { files: ['made.json'], third: 3, yaml: 'a: 1\n' }],
  )
  const second = JSON.parse(readFileSync(file, 'utf8'))
  assert.ok(second.files.some((path: string) => path.includes('node_modules/zx/')))
})

test.run()
