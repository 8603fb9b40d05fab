import { realpathSync, writeFileSync } from 'node:fs'
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

test.run()
