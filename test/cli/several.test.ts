import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { task } from '../support/index.ts'
import { folderWith } from '../support/workspace.ts'

const folder = folderWith({
  'Taskfile.ts': `
import { choice, flag, optional, task, text } from 'vital-ops'
import { appendFileSync } from 'node:fs'
const note = (name: string) => appendFileSync(process.env.NOTES ?? '/dev/null', name + '\\n')
const ran = (name: string) => ({ run: () => { note(name); return name }, render: (result: string) => result })

export const generate = task(ran('generate'))
export const build = task({ ...ran('build'), needs: { generate } })
export const lint = task({ args: { fix: flag() }, run: ({ args }) => { note('lint'); return { fix: args.fix } }, render: (one) => 'lint ' + one.fix })
export const test = task({ ...ran('test'), needs: { build } })
export const clean = task(ran('clean'))
export const release = task({
  args: { channel: choice(['beta', 'stable']).positional(), notes: text().optional() },
  needs: { build },
  run: ({ args }) => { note('release'); return args.channel + ' ' + (args.notes ?? '') },
  render: (result) => 'release ' + result,
})
export const notify = task({ args: { all: flag(), words: text().positional().repeated() }, run: ({ args }) => args, render: (args) => 'notify ' + args.all + ' ' + args.words.join('|') })
export const seven = task({ run: async ({ $ }) => void (await $({ quiet: true })\`sleep 0.1; exit 7\`) })
export const nine = task({ run: async ({ $ }) => void (await $({ quiet: true })\`sleep 0.4; exit 9\`) })
export const afterSeven = task({ ...ran('afterSeven'), needs: { seven } })
export const withOptional = task({ needs: { seven: optional(seven), build }, run: ({ needs }) => ({ seven: needs.seven === undefined, build: needs.build }) })
export const db = task({ commands: { migrate: task(ran('migrate')), seed: task(ran('seed')) } })
`,
})

let count = 0
/** Runs words and gives the end, and what ran in which order. */
async function runs(words: string[], env: Record<string, string> = {}) {
  const notes = join(folder, `notes-${++count}`)
  const ended = await task(words, { cwd: folder, env: { NOTES: notes, ...env } })
  const { readFileSync } = await import('node:fs')
  return { ...ended, notes: existsSync(notes) ? readFileSync(notes, 'utf8').trimEnd().split('\n') : [] }
}

test('a word that names a task begins the next one, where the task takes no positional', async () => {
  const { stdout, status, notes, stderr } = await runs(['lint', '--fix', 'test', 'clean'])
  assert.is(status, 0, stderr)
  assert.equal(stdout, 'lint true\ntest\nclean\n')
  assert.equal([...notes].sort(), ['build', 'clean', 'generate', 'lint', 'test'])
  assert.ok(notes.indexOf('generate') < notes.indexOf('build') && notes.indexOf('build') < notes.indexOf('test'))
})

test('a positional that is left takes the word, also the name of a task; ::: says otherwise', async () => {
  const { stdout, status, stderr } = await runs(['release', 'beta', 'lint'])
  assert.is(status, 0, stderr)
  assert.is(stdout, 'release beta \nlint false\n')
  assert.is((await runs(['notify', 'lint', 'test'])).stdout, 'notify false lint|test\n')
  assert.is((await runs(['notify', 'a', ':::', 'lint'])).stdout, 'notify false a\nlint false\n')
  assert.is(
    (await runs(['release', 'beta', '--notes', 'lint', ':::', 'notify', '--all'])).stdout,
    'release beta lint\nnotify true \n',
  )
  assert.is((await runs(['db', 'migrate', 'lint'])).stdout, 'migrate\nlint false\n')
})

test('behind -- all words are that task’s', async () => {
  assert.is(
    (await runs(['lint', ':::', 'notify', '--', ':::', 'lint', '--', '-x'])).stdout,
    'lint false\nnotify false :::|lint|--|-x\n',
  )
  const { status, stderr } = await runs(['lint', '--', 'test'])
  assert.is(status, 2)
  assert.match(stderr, 'unexpected argument "test"')
})

test('what is wrong with any of them is said before any runs', async () => {
  const { status, stderr, notes } = await runs(['clean', ':::', 'release', 'gamma', ':::', 'lint', 'tset'])
  assert.is(status, 2)
  assert.match(stderr, 'channel: expected one of beta, stable, got "gamma"')
  assert.match(stderr, /unexpected argument "tset"[\s\S]*test/)
  assert.equal(notes, [])
  for (const words of [
    ['lint', ':::'],
    [':::', 'lint'],
    ['lint', ':::', ':::', 'clean'],
  ]) {
    const ended = await runs(words)
    assert.is(ended.status, 2, words.join(' '))
    assert.match(ended.stderr, 'a task is missing beside :::')
    assert.equal(ended.notes, [])
  }
})

test('with one place they start in the order of the list, each once', async () => {
  const { notes } = await runs(['-j1', 'test', 'clean', 'build', 'clean'])
  assert.equal(notes, ['generate', 'build', 'test', 'clean'])
})

test('several results as JSON are a list; one is none', async () => {
  const { stdout, status } = await runs(['--json', 'lint', 'test'])
  assert.is(status, 0)
  assert.equal(JSON.parse(stdout), [
    { task: 'lint', outcome: 'done', exitCode: 0, result: { fix: false } },
    { task: 'test', outcome: 'done', exitCode: 0, result: 'test' },
  ])
  const failed = await runs(['--json', '-j1', 'seven', 'lint'])
  assert.is(failed.status, 7)
  const [first, second] = JSON.parse(failed.stdout)
  assert.equal([first.task, first.outcome, first.exitCode], ['seven', 'failed', 7])
  assert.equal([second.task, second.outcome, second.failures[0].code], ['lint', 'failed', 'task-stopped'])
})

test('--continue goes on with what does not depend on a failure; the status is that of the first', async () => {
  const words = ['seven', 'after-seven', 'nine', 'lint']
  const stopped = await runs(['-j4', ...words])
  assert.is(stopped.status, 7)
  const went = await runs(['-j4', '--continue', ...words])
  assert.is(went.status, 7, went.stderr)
  assert.equal(went.notes, ['lint'])
  assert.match(went.stderr, /after-seven.* skipped: seven failed/)
  assert.match(went.stderr, 'task nine: sleep 0.4; exit 9 ended with status 9')
  assert.equal((await runs(['-k', ...words])).notes, ['lint'])
  const always = await runs(['-j4', '--continue=always', ...words])
  assert.is(always.status, 7)
  assert.equal([...always.notes].sort(), ['afterSeven', 'lint'])
})

test('the failure of an optional need is none of who needs it', async () => {
  const { status, stdout, stderr } = await runs(['--json', 'with-optional'])
  assert.is(status, 0, stderr)
  assert.equal(JSON.parse(stdout).result, { seven: true, build: 'build' })
  assert.match(stderr, /seven +│ warning: failed, and need not have succeeded: a command ended with status 7/)
  assert.is((await runs(['with-optional', 'seven'])).status, 7)
})

test('--only runs nothing but what is asked for', async () => {
  assert.equal((await runs(['--only', 'test'])).notes, ['test'])
})

test('--dry-run shows what would run, in order, with arguments and why; it runs and writes nothing', async () => {
  const before = readdirSync(join(folder, '.ops'), { recursive: true }).length
  const { stdout, status, notes } = await runs(['--dry-run', 'release', 'beta', '--notes', 'a b', ':::', 'clean'])
  assert.is(status, 0)
  assert.equal(notes, [])
  assert.is(
    stdout,
    [
      '1.  generate  needed by build',
      '2.  build     needed by release',
      '3.  release   asked for          channel="beta" notes="a b"',
      '4.  clean     asked for',
      '',
    ].join('\n'),
  )
  const { stdout: json } = await runs(['--json', '-n', 'build'])
  assert.equal(JSON.parse(json), {
    outcome: 'done',
    exitCode: 0,
    dryRun: true,
    tasks: [
      { task: 'generate', arguments: {}, asked: false, needs: [], neededBy: ['build'], finallyOf: [] },
      { task: 'build', arguments: {}, asked: true, needs: ['generate'], neededBy: [], finallyOf: [] },
    ],
  })
  assert.is(readdirSync(join(folder, '.ops'), { recursive: true }).length, before)
})

test.run()
