import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { note, repository, startTask, task, timeLimit, until } from '../support/index.ts'
import { tmuxTerminal } from '../support/tmux.ts'
import { folderWith } from '../support/workspace.ts'

const folder = folderWith({
  'Taskfile.ts': `
import { number, task, type Task } from 'vital-ops'
import { appendFileSync } from 'node:fs'
const notes = (name: string) => ({ run: () => appendFileSync(process.env.NOTES ?? '/dev/null', name + '\\n') })
const root = task(notes('root'))
export const left = task({ ...notes('left'), needs: { root } })
export const right = task({ ...notes('right'), needs: { root } })
export const diamond = task({ ...notes('diamond'), needs: { left, right, root } })
const calls = (other: Task) => task({ needs: { root }, run: async ({ run }) => void (await run(other)) })
export const nested = task({ needs: { root }, run: async ({ run }) => void (await Promise.all([run(calls(calls(left))), run(calls(right)), run(diamond)])) })
const fails = task({ run: async ({ $ }) => void (await $({ quiet: true })\`exit 7\`) })
export const depends = task({ ...notes('depends'), needs: { fails, root } })
export const above = task({ ...notes('above'), needs: { depends } })
const square = task({ args: { n: number() }, run: ({ args }) => args.n ** 2 })
export const squares = task({
  run: async ({ run }) => {
    let sum = 0
    for (const one of await Promise.all(Array.from({ length: 1200 }, (_, n) => run(square, { n })))) sum += one
    return sum
  },
  render: (sum) => String(sum),
})
export const guarded = task({ ...notes('guarded'), needs: { root }, confirm: 'Really?' })
export const outer = task({ ...notes('outer'), needs: { guarded } })
export const counts = task({ run: async ({ $ }) => void (await $\`bash -c \${'trap "echo got >> $SIGNALS; exit 0" INT TERM; echo ready; while :; do sleep 0.05; done'}\`) })
`,
})

let count = 0
async function runs(words: string[]) {
  const notes = join(folder, `notes-${++count}`)
  const ended = await task(words, { cwd: folder, env: { NOTES: notes } })
  return { ...ended, notes: existsSync(notes) ? readFileSync(notes, 'utf8').trimEnd().split('\n') : [] }
}

test('trap 14: a diamond runs its root once', async () => {
  for (const jobs of ['-j1', '-j4']) {
    const { notes, status } = await runs([jobs, 'diamond'])
    assert.is(status, 0)
    assert.equal([notes[0], notes[3], [...notes].sort()], ['root', 'diamond', ['diamond', 'left', 'right', 'root']])
  }
})

test('trap 14: -j1 with shared needs and calls within calls does not hang', async () => {
  const { notes, status, stderr } = await runs(['-j1', 'nested'])
  assert.is(status, 0, stderr)
  assert.equal([...notes].sort(), ['diamond', 'left', 'right', 'root'])
})

test('trap 14: a failed need neither hangs the rest nor lets a dependent run', async () => {
  for (const words of [['above'], ['-j1', 'above'], ['--continue', 'above'], ['-k', 'above', 'diamond']]) {
    const { notes, status } = await runs(words)
    assert.is(status, 7, words.join(' '))
    assert.not(notes.includes('depends') || notes.includes('above'), words.join(' '))
  }
})

test('trap 14: over 1,000 calls of one task', async () => {
  assert.is((await runs(['squares'])).stdout, `${(1199 * 1200 * 2399) / 6}\n`)
})

test('trap 15: 50,000 tasks cost in proportion, and less than 300 MB', async () => {
  // Forty times what it takes; at quadratic cost it would be minutes.
  timeLimit(60_000)
  const many = folderWith({
    'Taskfile.ts': `
import { task, type Task } from 'vital-ops'
const fan: Record<string, Task> = {}
for (let at = 0; at < 40_000; at += 1) fan['fan' + at] = task({ run() {} })
let chain = task({ run: () => 0 })
for (let at = 1; at <= 10_000; at += 1) chain = task({ needs: { before: chain }, run: ({ needs }) => needs.before + 1 })
export const all = task({ needs: { ...fan, chain }, run: ({ needs }) => [needs.chain, Math.round(process.resourceUsage().maxRSS / 1024)], render: (all) => all.join(' ') })
`,
  })
  const { stdout, status, stderr } = await task(['--output=quiet', 'all'], { cwd: many })
  assert.is(status, 0, stderr.slice(-500))
  const [length, megabytes] = stdout.split(' ').map(Number)
  assert.is(length, 10_000)
  assert.ok((megabytes ?? 0) <= 300, `${megabytes} MB`)
  note(`50,000 tasks: ${megabytes} MB`)
})

test('trap 16: what is to be confirmed is asked before anything runs, with all that would run', async () => {
  const notes = join(folder, `notes-${++count}`)
  const command = `${process.execPath} ${join(repository, 'bin', 'task')} outer`
  const declined = tmuxTerminal(command, { cwd: folder, env: { NOTES: notes } })
  try {
    const screen = await declined.shows('Really? [y/N]')
    assert.match(
      screen,
      /1\. {2}root {5}needed by guarded\n2\. {2}guarded {2}needed by outer\n3\. {2}outer {4}asked for\nReally\?/,
    )
    assert.not(existsSync(notes))
    declined.keys('n', 'Enter')
    await declined.shows('[ended 3]')
    assert.not(existsSync(notes))
  } finally {
    declined.close()
  }
  const granted = tmuxTerminal(command, { cwd: folder, env: { NOTES: notes } })
  try {
    await granted.shows('Really? [y/N]')
    granted.keys('y', 'Enter')
    await granted.shows('[ended 0]')
    assert.is(readFileSync(notes, 'utf8'), 'root\nguarded\nouter\n')
  } finally {
    granted.close()
  }
})

test('trap 9: a child is not interrupted twice', async () => {
  const signals = join(folder, `signals-${++count}`)
  const terminal = tmuxTerminal(`${process.execPath} ${join(repository, 'bin', 'task')} counts`, {
    cwd: folder,
    env: { SIGNALS: signals },
  })
  try {
    await terminal.shows('ready')
    terminal.keys('C-c')
    await terminal.shows('[ended 130]')
    assert.is(readFileSync(signals, 'utf8'), 'got\n')
  } finally {
    terminal.close()
  }
  const running = startTask(['counts'], { cwd: folder, env: { SIGNALS: `${signals}-term` } })
  await until(() => running.stdout().includes('ready'), { what: 'the task to be ready' })
  process.kill(running.pid, 'SIGTERM')
  assert.is((await running.ended).status, 143)
  assert.is(readFileSync(`${signals}-term`, 'utf8'), 'got\n')
})

test.run()
