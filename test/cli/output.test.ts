import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { repository, task } from '../support/index.ts'
import { tmuxTerminal } from '../support/tmux.ts'
import { folderWith } from '../support/workspace.ts'

const folder = folderWith({
  'Taskfile.ts': `
import { existsSync } from 'node:fs'
import { task, text } from 'vital-ops'
const turn = async (file: string) => {
  while (!existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 10))
}
// one and two write in turns, so that their output mixes where nothing keeps it apart.
const one = task({ async run({ $ }) { await $\`echo one-first; touch 1; until [ -e 2 ]; do sleep 0.02; done; echo one-last >&2\` } })
const two = task({ async run({ $ }) { await turn('1'); await $\`echo two-first; printf two-last; touch 2\` } })
export const alone = task({ async run({ $ }) { await $\`echo to stdout; echo to stderr >&2\`} })
const good = task({ async run({ $, log }) { await $\`echo all is well\`; log.warn('a warning') } })
export const bad = task({ needs: { good }, async run({ $ }) { await $\`seq -f 'line %g' 40; exit 7\` } })
export const both = task({ needs: { one, two }, async run() {} })
const image = task({ args: { target: text() }, async run({ args, log }) { log('built ' + args.target) } })
export const images = task({ needs: { a: image.with({ target: 'api' }), b: image.with({ target: 'web' }) }, async run() {} })
const sleeper = (name: string) => task({ async run({ log }) { await turn(name); log(name + ' is told') } })
const [red, green] = [sleeper('red'), sleeper('green')]
export const lights = task({ needs: { red, green }, async run() { console.log('from console.log') } })
const asks = task({ async run({ ask, log }) { log('hello ' + await ask('your name? ')) } })
const waits = task({ async run() { await turn('asked') } })
const lender = task({ async run({ $ }) {
  await $({ stdio: 'inherit' })\`for i in 1 2 3; do echo line $i; sleep 0.3; done; until [ -e asked ]; do sleep 0.1; done\`
} })
export const lends = task({ needs: { lender, waits }, async run() {} })
export const asking = task({ needs: { asks, waits }, async run() {} })
`,
})

const again = () => folderWith({ 'Taskfile.ts': readFileSync(join(folder, 'Taskfile.ts'), 'utf8') })
const plain = (text: string) => text.replace(/\(\d+(\.\d+)?(ms|s)\)/g, '(T)')

const output = suite('output')

output('lines of several tasks come as they are written, each behind its task', async () => {
  const { stdout, stderr, status } = await task(['--output=interleaved', 'both'], { cwd: again() })
  assert.is(status, 0)
  assert.match(stdout, /^one {2}│ one-first\ntwo {2}│ two-first\ntwo {2}│ two-last\n$/)
  assert.match(stderr, /one {2}│ one-last\n/)
})

output('groups come in one piece', async () => {
  const { stdout, stderr, status } = await task(['--output', 'grouped', 'both'], { cwd: again() })
  assert.is(status, 0)
  assert.match(stdout, /^(?:two-first\ntwo-last\none-first|one-first\ntwo-first\ntwo-last)\n$/)
  // Which of them has ended first is not for them to say: one may see the other's last word before that one has ended.
  const said = plain(stderr)
  assert.match(said, /✔ both done \(T\)\n$/)
  const groups = said
    .replace(/✔ both.*\n$/, '')
    .split(/^(?=▶)/m)
    .sort()
  assert.is(groups.length, 2, said)
  assert.match(groups[0] ?? '', /^▶ one\n\$ echo one-first[^\n]*\none-last\n✔ one done \(T\)\n$/)
  assert.match(groups[1] ?? '', /^▶ two\n\$ echo two-first[^\n]*\n✔ two done \(T\)\n$/)
})

output('for GitHub’s runner, groups can be folded, and a failure is an annotation at its line', async () => {
  const { stderr, stdout, status } = await task(['bad'], { cwd: folder, env: { GITHUB_ACTIONS: 'true', CI: 'true' } })
  assert.is(status, 7)
  assert.match(stderr, /^::group::good\n\$ echo all is well\nwarning: a warning\n::endgroup::\n✔ good done/)
  assert.match(stderr, /::group::bad\n\$ seq[^\n]*\n::endgroup::\n✖ bad failed/)
  const line =
    readFileSync(join(folder, 'Taskfile.ts'), 'utf8')
      .split('\n')
      .findIndex((one) => /line %g/.test(one)) + 1
  assert.match(
    stderr,
    new RegExp(
      `\\n::error file=Taskfile\\.ts,line=${line},col=\\d+,title=command-failed::task bad: seq -f 'line %25g' 40; exit 7 ended with status 7\\n$`,
    ),
  )
  assert.match(stdout, /^all is well\nline 1\n[\s\S]*line 40\n$/)
})

output('quiet shows what failed, and nothing of what went well', async () => {
  const bad = await task(['--output=quiet', 'bad'], { cwd: folder })
  assert.is(bad.status, 7)
  assert.not.match(bad.stdout + bad.stderr, /well|warning/)
  assert.match(bad.stdout, /^line 1\n[\s\S]*line 40\n$/)
  assert.match(bad.stderr, /error: task bad: seq/)
  const good = await task(['--output=quiet', 'both'], { cwd: again() })
  assert.equal(good, { stdout: '', stderr: '', status: 0, signal: null })
  const alone = await task(['--output=quiet', 'alone'], { cwd: folder })
  assert.equal(alone, { stdout: '', stderr: '', status: 0, signal: null })
})

output('JSON is one event a line, with its time', async () => {
  const { stdout, stderr } = await task(['--output=json', 'images'], { cwd: folder })
  assert.is(stdout, '')
  const events = stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  for (const { at } of events) assert.is(new Date(at).toISOString(), at)
  assert.equal(
    { ...events[0], at: '' },
    {
      type: 'tasks-planned',
      tasks: ['a', 'b', 'images'],
      needs: { images: ['a', 'b'] },
      at: '',
    },
  )
  assert.is(events.filter(({ type, state }) => type === 'task-ended' && state === 'done').length, 3)
})

output('one task alone is shown as if its commands had been typed', async () => {
  for (const mode of [[], ['--output=interleaved'], ['--output=grouped'], ['--output=plain'], ['--output=live']]) {
    const { stdout, stderr } = await task([...mode, 'alone'], { cwd: folder })
    assert.is(stdout, 'to stdout\n')
    assert.is(stderr, '$ echo to stdout; echo to stderr >&2\nto stderr\n')
  }
})

const command = (words: string) => `'${process.execPath}' '${join(repository, 'bin', 'task')}' ${words}`

output('on a terminal, what runs stands at the bottom, and goes when it ends', async () => {
  const cwd = again()
  const terminal = tmuxTerminal(command('--no-color lights'), { cwd })
  try {
    const both = await terminal.shows(/^. red \d+(\.\d)?s\n. green \d+(\.\d)?s\n {2}0 of 3 ended, \d+(\.\d)?s$/m)
    assert.not.match(both, /told/)
    writeFileSync(join(cwd, 'green'), '')
    await terminal.shows(/green {2}│ green is told\ngreen {2}│ ✔ done[^\n]*\n. red \d+(\.\d)?s\n {2}1 of 3 ended/)
    writeFileSync(join(cwd, 'red'), '')
    const end = await terminal.shows('[ended 0]')
    assert.is(
      plain(end),
      [
        'green  │ green is told',
        'green  │ ✔ done (T)',
        'red    │ red is told',
        'red    │ ✔ done (T)',
        'from console.log',
        'lights │ ✔ done (T)',
        '[ended 0]',
      ].join('\n'),
    )
  } finally {
    terminal.close()
  }
})

output('a command that has the terminal itself has it alone', async () => {
  const cwd = again()
  const terminal = tmuxTerminal(command('--no-color lends'), { cwd })
  try {
    await terminal.shows(/line 3$/)
    writeFileSync(join(cwd, 'asked'), '')
    const seen = await terminal.shows('[ended 0]')
    assert.match(seen, /\nline 1\nline 2\nline 3\n(lender|waits) *│ ✔ done/)
  } finally {
    terminal.close()
  }
})

output('a question has the terminal for itself', async () => {
  const cwd = again()
  const terminal = tmuxTerminal(command('--no-color asking'), { cwd })
  try {
    await terminal.shows(/your name\? ?$/)
    terminal.keys('Ada', 'Enter')
    await terminal.shows(/your name\? Ada\nasks {3}│ hello Ada\nasks {3}│ ✔ done[^\n]*\n. waits/)
    writeFileSync(join(cwd, 'asked'), '')
    await terminal.shows('[ended 0]')
  } finally {
    terminal.close()
  }
})

output('a narrow, low terminal shows as much as it has room for; Ctrl-C leaves it clean', async () => {
  const names = Array.from({ length: 30 }, (_, index) => `a-task-with-quite-a-long-name-${index}`)
  const cwd = folderWith({
    'Taskfile.ts': `import { task } from 'vital-ops'
const forever = () => task({ async run({ signal }) { await new Promise((_, no) => { setTimeout(() => {}, 1e8); signal.addEventListener('abort', no) }) } })
const tasks = Object.fromEntries(${JSON.stringify(names)}.map((name: string) => [name, forever()]))
export const all = task({ needs: tasks, async run() {} })`,
  })
  const terminal = tmuxTerminal(command('--no-color --jobs 30 all'), { cwd, columns: 30, rows: 8 })
  try {
    const seen = await terminal.shows(/a-task-with-quite-a-[^\n]*…[^\n]*\n {2}… 25 more runnin[^\n]*$/)
    assert.ok(
      seen.split('\n').every((line) => line.length < 30),
      seen,
    )
    terminal.keys('C-c')
    const end = await terminal.shows('[ended 130]')
    assert.not.match(end, /more running/)
  } finally {
    terminal.close()
  }
})

output.run()
