import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { processesWith, repository, startTask, task, until } from '../support/index.ts'
import { tmuxTerminal } from '../support/tmux.ts'
import { folderWith } from '../support/workspace.ts'

const folder = folderWith({
  'sub/inner/x.txt': '',
  'a.md': '',
  'Taskfile.ts': `import { flag, task, text } from 'vital-ops'
import { chalk, echo, expBackoff, fetch, fs, glob, question, retry, sleep, spinner, tmpdir, tmpfile, which, within, YAML } from 'vital-ops/zx'
const json = { render: (value: unknown) => JSON.stringify(value) + '\\n' }
const q = { quiet: true } as const

export const scopes = task({ ...json, environment: { LEVEL: 'task' }, run: async ({ $: all, workspaceFolder }) => {
  const $ = all(q)
  const where = async () => (await $\`pwd; echo $LEVEL\`).lines().map((line) => line.replace(workspaceFolder, '.'))
  const found: Record<string, unknown> = { before: await where() }
  const [one, two] = await Promise.all([
    within(async () => {
      $.cwd = 'sub'
      $.env.LEVEL = 'one'
      await sleep(20)
      const inner = await within(async () => { $.cwd = 'sub/inner'; $.env.LEVEL = 'inner'; return where() })
      return [await where(), inner]
    }),
    within(async () => { $.env = { ...$.env, LEVEL: 'two' }; await sleep(10); return where() }),
  ])
  found.one = one
  found.two = two
  found.after = await where()
  found.value = within(() => 7)
  found.failed = await within(async () => { $.nothrow = true; return (await $\`exit 3\`).exitCode })
  found.still = await $\`exit 3\`.then(() => 'went on', (error) => error.exitCode)
  $.cwd = 'sub'
  found.set = await where()
  return found
} })

export const apart = task({ ...json, needs: { scopes }, run: async ({ $ }) => (await $(q)\`pwd\`).stdout.trim().split('/').at(-1) === $.cwd.split('/').at(-1) && $.cwd === process.cwd() })

export const sync = task({ ...json, run: async ({ $ }) => {
  const quiet = $.sync(q)
  const found: unknown[] = [quiet\`printf %s \${'a b'}; exit 0\`.stdout, quiet({ cwd: 'sub' })\`basename $PWD\`.text().trim(), quiet({ input: 'in' })\`cat\`.stdout]
  try { quiet\`echo no >&2; exit 4\` } catch (error) { found.push((error as { exitCode: number }).exitCode, (error as { stderr: string }).stderr) }
  found.push(quiet({ nothrow: true })\`exit 5\`.exitCode)
  within(() => { $.cwd = 'sub/inner'; found.push($.sync(q)\`ls\`.stdout.trim()) })
  return found
} })
export const shown = task({ run: ({ $ }) => { $.sync\`echo out; echo err >&2\` } })
export const fails = task({ run: ({ $ }) => { $.sync\`exit 6\` } })
export const late = task({ run: ({ $ }) => { $.sync({ timeout: '200ms' })\`sleep 60\` } })
export const leaves = task({ run: async ({ $ }) => { $.sync(q)\`sleep 600 >/dev/null 2>&1 &\` } })
export const blocks = task({ run: ({ $ }) => { $.sync\`echo begun >&2; touch begun-\${process.env.MARK}; sleep 600\` } })

export const helpers = task({ ...json, args: { url: text() }, run: async ({ args, $ }) => {
  const tries: number[] = []
  const tried = await retry(3, '5ms', async () => { tries.push(1); if (tries.length < 3) throw new Error('not yet'); return 'third' })
  const grown = await retry(2, expBackoff('1s', '5ms'), async () => 'grown')
  const temporary = tmpdir()
  const file = tmpfile('one.txt', 'text')
  await fs.outputJson(temporary + '/deep/x.json', { x: 1 })
  const begun = Date.now()
  await sleep('30ms')
  echo('echoed', 1)
  return {
    glob: await glob('**/*.md'), globSync: glob.globbySync('*.md').length,
    fs: await fs.readJson(temporary + '/deep/x.json'), file: await fs.readFile(file, 'utf8'),
    fetched: await (await fetch(args.url)).text(), status: (await fetch(args.url + '/nothing')).status,
    tried, tries: tries.length, grown, slept: Date.now() - begun >= 29,
    spun: await spinner('working', async () => { await $(q)\`true\`; return 'spun' }),
    which: (await which('sh')).endsWith('/sh'), yaml: YAML.parse('a: 1'), chalk: [chalk.red('r').includes('r'), chalk.bold.blue('b').includes('b')],
  }
} })
export const asks = task({ run: async ({ log }) => { log('called ' + await question('What is your name? ')) } })
export const spins = task({ run: async ({ $ }) => { await spinner('still at it', () => $\`while [ ! -e \${process.env.GO} ]; do sleep 0.05; done\`) ; console.log('spun') } })
`,
})
const at = (words: string[], env: Record<string, string> = {}) => task(words, { cwd: folder, env })
const command = `'${process.execPath}' '${join(repository, 'bin', 'task')}'`

const zx = suite('zx’s helpers')

zx('within: folder and environment of a task’s own $ hold in one scope', async () => {
  const { stdout, stderr, status } = await at(['scopes'])
  assert.equal([stderr, status], ['', 0])
  assert.equal(JSON.parse(stdout), {
    before: ['.', 'task'],
    one: [
      ['./sub', 'one'],
      ['./sub/inner', 'inner'],
    ],
    two: ['.', 'two'],
    after: ['.', 'task'],
    value: 7,
    failed: 3,
    still: 3,
    set: ['./sub', 'task'],
  })
  assert.is((await at(['apart'])).stdout, 'true\n')
})

zx('a relative cwd is relative to the task’s folder, wherever one stands', async () => {
  const { stdout } = await task(['scopes'], { cwd: join(folder, 'sub') })
  assert.equal(JSON.parse(stdout).set, ['./sub', 'task'])
})

zx('$.sync gives the output itself, and throws it', async () => {
  const { stdout, stderr, status } = await at(['sync'])
  assert.equal([stderr, status], ['', 0])
  assert.equal(JSON.parse(stdout), ['a b', 'sub', 'in', 4, 'no\n', 5, 'x.txt'])
  const shown = await at(['shown'])
  assert.equal([shown.stdout, shown.stderr], ['out\n', '$ echo out; echo err >&2\nerr\n'])
  const fails = await at(['fails'])
  assert.match(fails.stderr, /exit 6[\s\S]*Taskfile\.ts:\d+/)
  assert.is(fails.status, 6)
  assert.ok((await at(['late'])).status !== 0)
})

zx('what $.sync leaves behind ends with its task, and with a runner that is killed', async () => {
  const mark = `sync-${process.pid}-${Date.now()}`
  assert.is((await at(['leaves'], { MARK: mark })).status, 0)
  assert.equal(await processesWith(mark), [])
  const running = startTask(['blocks'], { cwd: folder, env: { MARK: mark } })
  await until(() => running.stderr().includes('$ echo begun'), { what: 'the command to be shown' }).catch(() => {})
  await until(async () => (await processesWith(mark)).some(({ command: text }) => /^sleep 600/.test(text)), {
    what: 'the command to run',
  })
  process.kill(running.pid, 'SIGKILL')
  await until(async () => (await processesWith(mark)).length === 0, { what: 'nothing of it to be left' })
  await running.ended
})

zx('glob, fs, fetch, sleep, retry, spinner and the others work in a task', async () => {
  const server = createServer((request, response) => {
    response.statusCode = request.url === '/' ? 200 : 404
    response.end('hello')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const { stdout, status, stderr } = await at(['helpers', '--url', url])
    assert.is(status, 0, stderr)
    const [echoed, result = ''] = stdout.split('\n')
    assert.is(echoed, 'echoed 1')
    assert.equal(JSON.parse(result), {
      glob: ['a.md'],
      globSync: 1,
      fs: { x: 1 },
      file: 'text',
      fetched: 'hello',
      status: 404,
      tried: 'third',
      tries: 3,
      grown: 'grown',
      slept: true,
      spun: 'spun',
      which: true,
      yaml: { a: 1 },
      chalk: [true, true],
    })
  } finally {
    server.close()
  }
})

zx('question asks, and a spinner turns, on a terminal', async () => {
  const asking = tmuxTerminal(`${command} asks`, { cwd: folder })
  try {
    await asking.shows('What is your name?')
    asking.keys('Ada', 'Enter')
    await asking.shows('called Ada')
    await asking.shows('[ended 0]')
  } finally {
    asking.close()
  }
  const spinning = tmuxTerminal(`${command} spins`, { cwd: folder, env: { GO: join(folder, 'go') } })
  try {
    await spinning.shows(/[⠀-⣿] still at it/)

    writeFileSync(join(folder, 'go'), '')
    await spinning.shows('spun')
    await spinning.shows('[ended 0]')
  } finally {
    spinning.close()
  }
})

zx.run()
