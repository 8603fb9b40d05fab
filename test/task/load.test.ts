import { readdirSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { failuresText } from '../../lib/log/failure-text.ts'
import { findTaskfile, namedTaskfile } from '../../lib/task/find.ts'
import { loadTaskfile } from '../../lib/task/load.ts'
import type { LoadedTasks } from '../../lib/task/table.ts'
import { repository } from '../support/folders.ts'
import { folderWith, writeFiles } from '../support/workspace.ts'

const load = async (folder: string, name = 'Taskfile.ts'): Promise<LoadedTasks> => {
  const loaded = await loadTaskfile(join(folder, name))
  if (!loaded.ok) throw new Error(failuresText(loaded.failures, { folder }))
  return loaded.value
}

/** What the task `what` of a Taskfile returns. */
const what = async (folder: string, name?: string): Promise<unknown> =>
  (await load(folder, name)).find('what')?.definition.run({} as never)

const failureText = async (folder: string, name = 'Taskfile.ts'): Promise<string> => {
  const loaded = await loadTaskfile(join(folder, name))
  if (loaded.ok) throw new Error('it loaded')
  assert.ok(loaded.failures.every(({ outcome }) => outcome === 'unchanged'))
  return failuresText(loaded.failures, { folder })
}

const bundles = (folder: string): string[] =>
  readdirSync(join(folder, '.ops/cache/taskfile')).filter((name) => name.endsWith('.cjs'))

const one = (value: string): string =>
  `import { task } from 'vital-ops'\nexport const what = task({ run: () => ${value} })\n`

test('the Taskfile is found upwards, by the first of its names', () => {
  const folder = folderWith({ 'a/b/c.txt': '', 'Taskfile.mjs': '', 'a/Taskfile.js': '', 'a/Taskfile.ts': '' })
  const found = findTaskfile(join(folder, 'a/b'))
  assert.is(found.ok && found.value, join(folder, 'a/Taskfile.ts'))
  const named = namedTaskfile(folder)
  assert.is(named.ok && named.value, join(folder, 'Taskfile.mjs'))
  const none = findTaskfile('/')
  assert.is(none.ok ? '' : none.failures[0].code, 'no-taskfile')
  const absent = namedTaskfile(join(folder, 'nowhere'))
  assert.match(absent.ok ? '' : absent.failures[0].message, /nowhere does not exist$/)
})

test('a file of a package within the repository of vital-ops gets the vital-ops that runs', async () => {
  const index = JSON.stringify(join(repository, 'dist/index.js'))
  const folder = folderWith({
    'package.json':
      '{ "name": "vital-ops", "type": "module", "exports": { ".": "./index.js", "./package.json": "./package.json" } }',
    'index.js': `export * from ${index}`,
    'Taskfile.ts': "export * from './example/Taskfile.ts'",
    'example/package.json': '{ "name": "example" }',
    'example/Taskfile.ts': one("'found'"),
  })
  assert.is(await what(folder), 'found')
})

test('names: kebab-case, as written, aliases, namespaces', async () => {
  const folder = folderWith({
    'Taskfile.ts': `
      import { task } from 'vital-ops'
      const t = (name: string, aliases: string[] = []) => task({ description: name, aliases, run() {} })
      export const healthCheck = t('health', ['hc'])
      export const notATask = 5
      export default { db: { migrateAll: t('migrate', ['mig']), deep: { down: t('down') } }, 'with-dash': t('dash'), healthCheck }
    `,
  })
  const table = await load(folder)
  assert.equal(table.names, ['db:migrate-all', 'db:deep:down', 'with-dash', 'health-check', 'health-check'])
  assert.equal(
    table.entries.map(({ group }) => group),
    ['db', 'db:deep', undefined, undefined, undefined],
  )
  for (const name of ['healthCheck', 'health-check', 'hc'])
    assert.is(table.find(name)?.definition.description, 'health', name)
  for (const name of ['db:migrate-all', 'db:migrateAll', 'db:mig'])
    assert.is(table.find(name)?.definition.description, 'migrate', name)
  assert.is(table.find('notATask'), undefined)
})

test('several Taskfiles are bundled at the same time in one process', async () => {
  const folders = ['1', '2', '3', '4'].map((value) => folderWith({ 'Taskfile.ts': one(value) }))
  assert.equal(await Promise.all(folders.map((folder) => what(folder))), [1, 2, 3, 4])
})

test('import.meta and CommonJS names are those of each source file', async () => {
  const folder = folderWith({
    'Taskfile.ts': `#!/usr/bin/env task
      import { task } from 'vital-ops'
      import { inner } from './lib/inner.ts'
      import { common } from './lib/common.cjs'
      import data from './lib/data.json'
      import { viaJs } from './lib/typed.js'
      import { index } from './lib/folder'
      export const what = task({ run: () => [import.meta.url, inner, common, data, viaJs, index, import.meta.resolve('./x.ts')] })
    `,
    'lib/inner.ts': 'export const inner = [import.meta.dirname, import.meta.filename, import.meta.url]',
    'lib/common.cjs':
      'const path = require("node:path"); exports.common = [path.basename(__dirname), path.basename(__filename)]',
    'lib/data.json': '{ "a": 1 }',
    'lib/typed.ts': 'export const viaJs: string = "typed"',
    'lib/folder/index.ts': 'export const index = "index"',
  })
  assert.equal(await what(folder), [
    `file://${folder}/Taskfile.ts`,
    [`${folder}/lib`, `${folder}/lib/inner.ts`, `file://${folder}/lib/inner.ts`],
    ['lib', 'common.cjs'],
    { a: 1 },
    'typed',
    'index',
    `file://${folder}/x.ts`,
  ])
})

test('a Taskfile in JavaScript, as module or CommonJS', async () => {
  assert.is(await what(folderWith({ 'Taskfile.mjs': one('"module"') }), 'Taskfile.mjs'), 'module')
  const common = "const { task } = require('vital-ops')\nmodule.exports = { what: task({ run: () => 'common' }) }\n"
  const folder = folderWith({
    'Taskfile.js': common.replace("require('vital-ops')", "require('./ops.cjs')"),
    'ops.cjs': 'exports.task = (d) => d',
  })
  assert.match(
    await failureText(folder, 'Taskfile.js'),
    /expected tasks made by task\(\), or records of them, got a function|got a/,
  )
})

test('packages are resolved from the folder of the file that imports them', async () => {
  const folder = folderWith({
    'ws/Taskfile.ts': `
      import { task } from 'vital-ops'
      import { name } from 'own-package'
      import { outside } from '../shared/outside.ts'
      export const what = task({ run: () => [name, outside] })
    `,
    'ws/node_modules/own-package/package.json': '{ "name": "own-package", "type": "module", "exports": "./index.js" }',
    'ws/node_modules/own-package/index.js': 'export const name = "of the workspace"',
    'shared/outside.ts': "import { name } from 'own-package'\nexport const outside = name",
    'shared/node_modules/own-package/package.json':
      '{ "name": "own-package", "type": "module", "exports": "./index.js" }',
    'shared/node_modules/own-package/index.js': 'export const name = "of the shared folder"',
  })
  assert.equal(await what(join(folder, 'ws')), ['of the workspace', 'of the shared folder'])
})

test('an unchanged Taskfile is not bundled again, a changed one is', async () => {
  const folder = folderWith({ 'Taskfile.ts': `import { n } from './n.ts'\n${one('n')}`, 'n.ts': 'export const n = 1' })
  assert.is(await what(folder), 1)
  const [bundle] = bundles(folder) as [string]
  const path = join(folder, '.ops/cache/taskfile', bundle)
  // If it were made again, the mark would be gone; a kept bundle is taken as it is.
  writeFileSync(path, readFileSync(path, 'utf8').replace('n = 1', 'n = 41'))
  const before = statSync(path, { bigint: true }).mtimeNs
  assert.is(await what(folder), 41)
  assert.is(statSync(path, { bigint: true }).mtimeNs, before)
  writeFiles(folder, { 'n.ts': 'export const n = 2' })
  assert.is(await what(folder), 2)
  writeFiles(folder, { 'n.ts': 'export const n = 1' })
  assert.is(await what(folder), 1)
})

test('a change that keeps size and times is seen', async () => {
  const folder = folderWith({ 'Taskfile.ts': one('1') })
  const file = join(folder, 'Taskfile.ts')
  const old = new Date(Date.now() - 3_600_000)
  utimesSync(file, old, old)
  assert.is(await what(folder), 1)
  writeFileSync(file, one('2'))
  utimesSync(file, old, old)
  assert.is(await what(folder), 2)
  // Replaced by another file with the same times.
  writeFileSync(join(folder, 'Other.ts'), one('3'))
  utimesSync(join(folder, 'Other.ts'), old, old)
  rmSync(file)
  symlinkSync(join(folder, 'Other.ts'), file)
  assert.is(await what(folder), 3)
})

test('a file that comes to stand before an imported one is seen, and so is its end', async () => {
  const folder = folderWith({ 'Taskfile.ts': `import { n } from './n'\n${one('n')}`, 'n.js': 'export const n = "js"' })
  assert.is(await what(folder), 'js')
  writeFiles(folder, { 'n.ts': 'export const n = "ts"' })
  assert.is(await what(folder), 'ts')
  rmSync(join(folder, 'n.ts'))
  assert.is(await what(folder), 'js')
})

test('a damaged cache is made anew', async () => {
  const folder = folderWith({ 'Taskfile.ts': one('1') })
  assert.is(await what(folder), 1)
  writeFileSync(join(folder, '.ops/cache/taskfile/Taskfile.ts.manifest.json'), '{ "torn')
  assert.is(await what(folder), 1)
  rmSync(join(folder, '.ops/cache/taskfile', bundles(folder)[0] as string))
  assert.is(await what(folder), 1)
  assert.is(readFileSync(join(folder, '.ops/.gitignore'), 'utf8'), '*\n')
})

test('a cache that cannot be written is said', async () => {
  const folder = folderWith({ 'Taskfile.ts': one('1'), '.ops': 'a file in its place' })
  assert.match(await failureText(folder), /\.ops/)
})

test('a syntax error has its place, with a caret', async () => {
  const folder = folderWith({ 'Taskfile.ts': `import { task } from 'vital-ops'\nexport const ü = tas k({})\n` })
  assert.is(
    await failureText(folder),
    `error: Expected ";" but found "k"
  at Taskfile.ts:2:22
    2 | export const ü = tas k({})
      |                      ^
`,
  )
})

test('a syntax error on the first line of a file that uses import.meta', async () => {
  const folder = folderWith({ 'Taskfile.ts': `import './x.ts'`, 'x.ts': 'const a = import.meta.url; const b = = 2\n' })
  assert.match(
    await failureText(folder),
    /at x\.ts:1:38\n {4}1 \| const a = import\.meta\.url; const b = = 2\n {6}\| {38}\^/,
  )
})

test('all unresolved imports are said at once', async () => {
  const folder = folderWith({ 'Taskfile.ts': `import './a.ts'\nimport './b.ts'\n` })
  assert.is(
    await failureText(folder),
    `error: no file "./a.ts"
  at Taskfile.ts:1:8
    1 | import './a.ts'
      |        ^
error: no file "./b.ts"
  at Taskfile.ts:2:8
    2 | import './b.ts'
      |        ^
`,
  )
})

test('a package that is not installed, and an export that is not there', async () => {
  const missing = folderWith({
    'Taskfile.ts': `import { task } from 'vital-ops'\nimport x from '@acme/nowhere/sub'\nexport const y = task({ run: () => x })`,
  })
  assert.is(
    await failureText(missing),
    `error: package @acme/nowhere is not installed
  at Taskfile.ts:2:15
    2 | import x from '@acme/nowhere/sub'
      |               ^
  next:
    npm install @acme/nowhere
`,
  )
  writeFiles(missing, { 'package.json': '{ "type": "module", "devDependencies": { "@acme/nowhere": "^1.0.0" } }' })
  assert.match(await failureText(missing), /package\.json names it: .*\n {2}next:\n {4}npm install\n$/)
  const wrong = folderWith({ 'Taskfile.ts': `import { tsk } from 'vital-ops'\nexport const y = tsk({})` })
  assert.is(
    await failureText(wrong),
    `error: vital-ops exports no tsk; did you mean task?
  at Taskfile.ts:1:10
    1 | import { tsk } from 'vital-ops'
      |          ^
`,
  )
})

test('a Taskfile that throws is said with the line of the source', async () => {
  const folder = folderWith({
    'Taskfile.ts': `import { task } from 'vital-ops'\nimport { f } from './lib/f.ts'\nexport const x = task({ description: f(), run() {} })`,
    'lib/f.ts': `type T = string\n\nexport const f = (): T => {\n  return (undefined as never as { a: string }).a\n}`,
  })
  assert.is(
    await failureText(folder),
    `error: Taskfile.ts threw: TypeError: Cannot read properties of undefined (reading 'a')
  at lib/f.ts:4:48
    4 |   return (undefined as never as { a: string }).a
      |                                                ^
`,
  )
  assert.match(await failureText(folderWith({ 'Taskfile.ts': 'throw "text"' })), /^error: Taskfile\.ts threw text\n/)
})

test('a default export that is no table of tasks', async () => {
  const header = "import { task } from 'vital-ops'\n"
  assert.is(
    await failureText(folderWith({ 'Taskfile.ts': `${header}\nexport default 5\n` })),
    `error: the default export: expected tasks made by task(), or records of them, got a number
  at Taskfile.ts:3:1
    3 | export default 5
      | ^
`,
  )
  const nested = await failureText(
    folderWith({ 'Taskfile.ts': `${header}export default { db: { up: task({ run() {} }), down: 'x', 'a b': 1 } }` }),
  )
  assert.match(nested, /default export, db\.down: expected tasks .* got a string/)
  assert.match(nested, /"a b" cannot be the name of a task/)
})

test('two tasks of one name are refused, with both places', async () => {
  const folder = folderWith({
    'Taskfile.ts': `import { task } from 'vital-ops'
export const healthCheck = task({ run() {} })
export const other = task({
  aliases: ['health-check'],
  run() {},
})
export const help = task({ run() {} })
`,
  })
  assert.is(
    await failureText(folder),
    `error: a task cannot be called help, because \`task help\` shows the help of the others
  at Taskfile.ts:7:21
    7 | export const help = task({ run() {} })
      |                     ^
error: two tasks have the name health-check
  at Taskfile.ts:3:22
    3 | export const other = task({
      |                      ^
  why: the other one is at ${folder}/Taskfile.ts:2:28
`,
  )
})

test('a definition that contradicts itself is refused', async () => {
  const folder = folderWith({
    'Taskfile.ts': `import { task, text } from 'vital-ops'
const up = task({ args: { a: text().alias('x'), b: text().alias('x') }, run() {} })
export const services = task({ commands: { up } })
export const slow = task({ timeout: 'soon', run() {} })
`,
  })
  assert.is(
    await failureText(folder),
    `error: task services up: arguments a and b have the same name x
  at Taskfile.ts:2:12
    2 | const up = task({ args: { a: text().alias('x'), b: text().alias('x') }, run() {} })
      |            ^
error: task slow: timeout: expected a duration like 30s or 10m, got "soon"
  at Taskfile.ts:4:21
    4 | export const slow = task({ timeout: 'soon', run() {} })
      |                     ^
`,
  )
})

test('a Taskfile with no task is an empty table', async () => {
  assert.equal((await load(folderWith({ 'Taskfile.ts': 'export const x = 1' }))).names, [])
})

test.run()
