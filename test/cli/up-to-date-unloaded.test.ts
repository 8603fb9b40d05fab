import { rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type RunOptions, task, until } from '../support/index.ts'
import { folderWith } from '../support/workspace.ts'

const files = {
  'Taskfile.ts': `import { flag, optional, task, text } from 'vital-ops'
import { writeFileSync } from 'node:fs'
import { version } from 'heavy'
import { word } from './word.ts'
console.error('LOADED')
const mode = process.env.MODE ?? 'none'
export const gen = task({ inputs: ['gen.txt'], outputs: ['out.txt'], run() { writeFileSync('out.txt', 'out'); console.log('gen'); return word } })
export const build = task({
  inputs: ['in.txt'], env: ['LEVEL'], dotenv: ['.env'], args: { to: text().default('a').env('TO'), fast: flag() }, needs: { gen, more: optional(gen) },
  run({ args, needs }) { console.log('build', args.to, needs.gen, mode, version) },
})
export const lint = task({ inputs: ['in.txt'], mutex: 'lint', run() { console.log('lint') } })
export const clean = task({ inputs: ['in.txt'], run() { console.log('clean') } })
export const rendered = task({ inputs: ['in.txt'], run: () => 5, render: (n) => \`\${n}\\n\` })
export const odd = task({ inputs: ['in.txt'], needs: { gen }, run: ({ needs }) => { console.log('odd', needs.gen); return new (class Odd {})() } })
export const loose = task({ run() { console.log('loose') } })
export const conditional = task({ inputs: ['in.txt'], when: () => true, run() { console.log('conditional') } })
export const needsLoose = task({ inputs: ['in.txt'], needs: { loose }, run() { console.log('needsLoose') } })
export default { default: build }
`,
  'word.ts': "export const word = 'w1'\n",
  '.env': 'A=1\n',
  'in.txt': '1',
  'gen.txt': '1',
  'node_modules/heavy/package.json':
    '{ "name": "heavy", "version": "1.0.0", "type": "module", "exports": "./index.js" }',
  'node_modules/heavy/index.js': "console.error('HEAVY')\nexport const version = 1\n",
}

/** The folder of these files, when its Taskfile needs not be loaded any more: while a file is younger than two seconds, its content is compared. */
async function settled(): Promise<string> {
  const folder = folderWith(files)
  await until(
    async () => {
      // A listing keeps what is known of packages, once these are old enough.
      await task(['--list'], { cwd: folder })
      return !(await task(['build'], { cwd: folder })).stderr.includes('LOADED')
    },
    { what: 'the Taskfile not to be loaded', deadline: 30_000 },
  )
  return folder
}

test('what is up to date is answered without the Taskfile’s code, and without the packages that it imports', async () => {
  const folder = await settled()
  await task(['clean'], { cwd: folder })
  for (const words of [[], ['build', 'clean'], ['--json', 'build'], ['--output=json', 'gen']]) {
    const { stdout, stderr, status } = await task(words, { cwd: folder })
    assert.is(status, 0)
    assert.not.match(stderr, /LOADED|HEAVY/, words.join(' '))
    assert.match(stdout + stderr, words.includes('--output=json') ? 'up-to-date' : '✔ up to date', words.join(' '))
    // The same is said when it is loaded.
    rmSync(join(folder, '.ops/cache/taskfile/Taskfile.ts.kept.json'))
    const loaded = await task(words, { cwd: folder })
    assert.match(loaded.stderr, 'LOADED', words.join(' '))
    const plain = (text: string) =>
      text
        .replace(/^(?:LOADED|HEAVY)\n/gm, '')
        .replace(/\(\d+ms\)|"(?:durationMs|at|time)":[^,}]*/g, '')
        .split('\n')
        .sort()
    assert.equal(plain(loaded.stderr), plain(stderr), words.join(' '))
    assert.equal(plain(loaded.stdout), plain(stdout), words.join(' '))
    // A new listing brings it back.
    rmSync(join(folder, '.ops/cache/taskfile/Taskfile.ts.tasks.json'))
    await task(['--list'], { cwd: folder })
  }
})

test('whatever changed, the task runs as if the Taskfile had been loaded', async () => {
  const folder = await settled()
  const prints = async (words: string[], expected: string, options: RunOptions = {}): Promise<void> => {
    const { stdout, stderr, status } = await task(words, { cwd: folder, ...options })
    assert.equal([stdout, status], [expected, 0], `${words.join(' ')}: ${stderr}`)
  }
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text)
  await prints(['build'], '')
  write('in.txt', '2')
  await prints(['build'], 'build a w1 none 1\n')
  write('gen.txt', '2')
  await prints(['build'], 'gen\n')
  await prints(['build'], '')
  await prints(['build'], 'build a w1 none 1\n', { env: { LEVEL: '1' } })
  await prints(['build'], 'build b w1 none 1\n', { env: { TO: 'b' } })
  await prints(['build', '--to', 'c'], 'build c w1 none 1\n')
  // What the Taskfile looked at when it was loaded.
  await prints(['build'], 'build a w1 none 1\n')
  await prints(['build'], '')
  write('.env', 'A=2\n')
  await prints(['build'], 'build a w1 none 1\n')
  unlinkSync(join(folder, 'out.txt'))
  const restored = await task(['build'], { cwd: folder })
  assert.match(restored.stderr, /gen +│ ✔ restored/)
  await prints(['--force', 'gen'], 'gen\n')
  write('word.ts', "export const word = 'w2'\n")
  await prints(['build'], 'gen\nbuild a w2 none 1\n')
  await prints(['build'], '')
  write('node_modules/heavy/package.json', files['node_modules/heavy/package.json'].replace('1.0.0', '1.0.1'))
  await prints(['build'], 'gen\nbuild a w2 none 1\n')
})

test('what the Taskfile’s code is asked for loads it', async () => {
  const folder = await settled()
  const names = ['lint', 'rendered', 'conditional', 'needs-loose']
  for (const name of names) await task([name], { cwd: folder })
  for (const name of [...names, 'loose']) {
    const { stderr, stdout } = await task([name], { cwd: folder })
    assert.match(stderr, 'LOADED', name)
    if (name === 'rendered') assert.is(stdout, '5\n')
  }
  for (const words of [
    ['gen', 'loose'],
    ['build', '--fast'],
    ['build', '--help'],
    ['gen', ':::', 'clean'],
    ['--why', 'build'],
  ]) {
    assert.match((await task(words, { cwd: folder })).stderr, words.includes('--help') ? '' : 'LOADED', words.join(' '))
  }
  // What it returned could not be kept, and only JSON asks for it: that turns out when it is about to be skipped.
  assert.is((await task(['odd'], { cwd: folder })).stdout, 'odd w1\n')
  assert.not.match((await task(['odd'], { cwd: folder })).stderr, 'LOADED')
  const asked = await task(['--json', 'odd'], { cwd: folder })
  assert.match(asked.stderr, /LOADED[\s\S]*odd w1/)
  assert.equal(JSON.parse(asked.stdout), { task: 'odd', outcome: 'done', exitCode: 0, result: {} })
  const env = { MODE: 'other' }
  assert.match((await task(['build'], { cwd: folder, env })).stderr, 'LOADED')
})

test.run()
