import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { suite, test } from 'uvu'
import * as assert from 'uvu/assert'
import { repository, run, skip, task, temporaryFolder, until } from '../support/index.ts'
import { type TmuxTerminal, tmuxTerminal } from '../support/tmux.ts'
import { folderWith } from '../support/workspace.ts'

const folder = folderWith({
  'Taskfile.ts': `import { choice, flag, path, task, text } from 'vital-ops'
const ports = async () => ['8080', '8081', '9090']
export const release = task({
  description: 'Tag and publish\\nand more',
  args: { channel: choice(['beta', 'stable']), dryRun: flag().describe('only say it'), port: text().optional().complete(ports), notes: path().optional() },
  run() {},
})
export const services = task({
  description: 'Services',
  commands: { up: task({ args: { names: choice(['api', 'worker']).positional().repeated() }, run() {} }), down: task({ run() {} }) },
})
export const secret = task({ hidden: true, run() {} })
export const lint = task({ description: 'Lint', run() {} })
export default { db: { migrate: task({ description: 'Migrations', args: { to: path({ exists: 'directory' }).optional() }, run() {} }), seed: task({ run() {} }) } }`,
  'notes/one.md': '',
  'notes.md': '',
})

const complete = async (...words: string[]): Promise<string[]> => {
  const { stdout, stderr, status } = await task(['__complete', '--', ...words], { cwd: folder })
  assert.equal([stderr, status], ['', 0])
  return stdout.split('\n').slice(0, -1)
}
const values = async (...words: string[]): Promise<string[]> =>
  (await complete(...words)).map((line) => line.split('\t')[0] as string)

test('names, with their descriptions; hidden ones are not offered', async () => {
  assert.equal(await complete('rel'), ['release\tTag and publish'])
  const all = await values('')
  for (const name of ['release', 'services', 'lint', 'db:migrate', 'db:seed', 'help', 'completion'])
    assert.ok(all.includes(name), name)
  assert.not.ok(all.includes('secret'))
  assert.equal(await values('db:'), ['db:migrate', 'db:seed'])
  assert.equal(await values('help', 'ser'), ['services'])
  assert.equal(await values('nothing', ''), [])
})

test('commands within a task, and what they take', async () => {
  assert.equal(await values('services', ''), ['up', 'down'])
  assert.equal(await values('services', 'up', 'w'), ['worker'])
  assert.equal(await values('services', 'up', 'api', ''), ['api', 'worker'])
  assert.equal(await values('help', 'services', 'd'), ['down'])
})

test('flags and their values, also behind an equals sign; candidates that the argument gives', async () => {
  assert.equal(await values('release', '--'), ['--channel', '--dry-run', '--port', '--notes', '--help'])
  assert.equal(await values('release', '--no-'), ['--no-dry-run'])
  assert.equal(await values('release', '--channel', ''), ['beta', 'stable'])
  assert.equal(await values('release', '--channel=s'), ['--channel=stable'])
  assert.equal(await values('release', '--port', '80'), ['8080', '8081'])
  assert.equal(await values('release', '--port=9'), ['--port=9090'])
  assert.equal(await values('release', '--notes', ''), [':files'])
  assert.equal(await values('db:migrate', '--to', ''), [':folders'])
  assert.equal(await values('--output', 'gr'), ['grouped'])
  assert.equal(await values('--json', 'lin'), ['lint'])
})

test('several tasks in one call', async () => {
  assert.equal(await values('lint', 'rel'), ['release'])
  const next = ['release', '--channel', 'beta', ':::']
  assert.equal(await values(...next, 'li'), ['lint'])
  assert.equal(await values('lint', ':::', 'release', '--ch'), ['--channel'])
  assert.equal(await values('lint', 'release', '--channel', 's'), ['stable'])
  assert.equal(await values('lint', 'release', '--channel=s'), ['--channel=stable'])
  assert.equal(await values(...next, 'services', ''), ['up', 'down'])
  assert.equal(await values(...next, 'services', 'up', 'api', ':::', 'db:migrate', '--t'), ['--to'])
  assert.equal(await values('lint', ':'), [':::'])
  // The command's own words only stand first.
  assert.not.ok((await values(...next, '')).includes('graph'))
  // Behind -- it is a word like others.
  assert.equal(await values('services', 'up', '--', ':::', 'a'), ['api'])
  assert.equal(await values('lint', '--', ''), [])
})

test('outside of a workspace, and with a broken Taskfile, nothing is said', async () => {
  for (const cwd of ['/', folderWith({ 'Taskfile.ts': 'export const = 1' })]) {
    const { stderr, status } = await task(['__complete', '--', 'x'], { cwd })
    assert.equal([stderr, status], ['', 0])
  }
})

/** A folder with `task` on its own, for a PATH. */
function onPath(): string {
  const bin = temporaryFolder()
  symlinkSync(join(repository, 'bin', 'task'), join(bin, 'task'))
  return `${bin}${delimiter}${process.env.PATH}`
}

const shells = suite('installed in shells')

for (const [shell, settings] of [
  ['bash', '.bashrc'],
  ['zsh', '.zshrc'],
  ['fish', undefined],
] as const) {
  const program = async (): Promise<string> => {
    const { stdout } = await run(['sh', '-c', `command -v ${shell}`])
    return stdout.trim() || skip(`${shell} is not installed`)
  }

  shells(`${shell}: it is installed once, and taken away again`, async () => {
    const home = temporaryFolder()
    const env = { HOME: home, SHELL: `/bin/${shell}` }
    const file = settings && join(home, settings)
    if (file) writeFileSync(file, 'alias ll="ls -l"')
    const first = await task(['completion', '--install'], { cwd: folder, env })
    assert.equal([first.stderr, first.status], ['', 0])
    assert.match(first.stdout, /^wrote .*\n/)
    const text = file && readFileSync(file, 'utf8')
    const second = await task(['completion', '--install'], { cwd: folder, env })
    assert.is(second.stdout, `completion for ${shell} is installed already\n`)
    assert.is(file && readFileSync(file, 'utf8'), text)
    const script = (first.stdout.match(/^wrote (.*)$/m) ?? [])[1] as string
    assert.ok(existsSync(script))
    assert.is((await run([await program(), '-n', script])).stderr, '')
    const removed = await task(['completion', shell, '--uninstall'], { cwd: folder, env })
    assert.match(removed.stdout, /^cleared /)
    assert.not.ok(existsSync(script))
    if (file) assert.is(readFileSync(file, 'utf8'), 'alias ll="ls -l"\n')
    const again = await task(['completion', shell, '--uninstall'], { cwd: folder, env })
    assert.is(again.stdout, `there is no completion for ${shell}\n`)
  })

  shells(`${shell}: Tab completes names, commands, flags and values`, async () => {
    const path = await program()
    const home = temporaryFolder()
    const env = { HOME: home, PATH: onPath() }
    assert.is((await task(['completion', shell, '--install'], { cwd: folder, env })).status, 0)
    const terminal = tmuxTerminal(shell === 'bash' ? `${path} --noprofile` : path, { cwd: folder, env, columns: 200 })
    try {
      await typed(terminal, 'task rele', 'release')
      await typed(terminal, 'task services d', 'services down')
      await typed(terminal, 'task release --cha', '--channel')
      await typed(terminal, 'task release --channel=sta', '--channel=stable')
      await typed(terminal, 'task release --channel be', '--channel beta')
      await typed(terminal, 'task db:m', 'task db:migrate')
      await typed(terminal, 'task release --port 90', '--port 9090')
      await typed(terminal, 'task db:migrate --to no', '--to notes/')
      await typed(terminal, 'task lint ::: rele', '::: release')
      await typed(terminal, 'task lint ::: release --cha', '::: release --channel')
      await typed(terminal, 'task lint ::: db:m', '::: db:migrate')
      await typed(terminal, 'task lint ::: release --channel=sta', '--channel=stable')
    } finally {
      terminal.close()
    }
  })
}

/** Types a line, presses Tab until the shell has completed it, and clears the line. */
async function typed(terminal: TmuxTerminal, line: string, expected: string): Promise<void> {
  terminal.keys(line)
  await terminal.shows(line, 20_000)
  terminal.keys('Tab')
  await until(() => lastLine(terminal.screen()).includes(expected), {
    what: `Tab behind ${line} to give ${expected}`,
    deadline: 20_000,
  }).catch((error: Error) => {
    throw new Error(`${error.message}\n${terminal.screen()}`)
  })
  terminal.keys('C-u')
  await until(() => !lastLine(terminal.screen()).includes(expected), {
    what: 'the line to be cleared',
    deadline: 20_000,
  })
}

const lastLine = (screen: string): string =>
  screen
    .trimEnd()
    .split('\n')
    .reverse()
    .find((line) => line.includes('task ')) ?? ''

shells.run()

test('task shim finds the task of the project that it is called in', async () => {
  const home = temporaryFolder()
  const bin = join(home, '.local', 'bin')
  const env = { HOME: home }
  const made = await task(['shim'], { cwd: folder, env })
  assert.match(made.stdout, `wrote ${join(bin, 'task')}\n${bin} is not on your PATH`)
  assert.is(statSync(join(bin, 'task')).mode & 0o777, 0o755)
  const shim = join(bin, 'task')
  // By the copy that made it.
  assert.match((await run([shim, '--list'], { cwd: folder, env })).stdout, 'release')
  const project = folderWith({ 'node_modules/.bin/task': '#!/bin/sh\necho "the project’s: $*"\n', 'a b/c/x': '' })
  chmodSync(join(project, 'node_modules/.bin/task'), 0o755)
  const there = await run([shim, 'one two', '$HOME'], { cwd: join(project, 'a b/c'), env })
  assert.is(there.stdout, 'the project’s: one two $HOME\n')
  assert.match(
    (await task(['shim'], { cwd: folder, env: { ...env, PATH: `${bin}:${process.env.PATH}` } })).stdout,
    /^wrote .*\n$/,
  )
  assert.match((await task(['shim', '--remove'], { cwd: folder, env })).stdout, 'removed')
  assert.not.ok(existsSync(shim))
  mkdirSync(bin, { recursive: true })
  writeFileSync(shim, '#!/bin/sh\n# go-task\n')
  const other = await task(['shim'], { cwd: folder, env })
  assert.equal([other.status, readFileSync(shim, 'utf8')], [3, '#!/bin/sh\n# go-task\n'])
})

test.run()
