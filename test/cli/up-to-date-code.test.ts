import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { task } from '../support/index.ts'
import { folderWith } from '../support/workspace.ts'

const taskfile = `import { task } from 'vital-ops'
import { words } from './words.ts'
// Why it is built
export const build = task({ inputs: ['in.txt'], run: () => { console.log(words('a  b')) } })
`
const words = `export function words(text: string): string {
  return text + '!'
}
`

test('types, comments and layout of the Taskfile do not make tasks run again; code does', async () => {
  const folder = folderWith({ 'Taskfile.ts': taskfile, 'words.ts': words, 'in.txt': '' })
  const after = async (edited: Record<string, string>): Promise<string> => {
    for (const [name, text] of Object.entries({ 'Taskfile.ts': taskfile, 'words.ts': words, ...edited })) {
      writeFileSync(join(folder, name), text)
    }
    const { stdout, status, stderr } = await task(['build'], { cwd: folder })
    assert.is(status, 0, stderr)
    return stdout
  }
  assert.is(await after({}), 'a  b!\n')
  for (const edited of [
    {},
    { 'Taskfile.ts': taskfile.replace('// Why it is built', '/* Another reason,\n on two lines */\n\n') },
    { 'Taskfile.ts': taskfile.replace('console.log', '// Inside\n    console  .log') },
    { 'words.ts': words.replace('text: string', 'text: string | "x"').replace('string {', 'string /* so */\n{') },
    { 'words.ts': `export type Other = { a: 1 }\n${words}` },
  ]) {
    assert.is(await after(edited), '', JSON.stringify(edited))
  }
  for (const [edited, expected] of [
    [{ 'Taskfile.ts': taskfile.replace('a  b', 'a b') }, 'a b!\n'],
    [{ 'words.ts': words.replace("'!'", "'?'") }, 'a  b?\n'],
    // What it does when it is loaded may count for anything.
    [{ 'Taskfile.ts': `${taskfile}console.error()\n` }, 'a  b!\n'],
  ] as const) {
    assert.is(await after(edited), expected)
  }
  const why = await task(['--why', 'build'], { cwd: folder })
  assert.is(why.status, 0)
  writeFileSync(join(folder, 'words.ts'), words.replace("'!'", "'…'"))
  assert.match((await task(['--why', 'build'], { cwd: folder })).stdout, 'code: words in words.ts changed')
})

test('files that the code requires by itself count as its code', async () => {
  const folder = folderWith({
    'Taskfile.ts': `import { createRequire } from 'node:module'
import { task } from 'vital-ops'
const load = createRequire(import.meta.url)
export const build = task({ inputs: ['in.txt'], run: () => { console.log(load('./lib/words.cjs').words) } })
`,
    'lib/words.cjs': "exports.words = require('./more').words",
    'lib/more.js': "exports.words = 'a'",
    'lib/package.json': '{ "type": "commonjs" }',
    'in.txt': '',
  })
  const build = async () => (await task(['build'], { cwd: folder })).stdout
  assert.is(await build(), 'a\n')
  assert.is(await build(), '')
  writeFileSync(join(folder, 'lib/more.js'), "exports.words = 'b'")
  assert.is(await build(), 'b\n')
  writeFileSync(join(folder, 'lib/words.cjs'), "exports.words = 'c'")
  assert.match((await task(['--why', 'build'], { cwd: folder })).stdout, /code: .*lib\/words\.cjs/)
  assert.is(await build(), 'c\n')
})

/** A Taskfile with tasks that share some of their code. */
const shop = {
  'Taskfile.ts': `import { join } from 'node:path'
import { choice, optional, task } from 'vital-ops'
import * as database from './database/Taskfile.ts'
import { greeting, unused } from './lib/words.ts'
const sources = ['in.txt', '!*.md']
const target = join('out', 'app')
let counted = 0
const count = () => { counted += 1; return counted }
const make = (name: string) => task({ inputs: ['in.txt'], run: () => void console.log(name, greeting) })
export const one = make('one')
export const two = make('two')
export const prepare = task({ run: () => void console.log('prepare 1') })
export const base = task({ inputs: sources, outputs: ['out/base'], async run({ $ }) { await $\`sh -c \${'echo base; mkdir -p out; echo 1 > out/base'}\` } })
export const app = task({ needs: { base, prepare }, inputs: sources, args: { to: choice(['a', 'b']).optional() }, run: () => void console.log('app', target) })
export const calls = task({ inputs: sources, run: async ({ run }) => { await run(app, { to: 'b' }) } })
export const first = task({ inputs: sources, run: () => void console.log('first', count()) })
export const second = task({ inputs: sources, run: () => void console.log('second', counted) })
export const finds = task({ inputs: sources, run: async ({ run, tasks }) => { await run(tasks.find('prepare')!) } })
export default { db: database, inner: { clean: task({ inputs: sources, run: () => void console.log('clean 1') }) }, default: app }
`,
  'lib/words.ts': "export const greeting = 'hello'\nexport const unused = () => 1\n",
  'database/Taskfile.ts': `import { task } from 'vital-ops'
import { greeting } from '../lib/words.ts'
export const migrate = task({ inputs: ['in.txt'], run: () => void console.log('migrate', greeting) })
export const seed = task({ inputs: ['in.txt'], run: () => void console.log('seed') })
`,
  'database/in.txt': '',
  'in.txt': '',
}

test('a change of code makes those tasks run again that it is part of, and --why names it', async () => {
  const folder = folderWith(shop)
  const names = [
    'app',
    'base',
    'calls',
    'db:migrate',
    'db:seed',
    'finds',
    'first',
    'inner:clean',
    'one',
    'second',
    'two',
  ]
  const all = async () => assert.is((await task(names, { cwd: folder })).status, 0)
  /** The tasks that are not up to date, with the code that is named as changed. */
  const stale = async (): Promise<Record<string, string[]>> => {
    const { tasks } = JSON.parse((await task(['--json', '--why', ...names], { cwd: folder })).stdout)
    const found: Record<string, string[]> = {}
    for (const { task: name, asked, status } of tasks) {
      if (!asked || status.state === 'up-to-date') continue
      found[name] = status.reasons.map(({ kind, name: of, binding }: Record<string, string>) =>
        kind === 'code' ? [of, binding].filter(Boolean).join('#') : `${kind} ${of}`,
      )
    }
    return found
  }
  const edits: [string, string, string, Record<string, string[]>][] = [
    ['Taskfile.ts', "'clean 1'", "'clean 2'", { finds: ['*'], 'inner:clean': ['Taskfile.ts#default'] }],
    ['Taskfile.ts', "make('two')", "make('three')", { finds: ['*'], two: ['Taskfile.ts#two'] }],
    [
      'Taskfile.ts',
      "join('out', 'app')",
      "join('out', 'b')",
      { finds: ['*'], app: ['Taskfile.ts#target'], calls: ['Taskfile.ts#target'] },
    ],
    // What has no fingerprint itself counts for those who need it.
    [
      'Taskfile.ts',
      "'prepare 1'",
      "'prepare 2'",
      { finds: ['*'], app: ['Taskfile.ts#prepare'], calls: ['Taskfile.ts#prepare'] },
    ],
    // What its need has left counts, unless the task is only called.
    [
      'Taskfile.ts',
      "'echo base;",
      "'echo basis;",
      { finds: ['*'], app: ['need base'], base: ['Taskfile.ts#base'], calls: ['Taskfile.ts#base'] },
    ],
    [
      'Taskfile.ts',
      'counted += 1',
      'counted += 2',
      { finds: ['*'], first: ['Taskfile.ts#count'], second: ['Taskfile.ts#count'] },
    ],
    ['Taskfile.ts', "'!*.md'", "'!*.txt~'", { '*': [] }],
    [
      'lib/words.ts',
      "'hello'",
      "'hi'",
      {
        'db:migrate': ['lib/words.ts#greeting'],
        finds: ['*'],
        one: ['lib/words.ts#greeting'],
        two: ['lib/words.ts#greeting'],
      },
    ],
    ['lib/words.ts', '() => 1', '() => 2', { finds: ['*'] }],
    ['database/Taskfile.ts', "'seed'", "'seeds'", { 'db:seed': ['database/Taskfile.ts#seed'], finds: ['*'] }],
    ['database/Taskfile.ts', 'import { task }', 'process.env.SEEN = "1"\nimport { task }', { '*': [] }],
  ]
  for (const [file, from, to, expected] of edits) {
    await all()
    const text = readFileSync(join(folder, file), 'utf8')
    assert.ok(text.includes(from), from)
    writeFileSync(join(folder, file), text.replace(from, to))
    const found = await stale()
    if ('*' in expected) {
      assert.ok(Object.keys(found).length >= 5, `${from}: ${JSON.stringify(found)}`)
      continue
    }
    // Of one that may reach any task, all files count.
    if (expected.finds) found.finds = ['*']
    assert.equal(found, expected, from)
  }
})

test.run()
