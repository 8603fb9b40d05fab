import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { processesWith, repository, skip, until } from '../support/index.ts'
import { tmuxTerminal } from '../support/tmux.ts'
import { folderWith } from '../support/workspace.ts'

const taskfile = `import { task } from 'vital-ops'
const inherit = { stdio: 'inherit' } as const
export const shell = task({ run: async ({ $, log }) => { await $(inherit)\`bash --norc --noprofile -i\`; log('the shell has ended') } })
export const less = task({ run: async ({ $, log }) => { await $(inherit)\`seq 500 | less\`; log('less has ended') } })
export const vim = task({ run: async ({ $, log }) => { await $(inherit)\`vim -u NONE -i NONE note.txt\`; log('vim has ended') } })
export const asks = task({ run: async ({ $, log }) => {
  const { stdout } = await $({ stdio: ['inherit', 'pipe', 'inherit'] })\`printf 'say: ' >/dev/tty; read -r line </dev/tty; echo "got $line"\`
  log(stdout.trim() + ' from the terminal')
} })
// As psql: Ctrl-C gives up what is typed, and no more.
export const client = task({ run: async ({ $, log }) => {
  await $(inherit)\`\${process.execPath} client.mjs\`
  log('the client has ended')
} })
export const sleeps = task({ run: async ({ $ }) => { await $(inherit)\`echo sleeping; sleep 600\` } })
export const raw = task({ run: async ({ $, log }) => {
  await $(inherit)\`stty raw -echo; kill -9 $$\`.nothrow()
  log('killed')
  await $({ stdio: ['inherit', 'inherit', 'inherit'] })\`stty -a | grep -ow -- '-\\\\?echo\\\\|-\\\\?icanon' | tr '\\\\n' ' '\`
} })
export const form = task({ run: async ({ $ }) => { await $(inherit)\`printf 'name? '; read -r name; echo "got $name"\` } })
export const chatty = task({ run: async ({ $, log }) => {
  await $\`while [ ! -e asked ]; do sleep 0.02; done; echo a line of another; touch spoke; while [ ! -e answered ]; do sleep 0.02; done\`
} })
export const slow = task({ timeout: '1s', run: async ({ $ }) => { await $(inherit)\`echo begun; sh -c 'sleep 600; :'\` } })
`

const files = {
  'Taskfile.ts': taskfile,
  'client.mjs': `import { createInterface } from 'node:readline'
const lines = createInterface({ input: process.stdin, output: process.stdout, prompt: 'db> ' })
lines.on('SIGINT', () => { console.log('gave up the line'); lines.prompt() })
lines.on('line', (line) => line === 'quit' ? lines.close() : (console.log('did ' + line), lines.prompt()))
lines.prompt()
`,
}

const command = `'${process.execPath}' '${join(repository, 'bin', 'task')}'`

const terminal = suite('a command that has the terminal')

/** Runs a task in a terminal, with a folder of its own. */
const open = (name: string, env: Record<string, string> = {}) => {
  const folder = folderWith(files)
  return { folder, ...tmuxTerminal(`${command} ${name}`, { cwd: folder, env }) }
}

const needs = (program: string) => existsSync(`/usr/bin/${program}`) || skip(`${program} is not installed`)

terminal('an interactive shell has job control, and Ctrl-C is its own', async () => {
  const { shows, keys, close } = open('shell')
  try {
    const first = await shows(/^bash-[\d.]+[#$]/m)
    assert.not.match(first, /no job control|cannot set terminal process group/)
    keys('sleep 600', 'Enter')
    await shows('sleep 600')
    keys('C-z')
    await shows(/Stopped +sleep 600/)
    keys('fg', 'Enter')
    await shows(/[#$] fg\nsleep 600/)
    keys('C-c')
    keys('echo status $?', 'Enter')
    await shows('status 130')
    keys('exit 0', 'Enter')
    await shows('the shell has ended')
    await shows('[ended 0]')
  } finally {
    close()
  }
})

terminal('a pager reads its keys, and an editor its commands', async () => {
  needs('less')
  const pager = open('less')
  try {
    await pager.shows(/^:$/m)
    pager.keys('G')
    await pager.shows('(END)')
    pager.keys('q')
    await pager.shows('less has ended')
    await pager.shows('[ended 0]')
  } finally {
    pager.close()
  }
  needs('vim')
  const editor = open('vim')
  try {
    await editor.shows(/^~$/m)
    editor.keys('ihello')
    await editor.shows(/^hello$/m)
    editor.keys('C-c')
    editor.keys(':wq')
    await editor.shows(/^:wq$/m)
    editor.keys('Enter')
    await editor.shows('vim has ended')
    await editor.shows('[ended 0]')
    assert.is(readFileSync(join(editor.folder, 'note.txt'), 'utf8'), 'hello\n')
  } finally {
    editor.close()
  }
})

terminal('/dev/tty is there for a command that has the terminal as its input', async () => {
  const { shows, keys, close } = open('asks')
  try {
    await shows('say:')
    keys('word', 'Enter')
    await shows('got word from the terminal')
    await shows('[ended 0]')
  } finally {
    close()
  }
})

terminal('a client that does not end with Ctrl-C goes on, and so does the task', async () => {
  const { shows, keys, close } = open('client')
  try {
    await shows('db>')
    for (const times of [1, 2, 3]) {
      keys('C-c')
      await shows(new RegExp(`(?:gave up the line[\\s\\S]*){${times}}`))
    }
    keys('select', 'Enter')
    await shows('did select')
    keys('quit', 'Enter')
    await shows('the client has ended')
    await shows('[ended 0]')
  } finally {
    close()
  }
})

terminal('a program that ends with Ctrl-C ends the task with 130', async () => {
  const { shows, keys, close } = open('sleeps')
  try {
    await shows('sleeping')
    keys('C-c')
    await shows('[ended 130]')
  } finally {
    close()
  }
})

terminal('Ctrl-Z stops the whole job, and fg goes on with it', async () => {
  const folder = folderWith(files)
  const { shows, keys, close } = tmuxTerminal('bash --norc --noprofile -i', { cwd: folder })
  try {
    await shows(/^bash-[\d.]+[#$]/m)
    keys(`${command} sleeps`, 'Enter')
    await shows(/^sleeping$/m)
    keys('C-z')
    await shows('Stopped')
    keys('fg', 'Enter')
    await shows(/[#$] fg\n.*sleeps\n?/)
    keys('C-c')
    keys('echo status $?', 'Enter')
    await shows('status 130')
  } finally {
    close()
  }
})

terminal('the modes of the terminal are restored after a program that was killed', async () => {
  const { shows, close } = open('raw')
  try {
    await shows('killed')
    const screen = await shows('[ended 0]')
    assert.match(screen, 'icanon echo ')
  } finally {
    close()
  }
})

terminal('at the end of its time the command is ended with all that it has started', async () => {
  const mark = `terminal-${process.pid}-${Date.now()}`
  const { shows, close } = open('slow', { MARK: mark })
  try {
    await shows('begun')
    await shows('took longer than 1.0s')
    await until(async () => (await processesWith(mark)).every(({ command: text }) => !text.includes('sleep 600; :')), {
      what: 'its processes to be gone',
    })
  } finally {
    close()
  }
})

terminal('what other tasks write waits until the terminal is free', async () => {
  const { folder, screen, shows, keys, close } = open('form chatty')
  try {
    await shows('name?')
    writeFileSync(join(folder, 'asked'), '')
    await until(() => existsSync(join(folder, 'spoke')), { what: 'the other to have written' })
    keys('Ada')
    assert.not.match(await shows('name? Ada'), /│ a line of another/)
    keys('Enter')
    await shows('got Ada')
    await shows(/│ a line of another/)
    writeFileSync(join(folder, 'answered'), '')
    await shows('[ended 0]')
    assert.is(screen().match(/│ a line of another$/gm)?.length, 1)
  } finally {
    close()
  }
})

terminal('kill -9 of the runner leaves nothing of it', async () => {
  const mark = `terminal-${process.pid}-${Date.now()}-9`
  const { shows, close } = open('sleeps', { MARK: mark })
  try {
    await shows(/^sleeping$/m)
    // The programs that tmux has started are `sh`, whose text says bin/task, too.
    const all = await processesWith(mark)
    const runner = all.find(({ command: text }) => /node\S* \S*bin\/task/.test(text) && !text.includes('trap'))
    assert.ok(runner, JSON.stringify(all))
    process.kill(runner.pid, 'SIGKILL')
    await shows('[ended 137]')
    await until(async () => (await processesWith(mark)).every(({ command: text }) => !text.includes('echo sleeping')), {
      what: 'its command to be gone',
    })
  } finally {
    close()
  }
})

terminal.run()
