import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { builtInNames } from '../../lib/cli/builtins.ts'
import { repository, task } from '../support/index.ts'
import { folderWith } from '../support/workspace.ts'

const taskfile = `import { task } from 'vital-ops'
import { lint } from 'acme-tasks'

export const build = task({ aliases: ['b'], run() {} })
export { lint }
const up = task({ run() {} })
export const services = task({
  commands: { up },
})
`

const folder = folderWith({
  'package.json': '{ "name": "shop", "type": "module" }',
  'Taskfile.ts': taskfile,
  'deep/x': '',
  'node_modules/acme-tasks/package.json':
    '{ "name": "acme-tasks", "version": "2.1.0", "type": "module", "exports": "./index.js" }',
  'node_modules/acme-tasks/index.js':
    "import { task } from 'vital-ops'\n\nexport const lint = task({\n  run() {},\n})\n",
})
symlinkSync(repository, join(folder, 'node_modules', 'vital-ops'))

test('which: the place of a task, by name, alias and command', async () => {
  const { stdout, stderr, status } = await task(['which', 'build', 'b', 'services up', 'services'], { cwd: folder })
  assert.is(stderr, '')
  assert.is(stdout, 'Taskfile.ts:4:22\nTaskfile.ts:4:22\nTaskfile.ts:6:12\nTaskfile.ts:7:25\n')
  assert.is(status, 0)
})

test('which: from a folder below, and of a task that a package brings', async () => {
  const { stdout } = await task(['which', 'lint', 'build'], { cwd: join(folder, 'deep') })
  assert.is(
    stdout,
    `${join(folder, 'node_modules/acme-tasks/index.js')}:3:21  (acme-tasks 2.1.0)\n${join(folder, 'Taskfile.ts')}:4:22\n`,
  )
  const json = JSON.parse((await task(['--json', 'which', 'lint'], { cwd: folder })).stdout)
  assert.equal(json, {
    outcome: 'done',
    exitCode: 0,
    tasks: [
      {
        name: 'lint',
        place: { file: join(folder, 'node_modules/acme-tasks/index.js'), line: 3, column: 21 },
        package: { name: 'acme-tasks', version: '2.1.0' },
      },
    ],
  })
})

test('which: an unknown name is told with the nearest one; the others are still shown', async () => {
  const { stdout, stderr, status } = await task(['which', 'biuld', 'build', 'which'], { cwd: folder })
  assert.match(stdout, /^Taskfile\.ts:4:22\nwhich: a word of task itself/)
  assert.match(stderr, /error: unknown task biuld; did you mean build\?/)
  assert.is(status, 2)
})

test('a word is strict, and has help as tasks have', async () => {
  const none = await task(['which'], { cwd: folder })
  assert.match(none.stderr, /error: missing argument <names>[\s\S]*usage: task which \[options\] <names>…\n/)
  assert.is(none.status, 2)
  const unknown = await task(['which', 'build', '--jsno'], { cwd: folder })
  assert.match(unknown.stderr, /unknown flag --jsno; did you mean --json\?/)
  assert.is(unknown.status, 2)
  const texts = await Promise.all(
    [
      ['help', 'which'],
      ['which', '--help'],
      ['--help', 'which'],
      ['which', 'x', '-h'],
    ].map((argv) => task(argv, { cwd: folder })),
  )
  for (const { stdout, status } of texts) {
    assert.match(stdout, /^usage: task which \[options\] <names>…\n\nWhere a task is defined\.\n/)
    assert.match(stdout, /arguments:\n {2}<names>… +tasks;/)
    assert.is(status, 0)
  }
})

test('`task --help` names every word, and each has help', async () => {
  const { stdout } = await task(['--help'], { cwd: folder })
  for (const name of builtInNames) {
    assert.match(stdout, new RegExp(`^  task ${name} `, 'm'))
    const help = await task(['help', name], { cwd: folder })
    assert.match(help.stdout, new RegExp(`^usage: task ${name} `), name)
    assert.is(help.status, 0, help.stderr)
  }
  const misspelt = await task(['whihc'], { cwd: folder })
  assert.match(misspelt.stderr, /unknown task whihc; did you mean which\?/)
})

test("the Taskfile's own task of that name wins", async () => {
  const own = folderWith({
    'Taskfile.ts': `import { task } from 'vital-ops'\nexport const which = task({ description: 'Mine', run() { return 1 }, render: () => 'mine\\n' })`,
  })
  assert.is((await task(['which'], { cwd: own })).stdout, 'mine\n')
  assert.match((await task(['help', 'which'], { cwd: own })).stdout, /Mine/)
})

test('a word that needs the tasks says why it has none', async () => {
  const broken = folderWith({ 'Taskfile.ts': 'export const = 1' })
  const { stderr, status } = await task(['which', 'build'], { cwd: broken })
  assert.match(stderr, /at Taskfile\.ts:1:14/)
  assert.is(status, 3)
  const bare = folderWith({ 'x/y': '' })
  assert.is((await task(['which', 'build'], { cwd: bare })).status, 3)
})

test.run()
