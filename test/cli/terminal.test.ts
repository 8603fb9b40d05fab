import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { repository, skip, until } from '../support/index.ts'
import { folderWith } from '../support/workspace.ts'

const folder = folderWith({
  'Taskfile.ts': `
import { task } from 'vital-ops'
export const asks = task({ confirm: 'Really?', async run({ ask, log }) { log('hello ' + await ask('name? ')) } })
export const slow = task({ async run({ $ }) { await $\`echo ready; sleep 600\` } })
`,
})

type Session = { output: string; status: number | null }

/** Runs a task on a terminal of its own (util-linux's script(1)) and types keys when a text has appeared. */
async function session(name: string, script: readonly (readonly [string, string])[]): Promise<Session> {
  const command = `exec '${process.execPath}' '${join(repository, 'bin', 'task')}' ${name}`
  const child = spawn('script', ['-qefc', command, '/dev/null'], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder, TERM: 'xterm', SHELL: '/bin/sh' },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  let output = ''
  child.stdout.on('data', (data: Buffer) => {
    output += data.toString()
  })
  try {
    for (const [text, keys] of script) {
      await until(() => output.includes(text), { what: `the terminal to show ${text}`, deadline: 30_000 })
      child.stdin.write(keys)
    }
    return { status: await ended, output }
  } finally {
    child.kill('SIGKILL')
  }
}

const terminal = suite('on a terminal')

terminal.before(() => {
  if (process.platform !== 'linux' || !existsSync('/usr/bin/script')) skip('util-linux’s script is not installed')
})

terminal('a confirmation and a question are asked and answered', async () => {
  const { output, status } = await session('asks', [
    ['Really? [y/N] ', 'y\r'],
    ['name? ', 'Ada\r'],
  ])
  assert.match(output, /hello Ada\r\n$/)
  assert.is(status, 0)
})

terminal('no, an end of the input and Ctrl-C are each an end of their own', async () => {
  const cases = [
    ['n\r', 3, 'declined; asks did not run\r\n'],
    ['\u0004', 3, 'no answer was given; nothing ran\r\n'],
    ['\u0003', 130, 'interrupted by SIGINT\r\n'],
  ] as const
  for (const [keys, expected, text] of cases) {
    const { output, status } = await session('asks', [['Really? [y/N] ', keys]])
    assert.is(status, expected)
    assert.ok(output.endsWith(text), JSON.stringify(output))
  }
})

terminal('Ctrl-C ends a running task; its commands are shown in colour', async () => {
  const { output, status } = await session('slow', [['ready\r\n', '\u0003']])
  assert.is(status, 130)
  assert.ok(output.includes('\u001B[2m$ echo ready; sleep 600\u001B[0m'), JSON.stringify(output))
})

terminal.run()
