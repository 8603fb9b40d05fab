import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { repository, task } from '../support/index.ts'
import { tmuxTerminal } from '../support/tmux.ts'
import { folderWith } from '../support/workspace.ts'

const taskfile = `
import { existsSync } from 'node:fs'
import { task } from 'vital-ops'
const needed = task({ inputs: ['in.txt'], outputs: ['made.txt'], run: async ({ $ }) => void (await $\`cp in.txt made.txt; echo needed >> ran\`) })
export const build = task({
  needs: { needed }, inputs: ['in.txt'], outputs: ['out.txt'],
  preconditions: [{ check: ({ folder }) => existsSync(folder + '/ready'), message: 'not ready' }],
  run: async ({ $ }) => void (await $\`cp in.txt out.txt; echo build >> ran\`),
})
export const asks = task({ needs: { needed }, inputs: ['in.txt'], confirm: 'Really?', run: async ({ $ }) => void (await $\`echo asks >> ran\`) })
`

/** All that is kept of tasks, with what is known of each file. */
function state(folder: string): string[] {
  const root = join(folder, '.ops', 'cache')
  if (!existsSync(root)) return []
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => !path.startsWith('taskfile'))
    .map((path) => join(root, path))
    .filter((path) => statSync(path).isFile())
    .map((path) => `${path} ${statSync(path).mtimeMs} ${readFileSync(path, 'latin1')}`)
    .sort()
}

const world = () => folderWith({ 'Taskfile.ts': taskfile, 'in.txt': 'one\n', ran: '' })
const ran = (folder: string): string[] => readFileSync(join(folder, 'ran'), 'utf8').split('\n').slice(0, -1)

/** What each of these does: nothing runs, and nothing is kept or lost. */
async function nothingHappens(folder: string): Promise<void> {
  const [before, output] = [state(folder), ran(folder)]
  rmSync(join(folder, 'ready'), { force: true })
  const refused = await task(['build'], { cwd: folder })
  assert.match(refused.stderr, 'not ready')
  assert.is(refused.status, 3)
  assert.is((await task(['--force', 'build'], { cwd: folder })).status, 3)
  for (const words of [
    ['--dry-run', 'build'],
    ['--dry-run', '--json', 'asks'],
    ['--why', 'build'],
    ['--why', 'asks'],
  ]) {
    assert.ok([0, 1].includes((await task(words, { cwd: folder })).status ?? -1), words.join(' '))
  }
  const unasked = await task(['asks'], { cwd: folder })
  assert.is(unasked.status, 3)
  const terminal = tmuxTerminal(`'${process.execPath}' '${join(repository, 'bin', 'task')}' asks`, { cwd: folder })
  try {
    await terminal.shows('Really? [y/N]')
    terminal.keys('n', 'Enter')
    await terminal.shows('[ended 3]')
  } finally {
    terminal.close()
  }
  assert.equal(ran(folder), output)
  assert.equal(state(folder), before)
}

test('trap 2: a failed precondition, a dry run, --why and a declined question write no state', async () => {
  const folder = world()
  await nothingHappens(folder)
  writeFileSync(join(folder, 'ready'), '')
  assert.is((await task(['build'], { cwd: folder })).status, 0)
  assert.equal(ran(folder), ['needed', 'build'])
  // What is up to date stays it, and what has changed is not taken for up to date.
  await nothingHappens(folder)
  writeFileSync(join(folder, 'in.txt'), 'two\n')
  await nothingHappens(folder)
  writeFileSync(join(folder, 'ready'), '')
  assert.is((await task(['build'], { cwd: folder })).status, 0)
  assert.equal(ran(folder), ['needed', 'build', 'needed', 'build'])
  assert.is(readFileSync(join(folder, 'out.txt'), 'utf8'), 'two\n')
})

test.run()
