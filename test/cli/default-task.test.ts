import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { repository, startTask, task, until } from '../support/index.ts'
import { tmuxTerminal } from '../support/tmux.ts'
import { folderWith } from '../support/workspace.ts'

const rest = `
import { flag, task, text } from 'vital-ops'
const says = (name: string) => ({ run: () => console.log(name + ' ran') })
export const lint = task({ description: 'Style', ...says('lint') })
`
const forms = {
  'a task of that name in the default export': `export default { default: task(says('chosen')) }`,
  'the default export': `export default task(says('chosen'))`,
  'one that is exported by its name, too': `export const zip = task({ description: 'Pack', ...says('chosen') })\nexport default zip`,
  'one that the record names twice': `const pack = task(says('chosen'))\nexport default { default: pack, db: { pack } }`,
  'an alias': `export const pack = task({ aliases: ['default'], ...says('chosen') })`,
  'a task with commands': `export default task({ commands: { up: task(says('chosen')), down: task(says('no')) }, defaultCommand: 'up' })`,
}

for (const [form, text] of Object.entries(forms)) {
  test(`a declared default runs when no task is named: ${form}`, async () => {
    const folder = folderWith({ 'Taskfile.ts': `${rest}${text}\n` })
    // The second is a start with a listing.
    for (const words of [[], [], ['default'], ['-w', folder], ['--force'], ['--no-color']]) {
      const { stdout, stderr, status } = await task(words, { cwd: folder })
      assert.equal([stdout, stderr, status], ['chosen ran\n', '', 0], words.join(' '))
    }
    assert.match((await task(['--list'], { cwd: folder })).stdout, /lint +Style/)
    assert.match((await task(['--help'], { cwd: folder })).stdout, 'usage: task')
  })
}

test('without a default, the tasks are listed', async () => {
  const folder = folderWith({ 'Taskfile.ts': rest })
  for (const words of [[], [], ['--no-color']]) {
    assert.match((await task(words, { cwd: folder })).stdout, /^ +lint +Style\n$/)
  }
  const watched = await task(['--watch'], { cwd: folder })
  assert.match(watched.stderr, '--watch needs a task')
  assert.is(watched.status, 2)
})

test('one task with two names is listed, and told, by its own', async () => {
  const folder = folderWith({
    'Taskfile.ts': `${rest}export const zip = task({ description: 'Pack', run: ({ name }) => console.log(name) })\nexport default zip\n`,
  })
  const list = (await task(['--list'], { cwd: folder })).stdout
  assert.is(list, '  lint  Style\n  zip   Pack (default)\n')
  assert.is((await task([], { cwd: folder })).stdout, 'zip\n')
  assert.match((await task(['--dry-run'], { cwd: folder })).stdout, 'zip')
  const { tasks } = JSON.parse((await task(['--list', '--json'], { cwd: folder })).stdout)
  assert.equal(
    tasks.map((one: { name: string; isDefault?: true }) => [one.name, one.isDefault]),
    [
      ['lint', undefined],
      ['zip', true],
    ],
  )
})

test('--watch alone watches the default', async () => {
  const folder = folderWith({
    'in.txt': '',
    'Taskfile.ts': `${rest}export default task({ inputs: ['in.txt'], ...says('chosen') })\n`,
  })
  const running = startTask(['--watch'], { cwd: folder })
  await until(() => running.stdout().includes('chosen ran'), { what: 'the default to run' })
  process.kill(running.pid, 'SIGINT')
  assert.is((await running.ended).status, 130)
})

test('on a terminal a default runs, and --pick asks which task', async () => {
  const folder = folderWith({ 'Taskfile.ts': `${rest}export default task(says('chosen'))\n` })
  const command = `'${process.execPath}' '${join(repository, 'bin', 'task')}'`
  const bare = tmuxTerminal(command, { cwd: folder })
  try {
    const screen = await bare.shows('[ended 0]')
    assert.match(screen, 'chosen ran')
    assert.not.match(screen, 'Which task?')
  } finally {
    bare.close()
  }
  for (const word of ['--pick', '--choose']) {
    const picker = tmuxTerminal(`${command} ${word}`, { cwd: folder })
    try {
      await picker.shows('Which task?')
      picker.keys('lint')
      await picker.shows(/lint/)
      picker.keys('Enter')
      await picker.shows('lint ran')
    } finally {
      picker.close()
    }
  }
  const { stderr, status } = await task(['--pick'], { cwd: folder })
  assert.match(stderr, '--pick needs a terminal')
  assert.is(status, 2)
})

test.run()
