import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { task } from '../support/index.ts'
import { folderWith } from '../support/workspace.ts'

const taskfile = `
import { task, text, flag } from 'vital-ops'
const ran = ($, name) => $({ quiet: true })\`mkdir -p runs && echo ran >> runs/\${name}\`
export const generate = task({
  inputs: ['schema/**'], outputs: ['gen/**'],
  // What it writes depends on the schema's first line alone.
  run: async ({ $ }) => { await ran($, 'generate'); await $\`mkdir -p gen && head -1 schema/s.txt > gen/g.txt\` },
})
export const version = task({ run: async ({ $ }) => { await ran($, 'version'); return (await $\`cat VERSION\`).stdout.trim() } })
export const compile = task({
  needs: { generate, version }, inputs: ['src/**'], outputs: ['out/**'],
  args: { verbose: flag(), label: text().default('plain') },
  run: async ({ $, needs, args }) => {
    await ran($, 'compile')
    await $\`mkdir -p out && cat gen/g.txt src/a.txt > out/o.txt\`
    return args.label === 'plain' ? 'no version' : needs.version
  },
})
export const rich = task({
  inputs: ['src/**'],
  run: async ({ $ }) => { await ran($, 'rich'); return { at: new Date(0), map: new Map([['a', 1n]]), bytes: new Uint8Array([1, 2]) } },
})
export const uses = task({
  needs: { rich },
  run: ({ needs, log }) => log([needs.rich.at.getTime(), needs.rich.map.get('a'), needs.rich.bytes.length].join(' ')),
})
export const short = task({ inputs: ['src/**'], run: ({ $ }) => $\`echo one line; mkdir -p runs; echo ran >> runs/short\` })
export const usesShort = task({ needs: { short }, run: ({ needs, log }) => log('got ' + needs.short.lines().length + needs.short.stdout.trim()) })
export const odd = task({ inputs: ['src/**'], run: async ({ $ }) => { await ran($, 'odd'); return { call: () => 42 } } })
export const usesOdd = task({ needs: { odd }, run: ({ needs, log }) => log('called ' + needs.odd.call()) })
export const all = task({ needs: { compile }, run() {} })
export const after = task({ needs: { all }, inputs: ['src/**'], run: async ({ $ }) => void (await ran($, 'after')) })
const inner = (word) => task({ inputs: ['src/**'], outputs: ['made/' + word], run: ({ $ }) => $\`mkdir -p made && echo \${word} > made/\${word} && mkdir -p runs && echo ran >> runs/\${word}\` })
export const both = task({ needs: { one: inner('red'), two: inner('blue') }, run() {} })
export const twice = task({ needs: { word: inner('green') }, run() {} })
export const thrice = task({ needs: { word: inner('black') }, run() {} })
export default { a: { b: task({ inputs: ['src/**'], run: ({ $ }) => ran($, 'a-colon-b') }) }, 'a-b': task({ inputs: ['src/**'], run: ({ $ }) => ran($, 'a-dash-b') }) }
export const x = task({ commands: { y: task({ inputs: ['src/**'], run: ({ $ }) => ran($, 'x-y') }) } })
`

function world() {
  const folder = folderWith({
    'Taskfile.ts': taskfile,
    'schema/s.txt': 'first\nsecond\n',
    'src/a.txt': 'source\n',
    VERSION: '1\n',
  })
  const path = (name: string) => join(folder, name)
  const count = (name: string) =>
    existsSync(path(`runs/${name}`)) ? readFileSync(path(`runs/${name}`), 'utf8').split('\n').length - 1 : 0
  const counts = () =>
    existsSync(path('runs')) ? Object.fromEntries(readdirSync(path('runs')).map((name) => [name, count(name)])) : {}
  /** Runs tasks well; gives which of them ran, and what was said. */
  const run = async (words: string[], env: Record<string, string> = {}) => {
    const before: Record<string, number> = counts()
    const ended = await task(words, { cwd: folder, env })
    assert.is(ended.status, 0, ended.stderr)
    const ran = Object.entries(counts()).filter(([name, now]) => now > (before[name] ?? 0))
    return { ran: ran.map(([name]) => name).sort(), ...ended }
  }
  return { folder, path, run }
}

test('trap 7: tasks whose names differ in a character share nothing', async () => {
  const { run } = world()
  assert.equal((await run(['a:b'])).ran, ['a-colon-b'])
  assert.equal((await run(['a-b'])).ran, ['a-dash-b'])
  assert.equal((await run(['x', 'y'])).ran, ['x-y'])
  for (const words of [['a:b'], ['a-b'], ['x', 'y']]) assert.equal((await run(words)).ran, [])
})

test('trap 7: what a need writes counts within the same run, and only that', async () => {
  const { path, run } = world()
  assert.equal((await run(['compile'])).ran, ['compile', 'generate', 'version'])
  assert.equal((await run(['compile'])).ran, ['version'])
  writeFileSync(path('schema/s.txt'), 'changed\nsecond\n')
  assert.equal((await run(['compile'])).ran, ['compile', 'generate', 'version'])
  assert.is(readFileSync(path('out/o.txt'), 'utf8'), 'changed\nsource\n')
  // The second line is read, and makes no difference to what is written.
  writeFileSync(path('schema/s.txt'), 'changed\nother\n')
  assert.equal((await run(['compile'])).ran, ['generate', 'version'])
})

test('trap 7: arguments of a task do not invalidate what it needs', async () => {
  const { run } = world()
  assert.equal((await run(['compile'])).ran, ['compile', 'generate', 'version'])
  assert.equal((await run(['compile', '--verbose'])).ran, ['compile', 'version'])
  assert.equal((await run(['compile'])).ran, ['version'])
})

test('what a need returns counts for who looks at it, and only for that', async () => {
  const { path, run } = world()
  assert.equal((await run(['compile'])).ran, ['compile', 'generate', 'version'])
  assert.equal((await run(['compile', '--label', 'x'])).ran, ['compile', 'version'])
  writeFileSync(path('VERSION'), '2\n')
  assert.equal((await run(['compile'])).ran, ['version'])
  const again = await run(['--json', 'compile', '--label', 'x'])
  assert.equal(again.ran, ['compile', 'version'])
  assert.is(JSON.parse(again.stdout).result, '2')
  const kept = await run(['--json', 'compile', '--label', 'x'])
  assert.equal(kept.ran, ['version'])
  assert.is(JSON.parse(kept.stdout).result, '2')
})

test('a need that was skipped gives what it gave', async () => {
  const { run } = world()
  for (const ran of [['rich'], []]) {
    const ended = await run(['uses'])
    assert.equal(ended.ran, ran)
    assert.match(ended.stderr, /0 1 2\n/)
  }
  for (const ran of [['short'], []]) {
    const ended = await run(['uses-short'])
    assert.equal(ended.ran, ran)
    assert.match(ended.stderr, /got 1one line\n/)
  }
})

test('a need whose result cannot be kept always runs, and says why; alone it is skipped', async () => {
  const { run } = world()
  for (let round = 0; round < 2; round += 1) {
    const ended = await run(['uses-odd'])
    assert.equal(ended.ran, ['odd'])
    assert.match(ended.stderr, /called 42/)
    assert.match(ended.stderr, /never up to date for who needs it/)
  }
  assert.equal((await run(['odd'])).ran, [])
})

test('a task without a fingerprint passes on what it needs', async () => {
  const { path, run } = world()
  assert.ok((await run(['after'])).ran.includes('after'))
  assert.not((await run(['after'])).ran.includes('after'))
  writeFileSync(path('schema/s.txt'), 'new\n')
  assert.ok((await run(['after'])).ran.includes('after'))
})

test('tasks that are not exported are told apart by who needs them', async () => {
  const { path, run } = world()
  assert.equal((await run(['both'])).ran, ['blue', 'red'])
  assert.equal((await run(['twice'])).ran, ['green'])
  assert.equal((await run(['thrice'])).ran, ['black'])
  for (const words of [['both'], ['twice'], ['thrice']]) assert.equal((await run(words)).ran, [])
  for (const word of ['red', 'blue', 'green', 'black']) {
    assert.is(readFileSync(path(`made/${word}`), 'utf8'), `${word}\n`)
  }
})

test.run()
