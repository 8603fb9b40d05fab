import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { workspaceName } from '../../lib/task/scaffold.ts'
import { loadWorkspace } from '../../lib/validate/workspace.ts'
import { task } from '../support/index.ts'
import { folderWith } from '../support/workspace.ts'

const files = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(folder.length + 1))
    .filter((path) => !path.startsWith('.ops/'))
    .sort()

const read = (folder: string, path: string): string => readFileSync(join(folder, path), 'utf8')

test('--init writes a Taskfile that works, and none over another', async () => {
  const empty = folderWith({})
  const made = await task(['--init'], { cwd: empty })
  assert.equal(
    [made.status, made.stdout, made.stderr],
    [0, 'wrote Taskfile.ts\nnext:\n  task --list\n  task hello\n', ''],
  )
  assert.equal(files(empty), ['Taskfile.ts'])
  assert.is((await task(['hello', "it's me", '--loud'], { cwd: empty })).stdout, "HELLO, IT'S ME!\n")
  const content = read(empty, 'Taskfile.ts')
  const again = await task(['--init'], { cwd: empty })
  assert.is(again.status, 3)
  assert.match(again.stderr, /^error: .*Taskfile\.ts exists already; nothing was written\n/)
  assert.is(read(empty, 'Taskfile.ts'), content)
  assert.is((await task(['--init', 'more'], { cwd: empty })).status, 2)
  assert.is((await task(['--ops'], { cwd: empty })).status, 2)
})

test('--init --ops writes a workspace without a mistake, with an id of its own', async () => {
  const [one, other] = [folderWith({ 'package.json': '{ "name": "@acme/My Shop" }' }), folderWith({})] as const
  const made = await task(['--init', '--ops'], { cwd: one })
  assert.equal([made.status, made.stderr], [0, ''])
  assert.match(made.stdout, /^wrote Taskfile\.ts\n[\s\S]*\nnext:\n {2}task --list\n {2}task setup dev\n$/)
  await task(['--workspace', other, '--init', '--ops'], { cwd: '/' })
  assert.equal(
    files(other),
    files(one).filter((path) => path !== 'package.json'),
  )
  const texts = new Map(files(one).map((path) => [path, read(one, path)]))
  const { workspace, failures } = loadWorkspace(texts, {
    exists: (path) => statSync(join(one, path), { throwIfNoEntry: false }) !== undefined,
  })
  assert.equal(failures, [])
  assert.is(workspace?.configuration.name, 'my-shop')
  assert.equal([...(workspace?.services.keys() ?? [])], ['app'])
  assert.is.not(read(one, 'config/workspace.yaml'), read(other, 'config/workspace.yaml'))
  assert.is(statSync(join(one, 'bin/deploy-production')).mode & 0o777, 0o755)
  assert.match(read(one, '.gitignore'), /^\.env\.\*\n!\.env\.\*\.example$/m)
})

test('--init --ops keeps what is there, and no workspace gets a second id', async () => {
  const folder = folderWith({
    'Taskfile.mjs': 'export const x = 1',
    '.gitignore': 'dist\n.ops/',
    'bin/health-check': 'own',
  })
  const made = await task(['--init', '--ops'], { cwd: folder })
  assert.is(made.status, 0)
  assert.match(made.stdout, /kept {2}Taskfile\.mjs, which was there\n/)
  assert.match(made.stdout, /kept {2}bin\/health-check, which was there\nadd to Taskfile\.mjs:\n/)
  assert.is(read(folder, 'bin/health-check'), 'own')
  assert.match(
    read(folder, '.gitignore'),
    /^dist\n\.ops\/\n# vital-ops[^\n]*\n\.env\.\*\n!\.env\.\*\.example\nnode_modules\/\n$/,
  )
  assert.ok(!files(folder).includes('Taskfile.ts'))
  const before = read(folder, 'config/workspace.yaml')
  const again = await task(['--init', '--ops'], { cwd: folder })
  assert.is(again.status, 3)
  assert.match(again.stderr, /workspace\.yaml exists already; nothing was written\n {2}next:\n {4}task setup dev\n$/)
  assert.is(read(folder, 'config/workspace.yaml'), before)
})

test('names for workspaces', () => {
  const names = ['@acme/My Shop', 'ÄÖ', '--x--', 'a'.repeat(60), 'Shop_2'].map(workspaceName)
  assert.equal(names, ['my-shop', 'workspace', 'x', 'a'.repeat(40), 'shop-2'])
})

test.run()
