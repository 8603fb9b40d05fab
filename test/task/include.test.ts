import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { repository, run, task } from '../support/index.ts'
import { folderWith, writeFiles } from '../support/workspace.ts'

const root = `
import { path, task } from 'vital-ops'
import * as tools from 'acme-tasks'
import * as database from './database/Taskfile.ts'
import { lint } from './tools/lint.ts'
import { inFolder } from './services/api/helper.ts'

export const where = task({
  needs: { migrated: database.migrate },
  args: { file: path().default('x.txt') },
  run: async ({ $, args, needs, workspaceFolder }) => [(await $\`pwd\`).stdout.trim(), args.file, workspaceFolder, needs.migrated.version],
})
export { lint }
export const made = inFolder('root')
export default { db: database, acme: tools }
`

const database = `
import { path, task } from 'vital-ops'
import { inFolder } from '../services/api/helper.ts'
import { seed } from './lib/seed.ts'
export const tables = ['users']
export function helper() { return 1 }
export const migrate = task({
  description: 'Migrate',
  aliases: ['mig'],
  args: { file: path().default('x.txt') },
  run: async ({ $, args, workspaceFolder }) => ({ version: 7, seen: [(await $\`pwd\`).stdout.trim(), args.file, workspaceFolder] }),
})
export const made = inFolder('database')
export { seed }
export default { backup: { full: task({ run: async ({ $ }) => (await $\`pwd\`).stdout.trim() }) } }
`

const pwd = `async ({ $ }) => (await $\`pwd\`).stdout.trim()`

const files = {
  'Taskfile.ts': root,
  'x.txt': '',
  'tools/lint.ts': `import { task } from 'vital-ops'\nexport const lint = task({ run: ${pwd} })`,
  'database/Taskfile.ts': database,
  'database/x.txt': '',
  'database/lib/seed.ts': `import { task } from 'vital-ops'\nexport const seed = task({ run: ${pwd} })`,
  'services/api/helper.ts': `import { task } from 'vital-ops'\nexport const inFolder = (name: string) => task({ description: name, run: ${pwd} })`,
  'node_modules/acme-tasks/package.json':
    '{ "name": "acme-tasks", "version": "2.1.0", "type": "module", "exports": { ".": { "types": "./index.d.ts", "default": "./index.js" } } }',
  'node_modules/acme-tasks/index.js': `import { task } from 'vital-ops'\nexport const version = 2\nexport const audit = task({ run: ${pwd} })\nexport default () => 1`,
  'node_modules/acme-tasks/index.d.ts': `import type { Task } from 'vital-ops'\nexport declare const version: number\nexport declare const audit: Task<Record<never, never>, string>\nexport default function (): number`,
}

const workspace = (): string => {
  const folder = folderWith(files)
  symlinkSync(repository, join(folder, 'node_modules', 'vital-ops'))
  return folder
}
const folder = workspace()

const result = async (...words: string[]): Promise<unknown> => {
  const { stdout, stderr } = await task(['--json', ...words], { cwd: folder })
  const { result: value, failures } = JSON.parse(stdout)
  if (failures) throw new Error(stderr + stdout)
  return value
}

test('an included Taskfile is a namespace: its tasks, its default export, and nothing else', async () => {
  const { stdout } = await task(['--list', '--json'], { cwd: folder })
  assert.equal(
    JSON.parse(stdout).tasks.map(({ name }: { name: string }) => name),
    ['db:backup:full', 'db:made', 'db:migrate', 'db:seed', 'acme:audit', 'lint', 'made', 'where'],
  )
})

test("its tasks work in its own folder; a package's in that of the workspace", async () => {
  const own = join(folder, 'database')
  assert.equal(await result('db:migrate'), { version: 7, seen: [own, join(own, 'x.txt'), own] })
  assert.equal(await result('db:mig'), { version: 7, seen: [own, join(own, 'x.txt'), own] })
  assert.is(await result('db:backup:full'), own)
  assert.is(await result('db:seed'), own)
  assert.is(await result('acme:audit'), folder)
})

test('a file without a Taskfile beside it belongs to the nearest one above; what is made by a function, to its caller', async () => {
  assert.is(await result('lint'), folder)
  assert.is(await result('made'), folder)
  assert.is(await result('db:made'), join(folder, 'database'))
})

test('needs go across, typed, each in its folder', async () => {
  assert.equal(await result('where'), [folder, join(folder, 'x.txt'), folder, 7])
  writeFiles(folder, {
    'tsconfig.json':
      '{ "compilerOptions": { "strict": true, "module": "nodenext", "allowImportingTsExtensions": true, "noEmit": true, "skipLibCheck": true } , "files": ["Taskfile.ts"] }',
    'package.json': '{ "type": "module" }',
  })
  const checked = await run([process.execPath, join(repository, 'node_modules/typescript/bin/tsc'), '-p', folder])
  assert.is(checked.stdout, '')
  assert.is(checked.status, 0)
})

test('a Taskfile that appears in a folder takes its tasks over', async () => {
  const other = workspace()
  assert.match((await task(['--json', 'lint'], { cwd: other })).stdout, new RegExp(`"result":"${other}"`))
  writeFiles(other, { 'tools/Taskfile.ts': '' })
  assert.match((await task(['--json', 'lint'], { cwd: other })).stdout, new RegExp(`"result":"${other}/tools"`))
})

test('the name of a namespace alone says what it has', async () => {
  const { stderr, status } = await task(['db'], { cwd: folder })
  assert.match(stderr, /unknown task db\n/)
  assert.match(stderr, /why: db is a namespace: it has db:backup:full/)
  assert.is(status, 2)
})

test('two tasks of one name are told with both places; a record that somebody wrote is not a module', async () => {
  const twice = folderWith({
    'Taskfile.ts': `import { task } from 'vital-ops'
import * as db from './db/Taskfile.ts'
export default { db, 'db:up': task({ run() {} }) }`,
    'db/Taskfile.ts': "import { task } from 'vital-ops'\nexport const up = task({ run() {} })",
  })
  const told = await task(['--list'], { cwd: twice })
  assert.match(told.stderr, /two tasks have the name db:up\n {2}at Taskfile.ts:3:[\s\S]*db\/Taskfile\.ts:2:19/)
  const record = folderWith({
    'Taskfile.ts': `import { task } from 'vital-ops'
const get = { get up() { return 5 } }
export default { get }`,
  })
  assert.match((await task(['--list'], { cwd: record })).stderr, /default export, get\.up: expected tasks/)
})

test.run()
