import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { repository, task } from '../support/index.ts'
import { tmuxTerminal } from '../support/tmux.ts'
import { folderWith } from '../support/workspace.ts'

const folder = folderWith({
  'Taskfile.ts': `import { choice, task } from 'vital-ops'
export const build = task({ description: 'Compile the application', async run({ log }) { log('built') } })
export const lint = task({ description: 'Style and types', async run({ log }) { log('linted') } })
export const services = task({ commands: { up: task({ description: 'Start them', async run({ log }) { log('started') } }), down: task({ run() {} }) } })
export const unseen = task({ hidden: true, run() {} })
export const release = task({ args: { channel: choice(['beta', 'stable']).positional() }, async run({ args, log }) { log('to ' + args.channel) } })`,
})
const command = `'${process.execPath}' '${join(repository, 'bin', 'task')}'`
const open = (env: Record<string, string> = {}) => tmuxTerminal(command, { cwd: folder, env })

const picker = suite('the picker')

picker('a task is sought by words of its description, and run', async () => {
  const terminal = open()
  try {
    const first = await terminal.shows('Which task?')
    for (const name of ['build', 'lint', 'services up', 'services down', 'release']) assert.match(first, name)
    assert.not.match(first, 'unseen')
    terminal.keys('types')
    await terminal.shows(/types[\s\S]*● lint|> lint|lint \(Style and types\)/)
    terminal.keys('Enter')
    await terminal.shows('linted')
    await terminal.shows('[ended 0]')
  } finally {
    terminal.close()
  }
})

picker('a command within a task is picked, too', async () => {
  const terminal = open()
  try {
    await terminal.shows('Which task?')
    terminal.keys('start th')
    await terminal.shows('start th')
    terminal.keys('Enter')
    await terminal.shows('started')
  } finally {
    terminal.close()
  }
})

picker('what a picked task misses is asked for', async () => {
  const terminal = open()
  try {
    await terminal.shows('Which task?')
    terminal.keys('relea')
    await terminal.shows('relea')
    terminal.keys('Enter')
    await terminal.shows('channel')
    terminal.keys('Down')
    terminal.keys('Enter')
    await terminal.shows('to stable')
  } finally {
    terminal.close()
  }
})

picker('Esc and Ctrl-C leave it, and nothing runs', async () => {
  for (const key of ['Escape', 'C-c']) {
    const terminal = open()
    try {
      await terminal.shows('Which task?')
      terminal.keys(key)
      const screen = await terminal.shows('[ended 0]')
      assert.not.match(screen, /built|linted|started/)
    } finally {
      terminal.close()
    }
  }
})

picker('on CI, and without a terminal, the tasks are listed', async () => {
  const terminal = open({ CI: 'true' })
  try {
    const screen = await terminal.shows('[ended 0]')
    assert.match(screen, /build +Compile the application/)
    assert.not.match(screen, 'Which task?')
  } finally {
    terminal.close()
  }
  assert.match((await task([], { cwd: folder })).stdout, /build +Compile the application/)
})

picker.run()
