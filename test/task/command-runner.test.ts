import { readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createRedactor } from '../../lib/log/redact.ts'
import { Secret } from '../../lib/model/secret.ts'
import { createCommandRunner } from '../../lib/task/command-runner.ts'
import type { CommandOutput } from '../../lib/task/shell.ts'
import { quoteWord } from '../../lib/task/shell-quote.ts'
import { processesWith, temporaryFolder, until } from '../support/index.ts'

type World = ReturnType<typeof createCommandRunner> & {
  folder: string
  abort(): void
  commands: string[]
  shown: { stdout: string; stderr: string }
}

function world(env: Record<string, string> = {}): World {
  const folder = realpathSync(temporaryFolder())
  writeFileSync(join(folder, '.bashrc'), 'echo the user’s own settings\n')
  const controller = new AbortController()
  const commands: string[] = []
  const shown = { stdout: '', stderr: '' }
  const runner = createCommandRunner({
    folder,
    env: { PATH: process.env.PATH, HOME: folder, ...env },
    signal: controller.signal,
    onCommand: (text) => commands.push(text),
    onOutput: (stream, data) => {
      shown[stream] += Buffer.from(data).toString()
    },
    redactor: createRedactor(),
    graceMs: 300,
  })
  return { ...runner, folder, abort: () => controller.abort(), commands, shown }
}

test('a command runs in the folder, is shown, and captured', async () => {
  const { $, folder, commands, shown } = world()
  const output = await $`pwd; echo oops >&2`
  assert.is(output.stdout, `${folder}\n`)
  assert.is(output.stderr, 'oops\n')
  assert.equal(commands, ['pwd; echo oops >&2'])
  assert.equal(shown, { stdout: `${folder}\n`, stderr: 'oops\n' })
})

test('what is interpolated is one argument, whatever it holds; an array is several', async () => {
  const { $ } = world()
  const odd = [
    'a b',
    '$HOME',
    ';echo PWN',
    '*',
    '',
    'new\nline',
    '--',
    '-n',
    'ü',
    "it's",
    '"',
    '\\',
    '`id`',
    '$(id)',
    '\t',
    '~',
  ]
  const print = 'process.stdout.write(JSON.stringify(process.argv.slice(1)))'
  assert.equal(await $`${process.execPath} -e ${print} -- ${odd}`.json(), odd)
  for (const one of odd) assert.equal(await $`${process.execPath} -e ${print} -- --x=${one}`.json(), [`--x=${one}`])
  assert.throws(() => quoteWord('a\0b'), /NUL/)
})

test('a failing command rejects with its status; death by a signal is not success', async () => {
  const { $ } = world()
  const failure = async (command: Promise<unknown>): Promise<CommandOutput> =>
    command.then(
      () => assert.unreachable('it succeeded') as never,
      (error) => error,
    )
  assert.is((await failure($`exit 7`)).exitCode, 7)
  assert.is((await failure($`false | cat`)).exitCode, 1)
  assert.is((await failure($`kill -9 $$`)).signal, 'SIGKILL')
  assert.is((await $`exit 7`.nothrow()).exitCode, 7)
})

test('options hold for one command, and for the rest of a pipe', async () => {
  const { $, folder, commands } = world({ KEPT: 'yes' })
  assert.is((await $({ cwd: '/' })`pwd`).text(), '/\n')
  assert.is((await $({ env: { PATH: process.env.PATH, X: '1', HOME: folder } })`echo $X`).text(), '1\n')
  assert.is((await $`pwd`.pipe`cat; pwd; echo $KEPT`).text(), `${folder}\n${folder}\nyes\n`)
  assert.is((await $({ input: 'given' })`cat`).text(), 'given')
  commands.length = 0
  await $({ quiet: true })`echo hidden`
  assert.equal(commands, [])
})

test('a command that reads stdin sees its end, unless somebody writes to it', async () => {
  const { $ } = world()
  assert.is((await $`cat`).text(), '')
  const cat = $`cat`
  cat.stdin.end('written')
  assert.is((await cat).text(), 'written')
  const piped = $`cat`
  assert.is((await $`echo from`.pipe(piped)).text(), 'from\n')
})

test('programs of the workspace’s packages are on the PATH', async () => {
  const { $, folder } = world()
  await $`mkdir -p node_modules/.bin`
  writeFileSync(join(folder, 'node_modules/.bin/own-tool'), '#!/bin/sh\necho own\n', { mode: 0o755 })
  assert.is((await $`own-tool`).text(), 'own\n')
})

test('a secret is handed over by its value, and shown to nobody', async () => {
  const { $, commands, shown } = world()
  assert.is((await $`printf %s ${new Secret('TOKEN', 'hunter2-long')}`).text(), 'hunter2-long')
  assert.is((await $`printf hunter; sleep 0.1; printf 2-long`).text(), 'hunter2-long')
  assert.is(shown.stdout, '[redacted][redacted]')
  assert.ok(!commands.join().includes('hunter2'))
})

test('aborting ends the whole tree of a command, also what ignores TERM', async () => {
  const mark = `mark-${process.pid}-${Date.now()}`
  const { $, abort, shown } = world({ MARK: mark })
  const command = $`trap '' TERM; (trap '' TERM; sleep 600) & setsid sleep 600 & echo ready; wait`.nothrow()
  await until(() => shown.stdout.includes('ready'), { what: 'the command to be ready' })
  abort()
  const output = await command
  assert.is.not(output.exitCode, 0)
  await until(async () => (await processesWith(mark)).length === 0, { what: 'the tree to be gone' })
})

test('the end waits for what outlives its command', async () => {
  const mark = `mark-${process.pid}-${Date.now()}-late`
  const { $, end, abort, shown } = world({ MARK: mark })
  const command = $`(trap '' TERM; echo ready; while :; do sleep 0.05; done) & wait`.nothrow()
  await until(() => shown.stdout.includes('ready'), { what: 'the command to be ready' })
  abort()
  await command
  await end()
  assert.equal(await processesWith(mark), [])
})

test('the end of the task ends commands that nobody awaited, and names them', async () => {
  const mark = `mark-${process.pid}-${Date.now()}`
  const { $, end } = world({ MARK: mark })
  const command = $`sleep 600`.nothrow()
  await until(async () => (await processesWith(mark)).length > 0, { what: 'the command to run' })
  assert.equal(await end(), ['set -euo pipefail;sleep 600'])
  assert.equal(await processesWith(mark), [])
  assert.is((await command).signal, 'SIGTERM')
})

test('what is chained to a command in the same breath counts', async () => {
  const { $, commands, shown } = world()
  await $`echo hidden; echo neither >&2`.quiet()
  assert.equal([commands, shown], [[], { stdout: '', stderr: '' }])
  const ignored = await $`echo nobody`.stdio('ignore', 'ignore')
  assert.is(ignored.stdout, '')
  const halted = $({ halt: true })`echo late`
  assert.ok(halted.isHalted())
  assert.is((await halted.run()).text(), 'late\n')
})

test('a command’s output in a template is its text; a command that runs is waited for', async () => {
  const { $, commands } = world()
  const output = await $`echo a; echo b`
  assert.is((await $`printf %s ${output}`).text(), 'a\nb')
  assert.is((await $`printf %s ${$`echo later`}`).text(), 'later')
  assert.is(commands.at(-1), 'printf %s later')
  assert.is(`${output}`, 'a\nb')
})

test('lines, JSON and bytes, at the end and as they come', async () => {
  const { $ } = world()
  assert.equal(await $`printf 'a\\nü\\r\\nc'`.lines(), ['a', 'ü', 'c'])
  assert.equal(await $`printf 'a:b'`.lines(':'), ['a', 'b'])
  assert.equal(await $`echo '{"a":[1]}'`.json(), { a: [1] })
  assert.is((await $`printf '\\303\\274'`.buffer()).toString('hex'), 'c3bc')
  const seen: string[] = []
  for await (const line of $`echo one; sleep 0.05; printf 'tw'; sleep 0.05; echo o; printf rest`) seen.push(line)
  assert.equal(seen, ['one', 'two', 'rest'])
  const failing = async () => {
    for await (const line of $`echo last; exit 3`) seen.push(line)
  }
  const error = await failing().then(
    () => undefined,
    (thrown) => thrown,
  )
  assert.equal([seen.at(-1), error.exitCode], ['last', 3])
})

test('pipes: several commands, files, streams, stderr; long output waits for its reader', async () => {
  const { $, folder, shown } = world()
  assert.is((await $`echo b; echo a`.pipe`sort`.pipe`head -1`).text(), 'a\n')
  assert.is((await $`echo no; echo err >&2`.pipe.stderr`cat`).text(), 'err\n')
  assert.is((await $`echo one; echo two >&2`.pipe.stdall`sort`).text(), 'one\ntwo\n')
  shown.stdout = ''
  await $`echo into a file`.pipe(join(folder, 'out.txt'))
  assert.is(readFileSync(join(folder, 'out.txt'), 'utf8'), 'into a file\n')
  assert.is(shown.stdout, '')
  const settled = await $`echo twice`
  assert.is((await $`cat`.nothrow()).text(), '')
  assert.is(settled.text(), 'twice\n')
  const many = await $`head -c 3000000 /dev/zero | tr '\\0' x`.quiet().pipe`wc -c`
  assert.is(many.text().trim(), '3000000')
  const first = await $`yes | head -200000`.quiet().pipe`head -1`
  assert.is(first.text(), 'y\n')
  const broken = await $`echo some; exit 4`.pipe`cat`.then(
    () => undefined,
    (error: CommandOutput) => error,
  )
  assert.is(broken?.exitCode, 4)
})

test('timeout and kill end what the command has started, too', async () => {
  const mark = `mark-${process.pid}-${Date.now()}-time`
  const { $ } = world({ MARK: mark })
  const late = await $`(trap '' TERM; sleep 600) & wait`.timeout('100ms').nothrow()
  assert.is.not(late.exitCode, 0)
  const killed = $`sleep 600 & echo ready; wait`.nothrow()
  await until(() => killed.isRunning() && killed.pid !== undefined, { what: 'the command to run' })
  await until(async () => (await processesWith(mark)).length > 1, { what: 'its child to run' })
  await killed.kill('SIGKILL')
  assert.is((await killed).signal, 'SIGKILL')
  await until(async () => (await processesWith(mark)).length === 0, { what: 'all to be gone' })
  assert.throws(() => $`true`.timeout('soon' as '1s'), /expected a duration/)
})

test('what cannot be started is said with its cause', async () => {
  const { $ } = world()
  const error = await $({ cwd: '/nowhere' })`true`.then(
    () => undefined,
    (thrown) => thrown,
  )
  assert.is(error.exitCode, null)
  assert.match(String((error.cause as Error).message), /ENOENT/)
  assert.not.ok(error.ok)
})

test('a command loads neither zx nor another package', async () => {
  const { $ } = world()
  await $`true`
  const { createRequire } = await import('node:module')
  const loaded = Object.keys(createRequire(import.meta.url).cache ?? {})
  assert.equal(
    loaded.filter((path) => /node_modules\/(?:zx|execa)\//.test(path)),
    [],
  )
})

test.run()
