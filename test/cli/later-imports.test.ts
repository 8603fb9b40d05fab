import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { task } from '../support/index.ts'
import { folderWith } from '../support/workspace.ts'

const files = {
  'Taskfile.ts': `import { task, text } from 'vital-ops'
const show = { render: (value: unknown) => JSON.stringify(value) }
export const plugin = task({ args: { name: text().positional() }, ...show,
  run: async ({ args }) => (await import(\`./plugins/\${args.name}.ts\`)).name })
export const named = task({ args: { path: text().positional() }, ...show,
  run: async ({ args }) => { const one = await import(args.path); return Object.keys(one).sort().slice(0, 3) } })
export const both = task({ ...show, run: async () => {
  const [path, short] = ['./plugins/a.ts', './plugins/a']
  const [one, other] = await Promise.all([import(path), import(short)])
  return one === other && one.name === 'a!'
} })
export const data = task({ ...show, run: async () => { const path = './data.json'; return (await import(path, { with: { type: 'json' } })).default } })
export const caught = task({ ...show, run: async () => { const path = './nowhere.ts'; return import(path).catch((error) => error.code) } })
export const build = task({ inputs: ['in.txt'], async run({ $ }) { const path = './plugins/a.ts'; console.log('built by ' + (await import(path)).name) } })
`,
  'in.txt': '',
  'data.json': '{ "n": 1 }',
  // What it imports in its turn, and by computed names, is relative to it.
  'plugins/a.ts': "import { mark } from './deep/mark'\nexport const name: string = `a${mark}`\n",
  'plugins/deep/mark.ts': "export const mark = '!'\n",
  'plugins/chain.ts': "const next = './deep/mark.ts'\nexport const name = (await import(next)).mark as string\n",
  'plugins/tasks.ts':
    "import { task } from 'vital-ops'\nexport const name = typeof task({ run() {} }).definition.run\n",
  'plugins/broken.ts': 'export const = 1\n',
  'plugins/cjs.cjs': "const next = './a.ts'; exports.load = () => import(next)\n",
  'node_modules/acme/package.json': '{ "name": "acme", "version": "1.0.0", "exports": { "import": "./index.mjs" } }',
  'node_modules/acme/index.mjs': 'export const acme = 1\n',
}

const printed = async (cwd: string, ...words: string[]): Promise<unknown> => {
  const { stdout, stderr, status } = await task(words, { cwd })
  assert.equal([stderr, status], ['', 0], words.join(' '))
  return JSON.parse(stdout)
}

test('what is imported by a computed name is found from the file that imports it', async () => {
  const folder = folderWith(files)
  assert.is(await printed(folder, 'plugin', 'a'), 'a!')
  assert.is(await printed(folder, 'plugin', 'chain'), '!')
  assert.is(await printed(folder, 'plugin', 'tasks'), 'function')
  assert.is(await printed(folder, 'both'), true)
  assert.equal(await printed(folder, 'data'), { n: 1 })
  assert.is(await printed(folder, 'caught'), 'ERR_MODULE_NOT_FOUND')
  for (const path of ['./plugins/a.ts', './plugins/a', join(folder, 'plugins/a.ts'), `file://${folder}/plugins/a.ts`]) {
    assert.equal(await printed(folder, 'named', path), ['name'], path)
  }
  assert.equal(await printed(folder, 'named', 'acme'), ['acme'])
  assert.equal(await printed(folder, 'named', 'node:os'), ['EOL', 'arch', 'availableParallelism'])
  assert.equal(await printed(folder, 'named', 'node:tty'), ['ReadStream', 'WriteStream', 'default'])
  const [first] = (await printed(folder, 'named', 'vital-ops')) as string[]
  assert.ok(first)
})

test('a file that appears or changes is read as it is', async () => {
  const folder = folderWith(files)
  const before = await task(['plugin', 'new'], { cwd: folder })
  assert.match(before.stderr, `Cannot find module '${folder}/plugins/new.ts' imported from ${folder}/Taskfile.ts`)
  writeFileSync(join(folder, 'plugins/new.ts'), "export const name = 'new'\n")
  assert.is(await printed(folder, 'plugin', 'new'), 'new')
  writeFileSync(join(folder, 'plugins/new.ts'), "export { mark as name } from './deep/mark.ts'\n")
  assert.is(await printed(folder, 'plugin', 'new'), '!')
  const mark = join(folder, 'plugins/deep/mark.ts')
  writeFileSync(`${mark}.next`, "export const mark = '?'\n")
  renameSync(`${mark}.next`, mark)
  assert.is(await printed(folder, 'plugin', 'new'), '?')
})

test('what does not compile is told with its place', async () => {
  const folder = folderWith(files)
  const { stderr, status } = await task(['plugin', 'broken'], { cwd: folder })
  assert.match(stderr, /Unexpected "="|Expected identifier/)
  assert.match(stderr, 'plugins/broken.ts:1:14')
  assert.is(status, 3)
})

test('a task is not up to date when what it imported by a computed name has changed', async () => {
  const folder = folderWith(files)
  const build = async () => (await task(['build'], { cwd: folder })).stdout
  assert.is(await build(), 'built by a!\n')
  // Before the first run nobody knew what it would import.
  assert.is(await build(), 'built by a!\n')
  assert.is(await build(), '')
  writeFileSync(join(folder, 'plugins/deep/mark.ts'), "export const mark = '2'\n")
  const why = await task(['--why', 'build'], { cwd: folder })
  assert.match(why.stdout, 'code: plugins/deep/mark.ts changed')
  // A file that would be imported in its place counts, too.
  writeFileSync(join(folder, 'plugins/deep/mark'), '')
  assert.match((await task(['--why', 'build'], { cwd: folder })).stdout, 'code: plugins/deep/mark is new')
  rmSync(join(folder, 'plugins/deep/mark'))
  assert.is(await build(), 'built by a2\n')
  assert.is(await build(), '')
})

test('in a Taskfile that is in a folder of another package, packages are found from there', async () => {
  const folder = folderWith(files)
  mkdirSync(join(folder, 'inner/node_modules/acme'), { recursive: true })
  writeFileSync(join(folder, 'inner/node_modules/acme/package.json'), '{ "name": "acme", "type": "module" }')
  writeFileSync(join(folder, 'inner/node_modules/acme/index.js'), 'export const inner = 1\n')
  writeFileSync(join(folder, 'plugins/inner.ts'), "export { name } from '../inner/later.ts'\n")
  writeFileSync(
    join(folder, 'inner/later.ts'),
    "const acme = 'acme'\nexport const name = Object.keys(await import(acme))\n",
  )
  assert.equal(await printed(folder, 'plugin', 'inner'), ['inner'])
})

test.run()
