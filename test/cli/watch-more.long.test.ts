import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { processesWith, repository, startTask, task, timeLimit, until } from '../support/index.ts'
import { tmuxTerminal } from '../support/tmux.ts'
import { folderWith, writeFiles } from '../support/workspace.ts'
import { taskfile, watching } from './watching.ts'

timeLimit(120_000)

const watch = suite('watch, more')

watch('a folder that comes later, with all that is in it, counts', async () => {
  const one = await watching('build', { files: {} })
  try {
    await one.says('waiting for changes')
    rmSync(join(one.folder, 'src'), { recursive: true })
    await one.says('src/a.txt changed')
    await one.says('waiting for changes')
    mkdirSync(join(one.folder, 'later', 'inner'), { recursive: true })
    writeFileSync(join(one.folder, 'later', 'inner', 'c.txt'), 'c')
    renameSync(join(one.folder, 'later'), join(one.folder, 'src'))
    await one.says('src/inner/c.txt changed')
    await one.says('waiting for changes')
    writeFileSync(join(one.folder, 'src', 'inner', 'c.txt'), 'cc')
    await one.says('src/inner/c.txt changed')
    await one.says('waiting for changes')
  } finally {
    await one.end()
  }
})

watch('what links lead to counts', async () => {
  const one = await watching('build', { files: { 'shared/folder/f.txt': 'f', 'single/g.txt': 'g' } })
  try {
    await one.says('waiting for changes')
    symlinkSync('../shared/folder', join(one.folder, 'src/linked'))
    await one.says('src/linked/f.txt changed')
    await one.says('waiting for changes')
    symlinkSync('../single/g.txt', join(one.folder, 'src/g.txt'))
    await one.says('src/g.txt changed')
    await one.says('waiting for changes')
    writeFileSync(join(one.folder, 'shared/folder/f.txt'), 'changed')
    await one.says('src/linked/f.txt changed')
    await one.says('waiting for changes')
    writeFileSync(join(one.folder, 'single/g.txt'), 'changed')
    await one.says('src/g.txt changed')
    await one.says('waiting for changes')
  } finally {
    await one.end()
  }
})

watch('many changes at once are one run', async () => {
  const one = await watching('build')
  try {
    await one.says('waiting for changes')
    writeFiles(one.folder, Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`src/many/${index}`, 'x'])))
    await one.says(' more changed; running again')
    await one.says('waiting for changes')
    // A machine that is busy may have written only a part of them before the first look.
    assert.ok(one.log().filter((line) => line === 'build').length <= 3, one.running.stderr())
  } finally {
    await one.end()
  }
})

watch('an edit while a task runs is not lost', async () => {
  const one = await watching('slow', { files: { 'src/a.txt': 'wait 0' } })
  try {
    for (let round = 1; round <= 3; round += 1) {
      await until(() => one.log().filter((line) => line.startsWith('begin')).length >= 1, { what: 'a run' })
      writeFileSync(join(one.folder, 'src/a.txt'), `wait ${round}`)
      await until(() => one.log().filter((line) => line.startsWith('begin')).length >= Math.min(2, round + 1), {
        what: 'another run',
      })
    }
    writeFileSync(join(one.folder, 'src/a.txt'), 'go')
    await until(() => one.log().at(-1)?.startsWith('done'), { what: 'a run with the last edit', deadline: 20_000 })
  } finally {
    await one.end()
  }
})

watch('services are restarted each by itself, and keep nobody waiting; Ctrl-C ends all', async () => {
  const one = await watching('dev')
  const sorted = (lines: string[]) => [...lines].sort().join('|')
  const logs = (...lines: string[]) =>
    until(() => sorted(one.log()) === sorted(lines), { what: lines.join(', '), deadline: 20_000 }).catch((error) => {
      throw new Error(`${error.message}\n${one.log().join(', ')}\n${one.running.stderr()}`)
    })
  const begun = ['server up', 'web up', 'styles', 'dev']
  await logs(...begun)
  await until(() => /server listens/.test(one.running.stdout()) && /web listens/.test(one.running.stdout()), {
    what: 'both',
  })
  assert.match(one.running.stdout(), /^server │ server listens$/m)
  writeFileSync(join(one.folder, 'web/w.txt'), 'changed')
  await one.says('web: web/w.txt changed; starting again')
  await logs(...begun, 'web down', 'web up')
  const order = one.log()
  assert.ok(order.lastIndexOf('web up') > order.indexOf('web down'))
  writeFileSync(join(one.folder, 'styles/x.css'), 'changed')
  await one.says('dev: styles/x.css changed; running again')
  await logs(...begun, 'web down', 'web up', 'styles', 'dev')
  one.running.child.kill('SIGINT')
  const { status } = await one.running.ended
  assert.is(status, 130)
  await logs(...begun, 'web down', 'web up', 'styles', 'dev', 'server down', 'web down')
  assert.equal(await processesWith(one.folder), [])
})

watch('kill -9 of the watching process leaves nothing', async () => {
  const one = await watching('server')
  await until(() => /server listens/.test(one.running.stdout()), { what: 'the service' })
  one.running.child.kill('SIGKILL')
  await one.running.ended
  await until(async () => (await processesWith(one.folder)).length === 0, { what: 'all to be gone', deadline: 30_000 })
})

watch('outside of --watch, a service is ended when what needed it has, and alone it goes on', async () => {
  const folder = folderWith({ 'Taskfile.ts': taskfile, 'styles/x.css': 'x' })
  const { status, stdout } = await task(['--jobs', '1', 'dev'], { cwd: folder })
  assert.is(status, 0)
  assert.not.match(stdout, /undefined/)
  const lines = readFileSync(join(folder, 'log'), 'utf8').trimEnd().split('\n')
  assert.ok(lines.includes('dev') && lines.indexOf('server down') > lines.indexOf('dev'), lines.join(', '))
  const broken = await task(['needs-broken'], { cwd: folder })
  assert.is(broken.status, 9)
  assert.match(broken.stderr, /error: task broken: exit 9 ended with status 9\n/)
  const alone = startTask(['server'], { cwd: folder })
  await until(() => /server listens/.test(alone.stdout()), { what: 'the service' })
  alone.child.kill('SIGINT')
  assert.is((await alone.ended).status, 130)
})

watch('several services on a terminal each say whose their lines are, and none draws over the others', async () => {
  const files = { 'server/s.txt': 's\n', 'web/w.txt': 'w\n', 'styles/x.css': 'x\n' }
  const folder = folderWith({ 'Taskfile.ts': taskfile, ...files })
  const command = `'${process.execPath}' '${join(repository, 'bin', 'task')}' --no-color --watch dev`
  const terminal = tmuxTerminal(command, { cwd: folder })
  try {
    await terminal.shows(/^server │ server listens$/m)
    await terminal.shows(/^web {4}│ web listens$/m)
    const seen = await terminal.shows(/^dev {4}│ ✔ done/m)
    assert.not.match(seen, / of \d+ ended/)
    terminal.keys('C-c')
    await terminal.shows('[ended 130]')
  } finally {
    terminal.close()
  }
})

watch('a terminal is cleared before each run, and Ctrl-C ends it', async () => {
  const folder = folderWith({ 'Taskfile.ts': taskfile, 'src/a.txt': 'good' })
  const command = `'${process.execPath}' '${join(repository, 'bin', 'task')}' --no-color --watch fails`
  const terminal = tmuxTerminal(command, { cwd: folder })
  try {
    await terminal.shows(/watch: watching 1 file; Ctrl-C ends\n\$ grep[^\n]*\nwatch: done/)
    appendFileSync(join(folder, 'src/a.txt'), ' still')
    await terminal.shows(/watch: src\/a\.txt changed; running again\n\$ grep[^\n]*\nwatch: done/)
    terminal.keys('C-c')
    await terminal.shows('[ended 130]')
  } finally {
    terminal.close()
  }
})

watch.run()
