import { mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { currentListing } from '../../lib/task/listing.ts'
import { loadTaskfile } from '../../lib/task/load.ts'
import { folderWith, writeFiles } from '../support/workspace.ts'

/** Files that were written long ago: those of the last two seconds are compared by content, which a listing cannot be. */
function oldFolder(files: Record<string, string>): string {
  const folder = folderWith(files)
  for (const file of Object.keys(files)) age(join(folder, file))
  return folder
}

/** ctime cannot be set, so the manifest is told that it was noted later. */
async function listed(folder: string): Promise<ReturnType<typeof currentListing>> {
  const file = join(folder, 'Taskfile.ts')
  const now = Date.now
  Date.now = () => now() + 10_000
  try {
    const loaded = await loadTaskfile(file, { listing: true })
    if (!loaded.ok) throw new Error(loaded.failures[0].message)
  } finally {
    Date.now = now
  }
  return currentListing(file)
}

const age = (path: string): void => utimesSync(path, new Date(0), new Date(0))
const names = (listing: ReturnType<typeof currentListing>): unknown =>
  listing?.outside ??
  ('tasks' in (listing ?? {}) ? (listing as { tasks: { name: string }[] }).tasks.map(({ name }) => name) : undefined)

const taskfile = (body: string): string => `import { task } from 'vital-ops'\n${body}\n`

test('a listing holds until the Taskfile or what it imports changes', async () => {
  const folder = oldFolder({
    'Taskfile.ts': taskfile("import { b } from './b'\nexport const a = task({ description: b, run() {} })"),
    'b.ts': "export const b = 'B'",
  })
  assert.equal(names(await listed(folder)), ['a'])
  assert.equal(names(currentListing(join(folder, 'Taskfile.ts'))), ['a'])
  writeFileSync(join(folder, 'b.ts'), "export const b = 'C'")
  assert.is(currentListing(join(folder, 'Taskfile.ts')), undefined)
  assert.equal(names(await listed(folder)), ['a'])
  // One that the file stands before.
  writeFileSync(join(folder, 'b.js'), '')
  assert.equal(names(currentListing(join(folder, 'Taskfile.ts'))), ['a'])
  rmSync(join(folder, 'b.ts'))
  assert.is(currentListing(join(folder, 'Taskfile.ts')), undefined)
})

test('environment variables that are read while loading count with their values', async () => {
  const folder = oldFolder({
    'Taskfile.ts': taskfile(
      'export const always = task({ run: () => void process.env.LISTING_LATER })\nexport default process.env.LISTING_MORE ? { more: task({ run() {} }) } : {}',
    ),
  })
  const file = join(folder, 'Taskfile.ts')
  delete process.env.LISTING_MORE
  assert.equal(names(await listed(folder)), ['always'])
  process.env.LISTING_LATER = 'x'
  assert.equal(names(currentListing(file)), ['always'])
  process.env.LISTING_MORE = '1'
  assert.is(currentListing(file), undefined)
  assert.equal(names(await listed(folder)), ['always', 'more'])
  process.env.LISTING_MORE = '2'
  assert.is(currentListing(file), undefined)
  delete process.env.LISTING_MORE
})

for (const [what, body, outside] of [
  ['the clock', 'const day = new Date().getDay()', 'new Date'],
  ['the clock as a number', 'const now = Date.now()', 'Date.now'],
  ['chance', 'const n = Math.random()', 'Math.random'],
  ['a file', "import { readFileSync } from 'node:fs'\nconst n = readFileSync('/etc/hostname')", 'fs.readFileSync'],
  ['a folder, by a promise', "import { readdir } from 'node:fs/promises'\nvoid readdir('/')", 'fs/promises.readdir'],
  ['the machine', "import * as os from 'node:os'\nconst n = os.cpus().length", 'os.cpus'],
  ['where it is called', 'const here = process.cwd()', 'process.cwd'],
  ['how it is called', 'const words = process.argv.length', 'process.argv'],
  ['all variables', 'const all = { ...process.env }', 'all of process.env'],
  ['another program', "import { execSync } from 'node:child_process'\nexecSync('true')", 'child_process.execSync'],
  ['a file, as a module that awaits', "import fs from 'node:fs'\nawait 0\nfs.existsSync('/')", 'fs.existsSync'],
] as const) {
  test(`no listing of a Taskfile that looks at ${what} while it is loaded`, async () => {
    const folder = oldFolder({ 'Taskfile.ts': taskfile(`${body}\nexport const a = task({ run() {} })`) })
    assert.is(names(await listed(folder)), outside)
    assert.is(names(currentListing(join(folder, 'Taskfile.ts'))), outside)
  })
}

test('what a task looks at when it runs, and dates that are given, do not count', async () => {
  const folder = oldFolder({
    'Taskfile.ts': taskfile(`import { readFileSync } from 'node:fs'
const epoch = new Date(0)
export const a = task({ description: epoch.toISOString() + (epoch instanceof Date), run: () => readFileSync('/etc/hostname') && Date.now() && new Date() })`),
  })
  assert.equal(names(await listed(folder)), ['a'])
})

test('the globals are as before after a recorded loading', async () => {
  const before = [Date, Date.now, Math.random, process.env, process.cwd, (await import('node:fs')).readFileSync]
  await listed(oldFolder({ 'Taskfile.ts': taskfile('export const a = task({ run() {} })') }))
  assert.equal([Date, Date.now, Math.random, process.env, process.cwd, (await import('node:fs')).readFileSync], before)
})

test('a package counts with its package.json; a linked one cannot be followed', async () => {
  const folder = oldFolder({
    'Taskfile.ts': taskfile(
      "import { name } from 'some-tasks'\nexport const a = task({ description: name, run() {} })",
    ),
    'node_modules/some-tasks/package.json':
      '{ "name": "some-tasks", "version": "1.0.0", "type": "module", "exports": "./index.js" }',
    'node_modules/some-tasks/index.js': "export const name = 'one'",
  })
  const file = join(folder, 'Taskfile.ts')
  assert.equal(names(await listed(folder)), ['a'])
  writeFiles(folder, {
    'node_modules/some-tasks/package.json':
      '{ "name": "some-tasks", "version": "2.0.0", "type": "module", "exports": "./index.js" }',
  })
  assert.is(currentListing(file), undefined)

  const linking = oldFolder({
    'Taskfile.ts': taskfile("import { name } from 'linked'\nexport const a = task({ description: name, run() {} })"),
  })
  mkdirSync(join(linking, 'node_modules'))
  const target = folderWith({
    'package.json': '{ "name": "linked", "type": "module", "exports": "./index.js" }',
    'index.js': "export const name = 'x'",
  })
  symlinkSync(target, join(linking, 'node_modules/linked'))
  assert.match(String(names(await listed(linking))), 'linked')
})

test.run()
