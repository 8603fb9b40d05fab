import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { choice, duration, finish, flag, number, optional, path, type ResultOf, task, text } from '../../lib/index.ts'
import { isTask } from '../../lib/task/definition.ts'
import { operations } from '../../tasks/index.ts'

/** True only when each type is assignable to the other, and neither is `any`. */
type Same<A, B> = 0 extends 1 & A ? false : [A] extends [B] ? ([B] extends [A] ? true : false) : false
const same = <A, B>(verdict: Same<A, B>): void => assert.is(verdict, true)

const build = task({ description: 'Compile', run: async () => ({ files: 3 }) })

const release = task({
  description: 'Tag and publish',
  args: {
    channel: choice(['beta', 'stable']).describe('where to'),
    notes: text().optional(),
    push: flag(),
    environment: text().positional(),
    names: text().positional().repeated(),
    count: number().default(3),
    wait: duration().default('30s'),
    into: path().optional(),
  },
  needs: { build },
  confirm: ({ args }) => `Publish to ${args.channel}?`,
  async run({ args, needs, run, signal }) {
    same<typeof args.channel, 'beta' | 'stable'>(true)
    same<typeof args.notes, string | undefined>(true)
    same<typeof args.push, boolean>(true)
    same<typeof args.names, string[]>(true)
    same<typeof args.count, number>(true)
    same<typeof args.wait, number>(true)
    same<typeof needs.build, { files: number }>(true)
    const again = await run(build)
    same<typeof again, { files: number }>(true)
    const stopped = await run(build, {}, { signal, again: true })
    same<typeof stopped, { files: number }>(true)
    if (args.push) return finish('rolledBack', { published: args.environment })
    return { published: args.environment }
  },
  render: (result) => {
    same<typeof result, { published: string }>(true)
    return result.published
  },
})

test('the result of a task is typed, with the outcome taken off', () => {
  same<ResultOf<typeof release>, { published: string }>(true)
  same<ResultOf<typeof build>, { files: number }>(true)
})

test('another task passes what is required, and may pass the rest', () => {
  const bound = release.with({ channel: 'beta', environment: 'dev', wait: 5000 })
  assert.equal(bound.input, { channel: 'beta', environment: 'dev', wait: 5000 })
  // @ts-expect-error the environment is missing
  release.with({ channel: 'beta' })
  // @ts-expect-error no such channel
  release.with({ channel: 'gamma', environment: 'dev' })
  // @ts-expect-error a number is not a list of names
  release.with({ channel: 'beta', environment: 'dev', names: 3 })
})

test('what may be skipped or may fail is undefined for who needs it', () => {
  const onCi = task({ when: ({ env }) => env.CI === 'true', run: () => 3 })
  const onLinux = task({ platforms: ['linux'], args: { name: text() }, run: ({ args }) => args.name })
  const conditional = task({
    args: { level: choice(['a', 'b']) },
    when: ({ args }) => {
      same<typeof args.level, 'a' | 'b'>(true)
      return args.level === 'a' || 'only a'
    },
    preconditions: [
      { check: async ({ $ }) => $`true`, message: ({ args }) => `${args.level satisfies 'a' | 'b'} is not there` },
    ],
    retry: { times: 2, backoff: '1s' },
    mutex: ['one', 'two'],
    finally: { onCi },
    run: ({ args, attempt, env }) => `${args.level} ${attempt} ${env.HOME}`,
  })
  same<ResultOf<typeof onCi>, number | undefined>(true)
  same<ResultOf<typeof conditional>, string | undefined>(true)
  task({
    needs: { onCi, report: optional(build), named: optional(onLinux.with({ name: 'x' })), build },
    run: ({ needs }) => {
      same<typeof needs.onCi, number | undefined>(true)
      same<typeof needs.report, { files: number } | undefined>(true)
      same<typeof needs.named, string | undefined>(true)
      same<typeof needs.build, { files: number }>(true)
    },
  })
  // @ts-expect-error no such member
  task({ input: ['src/**'], run: () => 1 })
  // @ts-expect-error no such system
  task({ platforms: ['windows'], run: () => 1 })
})

test('a task with commands has each of them, typed', () => {
  const services = task({
    description: 'Services',
    commands: { up: release, healthCheck: build },
    defaultCommand: 'up',
  })
  same<ResultOf<typeof services.commands.up>, { published: string }>(true)
  assert.equal(Object.keys(services.commands), ['up', 'health-check'])
  assert.is(services.defaultCommand, 'up')
  // @ts-expect-error no such command
  task({ commands: { up: release }, defaultCommand: 'down' })
})

test('a task knows where it was defined', () => {
  assert.is(isTask(build), true)
  assert.is(isTask({}), false)
  assert.is(typeof build.place?.line, 'number')
})

test('builders refuse what has no meaning', () => {
  assert.throws(() => flag().positional(), /cannot be positional/)
  assert.throws(() => flag().repeated(), /cannot be repeated/)
})

test('an operation that another task calls gives its typed release', () => {
  const { deploy } = operations()
  const read = ({ current }: ResultOf<typeof deploy>) => current?.number
  same<ReturnType<typeof read>, number | undefined>(true)
  assert.type(read, 'function')
})

test.run()
