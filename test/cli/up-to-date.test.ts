import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTask, task, until } from '../support/index.ts'
import { folderWith, writeFiles } from '../support/workspace.ts'

const taskfile = `
import { choice, flag, task, text } from 'vital-ops'
import { shout } from './tools/shout.ts'
// Every run appends to runs/<task>: what did not run leaves no trace there.
const ran = ($, name) => $\`mkdir -p runs && echo ran >> runs/\${name}\`
export const build = task({
  inputs: ['src/**', '!src/**/*.md'], outputs: ['dist/**'], env: ['MODE'],
  args: { target: choice(['web', 'node']).default('web') },
  run: async ({ $, args }) => {
    await ran($, 'build')
    await $\`rm -rf dist && mkdir -p dist && cat $(find src -type f | sort) > dist/\${args.target}.js\`
    return { target: args.target, size: shout('x').length }
  },
})
export const slow = task({
  inputs: ['src/**'], outputs: ['dist/**'],
  run: async ({ $ }) => {
    await ran($, 'slow')
    await $\`rm -rf dist && mkdir -p dist && echo half > dist/out && touch begun\`
    await $\`while [ -e hold ]; do sleep 0.02; done; cat src/a.txt > dist/out\`
  },
})
export const asks = task({
  inputs: ['src/**'], confirm: 'Really?', args: { fail: flag() },
  run: async ({ $, args }) => {
    await ran($, 'asks')
    if (args.fail) await $\`exit 7\`
  },
})
export const lint = task({ inputs: ['src/**'], run: async ({ $ }) => void (await ran($, 'lint')) })
`

const files = {
  'Taskfile.ts': taskfile,
  'tools/shout.ts': 'export const shout = (word: string) => word.toUpperCase()\n',
  'src/a.txt': 'one\n',
  'src/b.txt': 'two\n',
}

/** A workspace of its own, and what its tests ask of it. */
function world() {
  const folder = folderWith(files)
  const path = (name: string) => join(folder, name)
  const runs = (name: string) =>
    existsSync(path(`runs/${name}`)) ? readFileSync(path(`runs/${name}`), 'utf8').split('\n').length - 1 : 0
  /** Runs a task well, and says how often its code ran. */
  const run = async (words: string[], env: Record<string, string> = {}) => {
    const name = words.find((word) => !word.startsWith('-')) as string
    const before = runs(name)
    const ended = await task(words, { cwd: folder, env })
    assert.is(ended.status, 0, ended.stderr)
    return runs(name) - before
  }
  const read = (name: string) => readFileSync(path(name), 'utf8')
  return { folder, path, run, runs, read }
}

test('what has not changed does not run again, and says so', async () => {
  const { run, folder } = world()
  assert.is(await run(['build']), 1)
  assert.is(await run(['build']), 0)
  const again = await task(['build'], { cwd: folder })
  assert.match(again.stderr, /✔ up to date/)
  assert.is(await run(['--force', 'build']), 1)
})

test('trap 1: a task that was killed with kill -9, or interrupted, runs again', async () => {
  for (const signal of ['SIGKILL', 'SIGINT'] as const) {
    const { folder, path, run, read } = world()
    writeFileSync(path('hold'), '')
    const running = startTask(['slow'], { cwd: folder })
    await until(() => existsSync(path('begun')), { what: 'partial output' })
    process.kill(running.pid, signal)
    await running.ended
    assert.is(read('dist/out'), 'half\n')
    rmSync(path('hold'))
    assert.is(await run(['slow']), 1)
    assert.is(read('dist/out'), 'one\n')
    assert.is(await run(['slow']), 0)
  }
})

test('trap 1: so does one that was up to date before it was killed', async () => {
  const { folder, path, run, read } = world()
  assert.is(await run(['slow']), 1)
  rmSync(path('begun'))
  writeFileSync(path('src/a.txt'), 'changed\n')
  writeFileSync(path('hold'), '')
  const running = startTask(['slow'], { cwd: folder })
  await until(() => existsSync(path('begun')), { what: 'partial output' })
  process.kill(running.pid, 'SIGKILL')
  await running.ended
  rmSync(path('hold'))
  assert.is(await run(['slow']), 1)
  assert.is(read('dist/out'), 'changed\n')
})

test('trap 2: what is declined, or fails, leaves nothing that would let it be skipped', async () => {
  const { folder, run, runs } = world()
  const declined = await task(['asks'], { cwd: folder })
  assert.is(declined.status, 3)
  assert.is(runs('asks'), 0)
  assert.is((await task(['--yes', 'asks', '--fail'], { cwd: folder })).status, 7)
  assert.is((await task(['--yes', 'asks', '--fail'], { cwd: folder })).status, 7)
  assert.is(runs('asks'), 2)
  assert.is(await run(['--yes', 'asks']), 1)
  assert.is(await run(['--yes', 'asks']), 0)
})

test('trap 3: an input that is edited while the task runs', async () => {
  const { folder, path, run, read } = world()
  writeFileSync(path('hold'), '')
  const running = startTask(['slow'], { cwd: folder })
  await until(() => existsSync(path('begun')), { what: 'the task to be at work' })
  appendFileSync(path('src/b.txt'), 'edited\n')
  rmSync(path('hold'))
  const ended = await running.ended
  assert.is(ended.status, 0)
  assert.match(ended.stderr, /input src\/b\.txt changed while the task ran/)
  assert.is(await run(['slow']), 1)
  assert.is(await run(['slow']), 0)
  assert.is(read('dist/out'), 'one\n')
})

test('trap 3: an input that is edited and put back while the task runs', async () => {
  const { folder, path, run } = world()
  writeFileSync(path('hold'), '')
  const running = startTask(['slow'], { cwd: folder })
  await until(() => existsSync(path('begun')), { what: 'the task to be at work' })
  writeFileSync(path('src/a.txt'), 'two\n')
  writeFileSync(path('src/a.txt'), 'one\n')
  rmSync(path('hold'))
  await running.ended
  assert.is(await run(['slow']), 1)
})

test('trap 4: other bytes of the same size and time', async () => {
  const { path, run, read } = world()
  const old = new Date('2020-01-01T00:00:00Z')
  utimesSync(path('src/a.txt'), old, old)
  assert.is(await run(['build']), 1)
  const before = statSync(path('src/a.txt'))
  writeFileSync(path('src/a.txt'), 'ONE\n')
  utimesSync(path('src/a.txt'), old, old)
  assert.equal([statSync(path('src/a.txt')).size, statSync(path('src/a.txt')).mtimeMs], [before.size, before.mtimeMs])
  assert.is(await run(['build']), 1)
  assert.match(read('dist/web.js'), /^ONE/)
  // Replaced by another file, with all that cp -p keeps.
  writeFileSync(path('other'), 'Two\n')
  utimesSync(path('other'), old, old)
  renameSync(path('other'), path('src/a.txt'))
  assert.is(await run(['build']), 1)
})

test('trap 5: arguments, variables and code count', async () => {
  const { path, run } = world()
  assert.is(await run(['build']), 1)
  assert.is(await run(['build', '--target', 'node']), 1)
  assert.is(await run(['build'], { MODE: 'production' }), 1)
  assert.is(await run(['build'], { MODE: 'production' }), 0)
  assert.is(await run(['build'], { MODE: 'production', OTHER: 'x' }), 0)
  assert.is(await run(['build'], { MODE: '' }), 1)
  writeFiles(path('.'), { 'tools/shout.ts': 'export const shout = (word: string) => word + word\n' })
  assert.is(await run(['lint']), 1)
  writeFiles(path('.'), { 'Taskfile.ts': taskfile.replace("ran($, 'lint'))", "ran($, 'lint', 1))") })
  assert.is(await run(['lint']), 1)
  assert.is(await run(['lint']), 0)
})

test('trap 5: code that is edited, and bundled by another command, while a task runs that it concerns', async () => {
  const { folder, path, run } = world()
  const needing =
    'export const waits = task({ run: ({ $ }) => $`touch begun; while [ -e hold ]; do sleep 0.02; done` })\n'
  const lint =
    "export const late = task({ needs: { waits }, inputs: ['src/**'], run: async ({ $ }) => void (await ran($, 'late')) })\n"
  writeFiles(folder, { 'Taskfile.ts': taskfile + needing + lint, hold: '' })
  const running = startTask(['late'], { cwd: folder })
  await until(() => existsSync(path('begun')), { what: 'the need to be at work' })
  writeFiles(folder, { 'Taskfile.ts': taskfile + needing + lint.replace("'late'", "'late', 2") })
  assert.is((await task(['--list'], { cwd: folder })).status, 0)
  rmSync(path('hold'))
  assert.is((await running.ended).status, 0)
  assert.is(await run(['late']), 1)
  assert.is(await run(['late']), 0)
})

test('trap 5: a package that the Taskfile imports counts with its version, a linked one with its files', async () => {
  const { path, run } = world()
  const installed = (version: string) => ({
    'node_modules/words/package.json': JSON.stringify({
      name: 'words',
      version,
      type: 'module',
      exports: './index.js',
    }),
    'node_modules/words/index.js': 'export const shout = (word) => word\n',
  })
  writeFiles(path('.'), { ...installed('1.0.0'), 'Taskfile.ts': taskfile.replace('./tools/shout.ts', 'words') })
  assert.is(await run(['lint']), 1)
  assert.is(await run(['lint']), 0)
  writeFiles(path('.'), installed('1.0.1'))
  assert.is(await run(['lint']), 1)
  assert.is(await run(['lint']), 0)
  renameSync(path('node_modules/words'), path('words'))
  execFileSync('ln', ['-s', '../words', path('node_modules/words')])
  assert.is(await run(['lint']), 1)
  assert.is(await run(['lint']), 0)
  writeFileSync(path('words/other.js'), '// not its version, but its content\n')
  assert.is(await run(['lint']), 1)
})

test('trap 6: an input that is added, deleted, renamed, moved, or made executable', async () => {
  const { path, run } = world()
  mkdirSync(path('src/sub'))
  const move = (moves: Record<string, string>) => {
    for (const [from, to] of Object.entries(moves)) renameSync(path(from), path(to))
  }
  assert.is(await run(['lint']), 1)
  const changes: [string, () => void][] = [
    ['added', () => writeFileSync(path('src/c.txt'), 'three\n')],
    ['renamed', () => renameSync(path('src/c.txt'), path('src/d.txt'))],
    ['moved', () => move({ 'src/d.txt': 'src/sub/d.txt' })],
    ['executable', () => execFileSync('chmod', ['+x', path('src/a.txt')])],
    ['deleted', () => rmSync(path('src/sub/d.txt'))],
    ['swapped', () => move({ 'src/a.txt': 'x', 'src/b.txt': 'src/a.txt', x: 'src/b.txt' })],
  ]
  for (const [what, change] of changes) {
    change()
    assert.is(await run(['lint']), 1, what)
    assert.is(await run(['lint']), 0, what)
  }
  utimesSync(path('src/a.txt'), new Date(), new Date())
  assert.is(await run(['lint']), 0, 'touched')
})

test('trap 6: a file that the patterns leave out changes nothing', async () => {
  const { path, run } = world()
  assert.is(await run(['build']), 1)
  writeFiles(path('src'), { 'read.md': 'x', 'node_modules/x/index.js': 'x', '.git/HEAD': 'x' })
  assert.is(await run(['build']), 0)
})

test('trap 6: an output that is deleted or tampered with comes back as it was', async () => {
  const { folder, path, run, read } = world()
  assert.is(await run(['build']), 1)
  const whole = read('dist/web.js')
  for (const tamper of [
    () => rmSync(path('dist/web.js')),
    () => rmSync(path('dist'), { recursive: true }),
    () => appendFileSync(path('dist/web.js'), 'tampered'),
    () => execFileSync('chmod', ['+x', path('dist/web.js')]),
  ]) {
    tamper()
    const ended = await task(['build'], { cwd: folder })
    assert.match(ended.stderr, /✔ restored/)
    assert.is(read('dist/web.js'), whole)
    assert.is(statSync(path('dist/web.js')).mode & 0o111, 0)
    assert.is(await run(['build']), 0)
  }
  // Without the cache it is made again.
  rmSync(path('.ops/cache/objects'), { recursive: true })
  rmSync(path('dist'), { recursive: true })
  assert.is(await run(['build']), 1)
  assert.is(read('dist/web.js'), whole)
})

test('there and back again: what was made before comes from the cache', async () => {
  const { folder, path, run, read } = world()
  assert.is(await run(['build']), 1)
  const first = read('dist/web.js')
  writeFileSync(path('src/a.txt'), 'another branch\n')
  assert.is(await run(['build']), 1)
  writeFileSync(path('src/a.txt'), 'one\n')
  const back = await task(['build'], { cwd: folder })
  assert.match(back.stderr, /✔ restored/)
  assert.is(read('dist/web.js'), first)
  // Without outputs nobody knows what a run has done elsewhere: only the last one counts.
  assert.is(await run(['lint']), 1)
  writeFileSync(path('src/a.txt'), 'another branch\n')
  assert.is(await run(['lint']), 1)
  writeFileSync(path('src/a.txt'), 'one\n')
  assert.is(await run(['lint']), 1)
})

test('trap 8: of two invocations one waits, and finds it done', async () => {
  const { folder, path, runs, read } = world()
  writeFileSync(path('hold'), '')
  const first = startTask(['slow'], { cwd: folder })
  await until(() => existsSync(path('begun')), { what: 'the first to be at work' })
  const second = startTask(['slow'], { cwd: folder })
  await until(() => second.stderr().includes('waits for another run'), { what: 'the second to wait' })
  assert.is(runs('slow'), 1)
  rmSync(path('hold'))
  assert.equal([(await first.ended).status, (await second.ended).status], [0, 0])
  assert.match((await second.ended).stderr, /✔ up to date/)
  assert.is(runs('slow'), 1)
  assert.is(read('dist/out'), 'one\n')
})

test('trap 8: when the first is killed with kill -9, the second takes over', async () => {
  const { folder, path, runs, read } = world()
  writeFileSync(path('hold'), '')
  const first = startTask(['slow'], { cwd: folder })
  await until(() => existsSync(path('begun')), { what: 'the first to be at work' })
  const second = startTask(['slow'], { cwd: folder })
  await until(() => second.stderr().includes('waits for another run'), { what: 'the second to wait' })
  process.kill(first.pid, 'SIGKILL')
  await first.ended
  await until(() => runs('slow') === 2, { what: 'the second to run' })
  rmSync(path('hold'))
  assert.is((await second.ended).status, 0)
  assert.is(read('dist/out'), 'one\n')
})

test('trap 8: many at once run it once', async () => {
  const { folder, runs } = world()
  const all = await Promise.all([1, 2, 3, 4, 5, 6].map(() => task(['lint'], { cwd: folder })))
  assert.equal(
    all.map(({ status }) => status),
    [0, 0, 0, 0, 0, 0],
  )
  assert.is(runs('lint'), 1)
})

test.run()
