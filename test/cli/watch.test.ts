import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { processesWith, type Running, repository, startTask, task, timeLimit, until } from '../support/index.ts'
import { tmuxTerminal } from '../support/tmux.ts'
import { folderWith, writeFiles } from '../support/workspace.ts'

timeLimit(120_000)

/** What a task appends to `log` says what ran, and when it was told to end. */
const taskfile = `
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { task } from 'vital-ops'
const say = (text: string) => appendFileSync('log', text + '\\n')
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
export const base = task({ inputs: ['lib/**'], async run() { say('base') } })
export const build = task({ inputs: ['src/**', '!src/**/*.skip'], needs: { base }, async run() { say('build') } })
export const slow = task({ inputs: ['src/**'], async run({ signal }) {
  say('begin ' + process.pid)
  signal.addEventListener('abort', () => say('told to end'))
  const waits = readFileSync('src/a.txt', 'utf8').startsWith('wait')
  while (!signal.aborted && waits) await sleep(20)
  if (signal.aborted) { await sleep(300); say('end ' + process.pid); signal.throwIfAborted() }
  say('done ' + process.pid)
} })
export const bare = task({ async run() {} })
export const formats = task({ inputs: ['src/**'], async run() {
  say('format')
  writeFileSync('src/a.txt', readFileSync('src/a.txt', 'utf8').trim().toUpperCase() + '\\n')
} })
export const stamps = task({ inputs: ['src/**'], async run() { say('stamp'); writeFileSync('src/stamp', String(process.hrtime.bigint())) } })
export const generates = task({ inputs: ['src/**'], outputs: ['src/generated/**'], async run({ $ }) {
  say('generate'); await $\`mkdir -p src/generated; date +%N > src/generated/now\`
} })
export const fails = task({ inputs: ['src/**'], async run({ $ }) { say('fails'); await $\`grep -q good src/a.txt\` } })
const serve = (name: string) => task({ persistent: true, inputs: [name + '/**'], async run({ $ }) {
  say(name + ' up')
  try { await $\`echo \${name} listens; exec sleep 600\` } finally { say(name + ' down') }
} })
export const server = serve('server')
export const web = serve('web')
export const styles = task({ inputs: ['styles/**'], async run() { say('styles') } })
const broken = task({ persistent: true, async run({ $ }) { await $\`exit 9\` } })
export const needsBroken = task({ needs: { broken }, async run({ signal }) {
  await new Promise((resolve) => { setTimeout(resolve, 60_000).unref(); setInterval(() => {}, 1000); signal.addEventListener('abort', resolve) })
} })
export const dev = task({ needs: { server, web, styles }, async run() { say('dev') } })
`

type Watched = {
  folder: string
  running: Running
  /** What ran, so far. */
  log(): string[]
  /** Waits until the log is this. */
  logs(...lines: string[]): Promise<void>
  /** Waits until it says so once more than when this was last called. */
  says(text: string): Promise<void>
  end(): Promise<void>
}

async function watching(
  name: string,
  options: { poll?: boolean; files?: Record<string, string> } = {},
): Promise<Watched> {
  const files = {
    'src/a.txt': 'a\n',
    'lib/l.txt': 'l\n',
    'server/s.txt': 's\n',
    'web/w.txt': 'w\n',
    'styles/x.css': 'x\n',
  }
  const folder = folderWith({ 'Taskfile.ts': taskfile, ...files, ...options.files })
  const running = startTask(['--watch', ...(options.poll ? ['--poll'] : []), name], { cwd: folder, timeout: 110_000 })
  const log = () => {
    const path = join(folder, 'log')
    return existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : []
  }
  let said = 0
  return {
    folder,
    running,
    log,
    async logs(...lines) {
      const what = `the log to be ${lines.join(', ')}`
      await until(() => log().join('|') === lines.join('|'), { what, deadline: 20_000 }).catch((error: Error) => {
        throw new Error(`${error.message}\nthe log: ${log().join(', ')}\n${running.stderr()}`)
      })
    },
    async says(text) {
      await until(
        () => {
          const at = running.stderr().indexOf(text, said)
          if (at < 0) return false
          said = at + text.length
          return true
        },
        { what: `it to say ${text}`, deadline: 20_000 },
      ).catch((error: Error) => {
        throw new Error(`${error.message}\n${running.stderr()}`)
      })
    },
    async end() {
      running.child.kill('SIGTERM')
      await running.ended
    },
  }
}

const watch = suite('watch')

for (const poll of [false, true]) {
  watch(
    `changed, new, renamed and deleted files run it again${poll ? ', also by looking' : ''}; others do not`,
    async () => {
      const one = await watching('build', { poll })
      try {
        const { folder } = one
        const at = (path: string) => join(folder, path)
        await one.says('waiting for changes')
        await one.logs('base', 'build')
        writeFileSync(at('src/a.txt'), 'changed\n')
        await one.says('src/a.txt changed; running again')
        await one.says('waiting for changes')
        await one.logs('base', 'build', 'build')
        mkdirSync(at('src/new/deep'), { recursive: true })
        writeFileSync(at('src/new/deep/b.txt'), 'b')
        await one.says('src/new/deep/b.txt changed')
        await one.says('waiting for changes')
        // As editors save: another file takes the name.
        writeFileSync(at('src/new/deep/b.txt~'), 'saved')
        renameSync(at('src/new/deep/b.txt~'), at('src/new/deep/b.txt'))
        await one.says('src/new/deep/b.txt')
        await one.says('waiting for changes')
        const count = one.log().length
        // Neither the same content again, nor what is left out, nor what is no input.
        writeFileSync(at('src/a.txt'), 'changed\n')
        writeFileSync(at('src/x.skip'), 'x')
        writeFileSync(at('other.txt'), 'x')
        unlinkSync(at('src/new/deep/b.txt'))
        await one.says('src/new/deep/b.txt changed')
        await one.says('waiting for changes')
        rmSync(at('src/new'), { recursive: true })
        writeFileSync(at('lib/l.txt'), 'of what it needs\n')
        await one.says('lib/l.txt changed')
        await one.says('waiting for changes')
        assert.equal(one.log().slice(count), ['build', 'base', 'build'], one.running.stderr())
      } finally {
        await one.end()
      }
    },
  )
}

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

watch('the old run has ended before the new one begins', async () => {
  const one = await watching('slow', { files: { 'src/a.txt': 'wait 0' } })
  try {
    await until(() => one.log().length === 1, { what: 'the first run' })
    writeFileSync(join(one.folder, 'src/a.txt'), 'go')
    await one.says('src/a.txt changed')
    await one.says('waiting for changes')
    const [begin, told, end, again, done] = one.log()
    const pid = begin?.split(' ')[1]
    assert.equal([told, end], ['told to end', `end ${pid}`])
    assert.match(again ?? '', /^begin \d+$/)
    assert.is(done, again?.replace('begin', 'done'))
  } finally {
    await one.end()
  }
})

watch('many changes at once are one run', async () => {
  const one = await watching('build')
  try {
    await one.says('waiting for changes')
    writeFiles(one.folder, Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`src/many/${index}`, 'x'])))
    await one.says(' more changed; running again')
    await one.says('waiting for changes')
    // A machine that is busy may have written only a part of them before the first look.
    assert.ok(one.log().filter((line) => line === 'build').length <= 3, one.running.stderr())
  } finally {
    await one.end()
  }
})

watch('a task that writes its own inputs does not loop', async () => {
  for (const [name, runs, ...more] of [
    // Writes the same again: once more, and that is all.
    ['formats', ['format', 'format']],
    // Another content each time: seen twice, and said.
    ['stamps', ['stamp', 'stamp'], 'src/stamp changed whenever stamps ran'],
    // What it says that it writes is no reason.
    ['generates', ['generate']],
  ] as const) {
    const one = await watching(name)
    try {
      for (const text of more) await one.says(text)
      await one.logs(...runs)
      // Edits run it again; between them, what would loop has the time of two starts.
      for (const edit of ['first', 'second']) {
        await one.says('waiting for changes')
        const before = one.log().length
        writeFileSync(join(one.folder, 'src', 'b.txt'), edit)
        await until(() => one.log().length > before, { what: `the run after the ${edit} edit` })
      }
      await one.says('waiting for changes')
      assert.ok(one.log().length <= runs.length + 4, `${name}: ${one.log().join(', ')}\n${one.running.stderr()}`)
    } finally {
      await one.end()
    }
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

watch('a task that fails is said, and runs again with the next change', async () => {
  const one = await watching('fails')
  try {
    await one.says('ended with status 1')
    writeFileSync(join(one.folder, 'src/a.txt'), 'good\n')
    await one.says('src/a.txt changed')
    await one.says('done (')
    assert.equal(one.log(), ['fails', 'fails'])
  } finally {
    await one.end()
  }
})

watch('a changed Taskfile, and what it imports, is read again; a broken one waits for its mending', async () => {
  const one = await watching('build')
  const path = join(one.folder, 'Taskfile.ts')
  try {
    await one.says('waiting for changes')
    writeFileSync(path, `import { name } from './names/name.ts'\n${taskfile.replace("say('build')", 'say(name)')}`)
    await one.says('Taskfile.ts changed; reading the Taskfile again')
    await one.says('no file "./names/name.ts"')
    await one.says('waiting for a change of the Taskfile')
    writeFiles(one.folder, { 'names/name.ts': `export const name = 'first'` })
    await one.says('names/name.ts changed; reading the Taskfile again')
    await one.says('waiting for changes')
    assert.is(one.log().at(-1), 'first')
    writeFiles(one.folder, { 'names/name.ts': `export const name = 'second'` })
    await one.says('names/name.ts changed')
    await one.says('waiting for changes')
    assert.is(one.log().at(-1), 'second')
    writeFileSync(path, readFileSync(path, 'utf8').replace("['src/**', '!src/**/*.skip']", "['elsewhere/**']"))
    await one.says('Taskfile.ts changed')
    await one.says('waiting for changes')
    const count = one.log().length
    writeFiles(one.folder, { 'elsewhere/e.txt': 'e' })
    await one.says('elsewhere/e.txt changed')
    await one.says('waiting for changes')
    assert.equal(one.log().slice(count), ['second'])
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

watch('what cannot be watched is refused, with the reason', async () => {
  const folder = folderWith({ 'Taskfile.ts': taskfile })
  const bare = await task(['--watch', 'bare'], { cwd: folder })
  assert.is(bare.status, 3)
  assert.match(
    bare.stderr,
    /^error: there is nothing to watch for bare: neither it nor what it needs says which files it reads\n/,
  )
  const unknown = await task(['--watch', 'biuld'], { cwd: folder })
  assert.is(unknown.status, 2)
  assert.match(unknown.stderr, /unknown task biuld; did you mean build\?/)
  assert.is((await task(['--watch'], { cwd: folder })).status, 2)
  for (const words of [['--dry-run', 'build'], ['runs']]) {
    const refused = await task(['--watch', ...words], { cwd: folder })
    assert.is(refused.status, 2)
    assert.match(refused.stderr, /error: --watch is for tasks that run; nothing ran here/)
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
