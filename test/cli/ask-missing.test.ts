import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { repository, task } from '../support/index.ts'
import { tmuxTerminal } from '../support/tmux.ts'
import { folderWith } from '../support/workspace.ts'

const folder = folderWith({
  'Taskfile.ts': `
import { choice, number, task, text } from 'vital-ops'
export const release = task({
  args: {
    version: text().positional().describe('as in the changelog'),
    channel: choice(['beta', 'stable', 'nightly']),
    count: number({ min: 1 }).env('COUNT'),
    region: choice(['eu', 'us']).env('REGION'),
    token: text().env('TOKEN').optional(),
  },
  run: ({ args }) => args,
  render: ({ version, channel, count, region }) => ['got', version, channel, count, region].join(' '),
})
`,
})
const command = `${process.execPath} ${join(repository, 'bin', 'task')}`

test('what is missing is asked for: a list for a choice, a checked line for others; the environment is told', async () => {
  const env = { REGION: 'eu', TOKEN: 'hush-hush-hush' }
  const terminal = tmuxTerminal(`${command} release`, { cwd: folder, env, columns: 100 })
  try {
    await terminal.shows('version: as in the changelog')
    const asked = terminal.screen()
    assert.match(asked, /region: eu \(\$REGION\)/)
    assert.match(asked, /token: \(\$TOKEN\)/)
    assert.not.match(asked, 'hush')
    terminal.keys('a b', 'Enter')
    await terminal.shows('nightly')
    terminal.keys('Down', 'Enter')
    await terminal.shows('count (number)')
    terminal.keys('none', 'Enter')
    await terminal.shows('expected a number')
    terminal.keys('BSpace', 'BSpace', 'BSpace', 'BSpace', '7', 'Enter')
    await terminal.shows('got a b stable 7 eu')
    await terminal.shows('[ended 0]')
  } finally {
    terminal.close()
  }
})

test('who gives up has started nothing', async () => {
  const terminal = tmuxTerminal(`${command} release 1.2`, { cwd: folder, env: { COUNT: '1', REGION: 'us' } })
  try {
    await terminal.shows('nightly')
    terminal.keys('C-c')
    await terminal.shows('no answer was given; nothing ran')
    await terminal.shows('[ended 3]')
  } finally {
    terminal.close()
  }
})

test('nobody is asked with --yes, --json, on CI or without a terminal', async () => {
  for (const words of ['--yes release', '--json release', 'release --json', '--dry-run release']) {
    const terminal = tmuxTerminal(`${command} ${words}`, { cwd: folder })
    try {
      await terminal.shows('missing argument <version>')
      await terminal.shows(/\[ended 2\]/)
    } finally {
      terminal.close()
    }
  }
  const ci = tmuxTerminal(`${command} release`, { cwd: folder, env: { CI: 'true' } })
  try {
    await ci.shows('[ended 2]')
  } finally {
    ci.close()
  }
  assert.is((await task(['release'], { cwd: folder })).status, 2)
})

test.run()
