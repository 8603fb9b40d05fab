import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { defaultFlags, globalArguments } from '../../lib/cli/global-flags.ts'
import { parseArguments } from '../../lib/task/parse.ts'
import { task } from '../support/index.ts'
import { folderWith } from '../support/workspace.ts'

const folder = folderWith({
  'Taskfile.ts': `
import { choice, finish, flag, task, text } from 'vital-ops'

const print = 'process.stdout.write(JSON.stringify(process.argv.slice(1)))'
export const echo = task({
  args: { words: text().positional().repeated(), options: text().repeated().alias('option'), node: text() },
  async run({ args, $ }) {
    const command = await $({ quiet: true })\`\${args.node} -e \${print} -- \${args.words} \${args.options}\`
    return { args: args.words, options: args.options, command: JSON.parse(command.stdout) }
  },
})
export const own = task({
  args: { env: text(), yes: flag(), list: flag(), helpMe: flag(), json: flag(), version: flag(), workspace: text() },
  run: ({ args, invocation }) => ({ ...args, asJson: invocation.json }),
  render: (result) => JSON.stringify(result),
})
export const deploy = task({
  description: 'Deploy',
  args: { environment: text().positional(), channel: choice(['beta', 'stable']).default('beta'), dryRun: flag() },
  run: ({ args }) => args,
  render: ({ environment, channel, dryRun }) => [environment, channel, dryRun].join(' '),
})
const up = task({ args: { names: text().positional().repeated() }, run: ({ args }) => args.names, render: (names) => 'up ' + names.join() })
const status = task({ run: () => 'status', render: (text) => text })
export const services = task({ commands: { up, status } })
export const migrate = task({ commands: { up, status }, defaultCommand: 'up' })
export const runs = task({ commands: { list: status, show: up }, defaultCommand: 'list' })
`,
})

const usage = async (argv: string[]): Promise<string> => {
  const { stdout, stderr, status } = await task(argv, { cwd: folder })
  assert.is(stdout, '', argv.join(' '))
  assert.is(status, 2, argv.join(' '))
  return stderr
}

const text = async (argv: string[]): Promise<string> => {
  const { stdout, stderr, status } = await task(argv, { cwd: folder })
  assert.equal([stderr, status], ['', 0], argv.join(' '))
  return stdout
}

test('trap 17: arguments arrive unchanged in the task and in the command that it starts', async () => {
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
    '`id`',
    '$(id)',
    "it's",
    '"',
    '\\n',
    '~',
    '{a,b}',
    '!!',
    '\r\t',
  ]
  const options = odd.map((one) => `--option=${one}`)
  const { stdout, stderr, status } = await task(
    ['--json', 'echo', ...options, '--node', process.execPath, '--', ...odd],
    { cwd: folder },
  )
  assert.is(status, 0, stderr)
  assert.equal(JSON.parse(stdout).result, { args: odd, options: odd, command: [...odd, ...odd] })
})

test('trap 18: what stands behind the task’s name is the task’s', async () => {
  const { stdout, stderr, status } = await task(
    ['own', '--env', 'x', '--yes', '--list', '--help-me', '--json', '--version', '--workspace', 'w'],
    { cwd: folder },
  )
  assert.equal([stderr, status], ['', 0])
  const { result, outcome, task: name } = JSON.parse(stdout)
  assert.equal([name, outcome], ['own', 'done'])
  assert.equal(result, {
    env: 'x',
    yes: true,
    list: true,
    helpMe: true,
    json: true,
    version: true,
    workspace: 'w',
    asJson: true,
  })
})

test('an unknown task, with the nearest name', async () => {
  assert.is(await usage(['depoly']), 'error: unknown task depoly; did you mean deploy?\n  next:\n    task --list\n')
  assert.is(await usage(['xyzzy', '--flag']), 'error: unknown task xyzzy\n  next:\n    task --list\n')
  assert.is(
    await usage(['help', 'serivces']),
    'error: unknown task serivces; did you mean services?\n  next:\n    task --list\n',
  )
})

test('everything that is wrong behind a task is said at once, with the usage', async () => {
  assert.is(
    await usage(['deploy', '--chanel', '--dryrun', '--channel=gamma', 'dev', 'extra']),
    `error: unknown flag --chanel; did you mean --channel?
error: unknown flag --dryrun; did you mean --dry-run?
error: unexpected argument "extra"
error: --channel: expected one of beta, stable, got "gamma"
  next:
    task help deploy
usage: task deploy [options] <environment>
`,
  )
  assert.is(
    await usage(['deploy']),
    'error: missing argument <environment>\n  next:\n    task help deploy\nusage: task deploy [options] <environment>\n',
  )
})

test('unknown flags of the command itself', async () => {
  const hint = 'usage: task [options] <task> [arguments]\n  next:\n    task --help\n'
  assert.is(await usage(['--lst']), `error: unknown flag --lst; did you mean --list?\n${hint}`)
  assert.is(await usage(['--workspace']), `error: --workspace needs a value\n${hint}`)
  assert.is(
    await usage(['--output', 'loud', 'deploy']),
    `error: --output: expected one of interleaved, grouped, quiet, live, json, plain, got "loud"\n${hint}`,
  )
  assert.is(await usage(['-j0', 'deploy']), `error: -j: expected an integer of at least 1, got "0"\n${hint}`)
})

test('usage errors as JSON are one value on stdout', async () => {
  for (const argv of [
    ['--json', 'depoly'],
    ['--json', 'deploy', '--x'],
    ['--json', '--lst'],
    ['own', '--json', '--bad'],
  ]) {
    const { stdout, stderr, status } = await task(argv, { cwd: folder })
    assert.equal([stderr, status], ['', 2], argv.join(' '))
    const { outcome, exitCode, failures } = JSON.parse(stdout)
    assert.equal([outcome, exitCode], ['usage', 2])
    assert.ok(failures.length > 0)
    assert.ok(failures.every((failure: { code: string; message: string }) => failure.code && failure.message))
  }
})

test('commands within a task', async () => {
  assert.is(await text(['services', 'up', 'api', 'db']), 'up api,db\n')
  assert.is(await text(['services', 'status']), 'status\n')
  assert.is(await text(['migrate', 'status']), 'status\n')
  assert.is(await text(['migrate']), 'up \n')
  assert.is(await text(['migrate', 'dev']), 'up dev\n')
  assert.is(await text(['runs']), 'status\n')
  assert.is(await text(['runs', 'show', '3']), 'up 3\n')
  assert.is(
    await usage(['services']),
    'error: missing command: task services <command>\n  next:\n    task help services\nusage: task services <command> [arguments]\n',
  )
  assert.is(
    await usage(['services', 'stauts']),
    'error: unknown command services stauts; did you mean services status?\n  why: services has up, status\n  next:\n    task help services\n',
  )
  assert.is(
    await usage(['runs', 'shwo']),
    'error: unknown command runs shwo; did you mean runs show?\n  why: runs has list, show\n  next:\n    task help runs\n',
  )
  assert.match(await usage(['services', 'status', 'more']), /^error: unexpected argument "more"\n/)
})

test('the flags that are taken for granted when none is given are those that parsing gives', async () => {
  const parsed = await parseArguments(globalArguments(), [], { env: {}, folder: '/', workspaceFolder: '/' })
  assert.equal(parsed, { ok: true, value: { help: false, values: defaultFlags } })
})

test.run()
