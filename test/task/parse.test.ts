import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { argumentTable } from '../../lib/task/argument-table.ts'
import { type Arguments, choice, duration, flag, kebabCase, number, path, text } from '../../lib/task/arguments.ts'
import { checkInput, parseArguments } from '../../lib/task/parse.ts'

const context = { env: {}, folder: '/here', workspaceFolder: '/workspace' }

const values = async (args: Arguments, argv: string[], env: Record<string, string> = {}): Promise<unknown> => {
  const result = await parseArguments(args, argv, { ...context, env })
  return result.ok ? { ...result.value.values } : result.failures.map(({ message }) => message)
}

const all = {
  environment: text().positional(),
  names: text().positional().repeated(),
  channel: choice(['beta', 'stable']).default('beta').alias('c'),
  dryRun: flag().alias('n'),
  color: flag().default(true),
  verbose: flag().alias('v'),
  count: number({ integer: true, min: 1, max: 10 }).default(3),
  wait: duration().default('30s'),
  into: path().default('out'),
  tag: text().repeated().alias('t', 'label'),
  notes: text().optional(),
}

test('every way to write an option gives the same value', async () => {
  const expected = {
    environment: 'dev',
    names: ['api', 'db'],
    channel: 'stable',
    dryRun: true,
    color: false,
    verbose: true,
    count: 5,
    wait: 90_000,
    into: '/here/x/y',
    tag: ['a', 'b'],
    notes: 'n',
  }
  const ways = [
    'dev api db --channel stable --dry-run --no-color --verbose --count 5 --wait 1m30s --into x/y --tag a --label b --notes n',
    '--channel=stable --dryRun --color=false -v --count=5 dev --wait=90s --into=/here/x/y -ta -t=b api --notes=n db',
    '-nvc stable --color no dev'.replace('--color no', '--no-color') +
      ' --count 5 --wait 90000ms --into ./x/y -t a -t b --notes n -- api db',
    '-nvcstable dev api db --no-color --count 5 --wait 1.5m --into x/../x/y -ta --label=b --notes n',
  ]
  for (const way of ways) assert.equal(await values(all, way.split(' ')), expected, way)
})

test('defaults stand in, paths among them relative to the Taskfile', async () => {
  assert.equal(await values(all, ['dev']), {
    environment: 'dev',
    names: [],
    channel: 'beta',
    dryRun: false,
    color: true,
    verbose: false,
    count: 3,
    wait: 30_000,
    into: '/workspace/out',
    tag: [],
    notes: undefined,
  })
})

test('values arrive unchanged, whatever they hold', async () => {
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
    '=',
    '--x=y',
    '\u0000',
    '"',
    "'",
    '\\',
  ]
  assert.equal(await values({ rest: text().positional().repeated() }, ['--', ...odd]), { rest: odd })
  for (const one of odd) assert.equal(await values({ x: text() }, [`--x=${one}`]), { x: one })
  assert.equal(await values({ x: text(), rest: text().positional().repeated() }, ['--x', '', '-']), {
    x: '',
    rest: ['-'],
  })
})

test('10,000 argument vectors arrive unchanged', async () => {
  let state = 20261121
  const below = (limit: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
  const characters = [...'abc-=,:/ \t\n\\"\'`$(){}[]<>|&;*?!#~%ü→😀\u0000\u0007']
  const word = () => Array.from({ length: below(8) }, () => characters[below(characters.length)]).join('')
  const args = { option: text().optional(), list: text().repeated(), rest: text().positional().repeated() }
  for (let round = 0; round < 10_000; round += 1) {
    const option = word()
    const list = Array.from({ length: below(3) }, word)
    const rest = Array.from({ length: below(5) }, word)
    const argv = [`--option=${option}`, ...list.map((one) => `--list=${one}`), '--', ...rest]
    assert.equal(await values(args, argv), { option, list, rest }, JSON.stringify(argv))
  }
})

test('all that is wrong is refused at once, with the nearest name', async () => {
  const result = await parseArguments(
    {
      environment: text().positional(),
      channel: choice(['beta', 'stable']),
      count: number().optional(),
      dryRun: flag(),
    },
    ['--chanel', 'x', 'dev', 'more', '--count', 'many', '--dryrun', '-z'],
    context,
  )
  assert.is(result.ok, false)
  const failures = result.ok ? [] : result.failures
  assert.equal(
    failures.map(({ code, message, nearest }) => [code, message, nearest]),
    [
      ['unknown-flag', 'unknown flag --chanel', '--channel'],
      ['unknown-flag', 'unknown flag --dryrun', '--dry-run'],
      ['unknown-flag', 'unknown flag -z', undefined],
      ['unexpected-argument', 'unexpected argument "dev"', undefined],
      ['unexpected-argument', 'unexpected argument "more"', undefined],
      ['missing-argument', 'missing argument --channel', undefined],
      ['invalid-value', '--count: expected a number, got "many"', undefined],
    ],
  )
  assert.ok(failures.every(({ outcome }) => outcome === 'usage'))
})

test('values that are not valid', async () => {
  const cases: [Arguments, string[], string][] = [
    [{ x: choice(['beta', 'stable']) }, ['--x=stabel'], '--x: expected one of beta, stable, got "stabel"'],
    [{ x: number({ integer: true }) }, ['--x=1.5'], '--x: expected an integer, got "1.5"'],
    [{ x: number({ min: 1 }) }, ['--x=0'], '--x: expected a number of at least 1, got "0"'],
    [{ x: number({ max: 1 }) }, ['--x=2'], '--x: expected a number of at most 1, got "2"'],
    [{ x: number({ min: 1, max: 9 }) }, ['--x=10'], '--x: expected a number from 1 to 9, got "10"'],
    [{ x: number() }, ['--x=0x10'], '--x: expected a number, got "0x10"'],
    [{ x: number() }, ['--x='], '--x: expected a number, got ""'],
    [{ x: duration() }, ['--x=10'], '--x: expected a duration like 500ms, 10s or 1m30s, got "10"'],
    [{ x: flag() }, ['--x=maybe'], '--x: expected true or false, got "maybe"'],
    [{ x: flag() }, ['--no-x=true'], '--no-x takes no value'],
    [{ x: path({ exists: 'file' }) }, ['--x=/nowhere'], '--x: expected an existing file, got "/nowhere"'],
    [{ x: path({ exists: 'directory' }) }, ['--x=/dev/null'], '--x: expected an existing folder, got "/dev/null"'],
    [{ x: path() }, ['--x='], '--x: expected a path, got ""'],
    [{ x: text() }, ['--x'], '--x needs a value'],
    [{ x: text(), y: flag() }, ['--x', '--y'], '--x needs a value'],
    [{ x: text() }, ['--x=1', '--x=2'], '--x is given twice: "1" and "2"'],
    [{ x: text().positional().repeated({ atLeast: 2 }) }, ['1'], 'missing argument <x> (at least 2 times, got 1)'],
    [{ x: text().positional() }, [], 'missing argument <x>'],
  ]
  for (const [args, argv, message] of cases)
    assert.equal((await values(args, argv)) as string[], [message], argv.join(' '))
})

test('numbers below zero are values, not flags', async () => {
  assert.equal(await values({ x: number(), y: number().positional() }, ['--x', '-3', '-.5e2']), { x: -3, y: -50 })
})

test('the environment stands in for what the command line does not say, and its values are not shown', async () => {
  const args = {
    x: text().env('X_NAME').default('preset'),
    y: number().env('Y').optional(),
    z: text().env('Z').repeated(),
  }
  assert.equal(await values(args, []), { x: 'preset', y: undefined, z: [] })
  assert.equal(await values(args, [], { X_NAME: 'env', Y: '7', Z: 'a,b' }), { x: 'env', y: 7, z: ['a', 'b'] })
  assert.equal(await values(args, ['--x=cli'], { X_NAME: 'env' }), { x: 'cli', y: undefined, z: [] })
  assert.equal(await values(args, [], { Y: 'hunter2' }), ['Y (environment): expected a number'])
})

test('any Standard Schema checks and converts', async () => {
  const args = {
    port: number().schema(
      z
        .int()
        .max(10)
        .transform((port) => ({ port })),
    ),
    id: text().schema(z.uuid()).optional(),
  }
  assert.equal(await values(args, ['--port', '3']), { port: { port: 3 }, id: undefined })
  const wrong = (await values(args, ['--port', '30', '--id', 'x'])) as string[]
  assert.is(wrong.length, 2)
  assert.match(wrong[0] ?? '', /^--port: .*10.* \(got "30"\)$/)
})

test('--help and -h ask for help unless they are the task’s own', async () => {
  const help = async (args: Arguments, argv: string[]): Promise<unknown> => {
    const result = await parseArguments(args, argv, context)
    return result.ok && result.value.help
  }
  assert.is(await help({ x: text() }, ['--help']), true)
  assert.is(await help({ x: text() }, ['-h', '--bad']), true)
  assert.is(await help({ x: text().positional().repeated() }, ['--', '--help']), false)
  assert.is(await help({ help: flag(), human: flag().alias('h') }, ['--help', '-h']), false)
})

test('flags may have the names of the global ones', async () => {
  const args = { env: text().optional(), yes: flag(), list: flag(), helpMe: flag(), json: flag() }
  assert.equal(await values(args, ['--env', 'x', '--yes', '--list', '--help-me', '--json']), {
    env: 'x',
    yes: true,
    list: true,
    helpMe: true,
    json: true,
  })
})

test('what another task passes is checked in the same way', async () => {
  const check = async (args: Arguments, input: Record<string, unknown>): Promise<unknown> => {
    const result = await checkInput(args, input, context)
    return result.ok ? { ...result.value } : result.failures.map(({ message, nearest }) => [message, nearest])
  }
  const args = {
    environment: text().positional(),
    wait: duration().default('1s'),
    names: text().repeated(),
    push: flag(),
  }
  assert.equal(await check(args, { environment: 'dev', wait: 5, names: ['a,b'], push: true }), {
    environment: 'dev',
    wait: 5,
    names: ['a,b'],
    push: true,
  })
  assert.equal(await check(args, { enviroment: 'dev', push: 'perhaps' }), [
    ['unknown argument enviroment', 'environment'],
    ['missing argument <environment>', undefined],
    ['push: expected true or false, got "perhaps"', undefined],
  ])
})

test('a definition that cannot be parsed by is found', () => {
  const problems = (args: Arguments): string[] => argumentTable(args).problems
  assert.equal(problems({ a: text().positional().repeated(), b: text().positional() }), [
    'argument b cannot follow a, which takes all that is left',
    'argument b is required and cannot follow a, which may be left out',
  ])
  assert.equal(problems({ a: text().positional().optional(), b: text().positional() }), [
    'argument b is required and cannot follow a, which may be left out',
  ])
  assert.equal(problems({ a: text().alias('x'), b: text().alias('x') }), ['arguments a and b have the same name x'])
  assert.equal(problems({ v: flag().alias('v') }), ['argument v has the alias v, which is its own name'])
  assert.equal(problems({ all: flag().alias('a', 'a') }), ['argument all has the alias a, twice'])
  assert.equal(problems({ dryRun: flag(), 'dry-run': flag() }), [
    'arguments dryRun and dry-run have the same name dry-run',
  ])
  assert.equal(problems({ a: text().alias('no space') }), ['argument a: "no space" cannot be the name of a flag'])
  assert.equal(problems({ a: text().positional().alias('x') }), [
    'argument a is positional and has no name, so it cannot have an alias',
  ])
  assert.equal(problems(all), [])
})

test('camelCase becomes kebab-case', () => {
  assert.equal(['healthCheck', 'parseJSON', 'x', 'HTTPServer', 'a1B'].map(kebabCase), [
    'health-check',
    'parse-json',
    'x',
    'http-server',
    'a1-b',
  ])
})

test('undeclared flags go to the argument that takes them, each with its name', async () => {
  const args = { query: text().positional(), param: text().repeated().undeclared(), json: flag() }
  const asked = ['top', '--days', '7', '--json', '--from=x=y', '--param', 'least=2', '--up-to=-3']
  assert.equal(await values(args, asked), {
    query: 'top',
    param: ['days=7', 'from=x=y', 'least=2', 'up-to=-3'],
    json: true,
  })
  assert.equal(await values(args, ['top', '--days', '--json']), ['--days needs a value'])
  assert.equal(await values({ query: args.query }, ['top', '--days', '7']), [
    'unknown flag --days',
    'unexpected argument "7"',
  ])
  assert.throws(() => text().undeclared(), /call repeated\(\) first/)
})

test.run()
