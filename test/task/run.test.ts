import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FailureError } from '../../lib/model/failure.ts'
import { type Clock, VirtualClock } from '../../lib/system/clock.ts'
import { number, text } from '../../lib/task/arguments.ts'
import { finish, OutcomeError, type Task, task } from '../../lib/task/definition.ts'
import type { TaskEvent } from '../../lib/task/events.ts'
import type { Invocation } from '../../lib/task/invocation.ts'
import { type TaskEnd, TaskRun } from '../../lib/task/run.ts'
import { makeTable } from '../../lib/task/table.ts'
import { until } from '../support/index.ts'

type Options = {
  signal?: AbortSignal
  jobs?: number
  graceMs?: number
  ask?: (question: string) => Promise<string>
  yes?: boolean
  clock?: Clock
}

async function run(
  exported: Record<string, Task>,
  name: string,
  options: Options = {},
): Promise<TaskEnd & { events: TaskEvent[] }> {
  const table = makeTable('/workspace/Taskfile.ts', exported)
  if (!table.ok) throw new FailureError(...table.failures)
  const invocation = { env: process.env, folder: '/', argv: [name], yes: options.yes ?? false } as unknown as Invocation
  const events: TaskEvent[] = []
  const { jobs, graceMs, ask, signal = new AbortController().signal } = options
  const runner = new TaskRun({
    table: table.value,
    invocation,
    signal,
    emit: (event) => events.push(event),
    ...(jobs === undefined ? {} : { jobs }),
    ...(graceMs === undefined ? {} : { graceMs }),
    ...(ask ? { ask } : {}),
    ...(options.clock ? { clock: options.clock } : {}),
  })
  const end = await runner.run(name, table.value.find(name) as Task, {})
  return { ...end, events }
}

const value = (end: TaskEnd): unknown => {
  if (end.state !== 'done') throw end.state === 'failed' ? end.error : new Error(end.state)
  return end.value
}

const failureOf = (end: TaskEnd): unknown => {
  assert.is(end.state, 'failed')
  return end.state === 'failed' ? end.error : undefined
}

test('a diamond runs its root once, and results are handed on', async () => {
  let runs = 0
  const root = task({ run: () => ({ count: ++runs }) })
  const left = task({ needs: { root }, run: ({ needs }) => needs.root.count + 10 })
  const right = task({ needs: { root }, run: ({ needs }) => needs.root.count + 20 })
  const all = task({ needs: { left, right, root }, run: ({ needs }) => [needs.left, needs.right, needs.root.count] })
  assert.equal(value(await run({ all, left, right, root }, 'all')), [11, 21, 1])
  assert.is(runs, 1)
})

test('a task runs once for each set of arguments, asked for in whichever way', async () => {
  const seen: string[] = []
  const greet = task({
    args: { name: text().default('world'), count: number().default(1) },
    run: ({ args }) => {
      seen.push(`${args.name} ${args.count}`)
      return args.name
    },
  })
  const all = task({
    needs: { world: greet, ada: greet.with({ name: 'ada' }) },
    run: async ({ run: call, needs }) => [
      needs.world,
      needs.ada,
      ...(await Promise.all([
        call(greet),
        call(greet, { name: 'world' }),
        call(greet, { count: 1, name: 'ada' }),
        call(greet, { name: 'bob' }),
      ])),
    ],
  })
  assert.equal(value(await run({ all, greet }, 'all')), ['world', 'ada', 'world', 'world', 'ada', 'bob'])
  assert.equal(seen.sort(), ['ada 1', 'bob 1', 'world 1'])
})

test('over a thousand calls of one task are legitimate', async () => {
  const square = task({ args: { n: number() }, run: ({ args }) => args.n ** 2 })
  const all = task({
    run: async ({ run: call }) => {
      const squares = await Promise.all(Array.from({ length: 1500 }, (_, n) => call(square, { n })))
      return squares.reduce((sum, one) => sum + one, 0)
    },
  })
  assert.is(value(await run({ all, square }, 'all')), (1499 * 1500 * 2999) / 6)
})

test('tasks that need each other are named', async () => {
  const needs: Record<string, Task> = {}
  const a = task({ needs, run: () => {} })
  const b = task({ needs: { a }, run: () => {} })
  const c = task({ needs: { b }, run: () => {} })
  needs.c = c
  const error = failureOf(await run({ a, b, c }, 'b'))
  assert.instance(error, FailureError)
  assert.is((error as FailureError).failures[0]?.message, 'tasks that need each other: b → a → c → b')
  assert.is((error as FailureError).outcome, 'unchanged')
})

test('tasks that wait for each other by calls are found, and not waited for', async () => {
  const called: Task[] = []
  const a: Task = task({ run: async ({ run: call }) => call(called[0] as Task) })
  const b: Task = task({ run: async ({ run: call }) => call(a) })
  called.push(b)
  const self: Task = task({ run: async ({ run: call }) => call(self) })
  const direct = failureOf(await run({ a, b }, 'a')) as FailureError
  assert.is(direct.failures[0]?.message, 'tasks would wait for each other for ever: b → a → b')
  assert.match(direct.failures[0]?.why ?? '', /^b runs a, which waits for b already/)
  assert.equal(direct.failures[0]?.next, ['take a out of b, and run one after the other: await run(…); await run(…)'])
  const own = failureOf(await run({ self }, 'self')) as FailureError
  assert.is(own.failures[0]?.message, 'tasks would wait for each other for ever: self → self')
})

test('a call has a signal of its own beside that of its caller', async () => {
  const stop = new AbortController()
  const reasons: unknown[] = []
  const slow = task({
    args: { name: text() },
    run: ({ args, signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(new Error(`${args.name} was ended`)), { once: true })
        if (args.name === 'with') stop.abort(new Error('enough'))
      }),
  })
  const never = task({ run: () => assert.unreachable() })
  const caller = task({
    run: async ({ run: call, signal }) => {
      await call(slow, { name: 'with' }, { signal: stop.signal }).catch((error: Error) => reasons.push(error.message))
      await call(never, {}, { signal: stop.signal }).catch((error: Error) => reasons.push(error.message))
      reasons.push(signal.aborted)
      return call(slow, { name: 'without' }, { signal: new AbortController().signal })
    },
  })
  const whole = new AbortController()
  const ended = run({ caller, slow, never }, 'caller', { signal: whole.signal })
  await until(() => reasons.length === 3, { what: 'the calls that were ended' })
  assert.equal(reasons, ['with was ended', 'enough', false])
  whole.abort(new Error('all of it'))
  assert.is((failureOf(await ended) as Error).message, 'without was ended')
})

test('a task runs again where it is asked to, and what it needs does not', async () => {
  const runs: string[] = []
  const need = task({ run: () => void runs.push('need') })
  const work = task({ args: { n: number() }, needs: { need }, run: ({ args }) => runs.push(`work ${args.n}`) })
  const caller = task({
    run: async ({ run: call }) => [
      await call(work, { n: 1 }),
      await call(work, { n: 1 }),
      await call(work, { n: 1 }, { again: true }),
      await call(work, { n: 1 }, { again: true }),
      await call(work, { n: 1 }),
    ],
  })
  assert.equal(value(await run({ caller, work, need }, 'caller')), [2, 2, 3, 4, 2])
  assert.equal(runs, ['need', 'work 1', 'work 1', 'work 1'])
  let depth = 0
  const twice: Task = task({
    run: async ({ run: call }) => {
      depth += 1
      if (depth < 3) await call(twice, {}, { again: true })
      return depth
    },
  })
  assert.is(value(await run({ twice }, 'twice')), 3)
})

test('two tasks that run beside each other and then wait for each other do not hang', async () => {
  let ready = 0
  const both = async () => {
    ready += 1
    while (ready < 2) await pause(1)
  }
  const others: { left?: Task; right?: Task } = {}
  const left: Task = task({ run: async ({ run: call }) => both().then(() => call(others.right as Task)) })
  const right: Task = task({ run: async ({ run: call }) => both().then(() => call(others.left as Task)) })
  Object.assign(others, { left, right })
  const all = task({ needs: { left, right }, run: () => {} })
  const error = failureOf(await run({ all, left, right }, 'all', { jobs: 2 })) as FailureError
  assert.match(
    error.failures[0]?.message ?? '',
    /^tasks would wait for each other for ever: (left → right → left|right → left → right)$/,
  )
})

test('one place is enough for any depth of calls and shared needs', async () => {
  const shared = task({ run: () => 1 })
  const deep: Task[] = [task({ needs: { shared }, run: ({ needs }) => needs.shared })]
  for (let level = 1; level <= 20; level += 1) {
    const below = deep[level - 1] as Task<unknown, number>
    deep.push(
      task({
        needs: { shared },
        run: async ({ run: call, needs }) => {
          const [one, other] = await Promise.all([call(below), call(shared)])
          return one + (other as number) + needs.shared
        },
      }),
    )
  }
  assert.is(value(await run({ top: deep[20] as Task }, 'top', { jobs: 1 })), 41)
})

test('no more tasks run at once than there are places', async () => {
  let running = 0
  let most = 0
  const many = Object.fromEntries(
    Array.from({ length: 12 }, (_, index) => [
      `t${index}`,
      task({
        run: async () => {
          running += 1
          most = Math.max(most, running)
          await pause(2)
          running -= 1
        },
      }),
    ]),
  )
  const all = task({ needs: many, run: () => {} })
  value(await run({ all, ...many }, 'all', { jobs: 3 }))
  assert.is(most, 3)
})

test('the first failure aborts what runs beside it, waits for it, and starts nothing more', async () => {
  const ran: string[] = []
  let isAborted = false
  const slow = task({
    run: async ({ signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      await pause(30)
      isAborted = true
    },
  })
  const bad = task({
    run: () => {
      throw new Error('broken')
    },
  })
  const after = task({ needs: { bad }, run: () => void ran.push('after') })
  const all = task({ needs: { slow, after }, run: () => void ran.push('all') })
  const end = await run({ all, slow, bad, after }, 'all', { jobs: 4 })
  assert.is((failureOf(end) as Error).message, 'broken')
  assert.is(end.state === 'failed' && end.task, 'bad')
  assert.is(isAborted, true)
  assert.equal(ran, [])
  const ends = end.events.flatMap((event) => (event.type === 'task-ended' ? [`${event.task} ${event.state}`] : []))
  assert.equal(ends.sort(), ['bad failed', 'slow done'])
})

test('a failure of a called task can be caught', async () => {
  const bad = task({
    run: () => {
      throw new Error('broken')
    },
  })
  const all = task({
    run: async ({ run: call }) =>
      call(bad).then(
        () => 'no',
        (error: Error) => error.message,
      ),
  })
  assert.is(value(await run({ all, bad }, 'all')), 'broken')
})

test('an outcome other than done stops what needs it, and is handed on with its result', async () => {
  const check = task({ run: () => finish('partial', { left: 3 }) })
  const fine = task({ run: () => finish('done', 'fine') })
  const all = task({ needs: { check }, run: () => {} })
  const error = failureOf(await run({ all, check }, 'all'))
  assert.instance(error, OutcomeError)
  assert.equal((error as OutcomeError).finished.result, { left: 3 })
  assert.is((error as OutcomeError).finished.outcome, 'partial')
  assert.is(value(await run({ fine }, 'fine')), 'fine')
})

test('a timeout ends a task, whether it listens or not', async () => {
  const listens = task({
    timeout: '20ms',
    run: ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', resolve)),
  })
  const deaf = task({ timeout: '20ms', run: () => new Promise(() => setTimeout(() => {}, 5000).unref()) })
  for (const exported of [{ it: listens }, { it: deaf }]) {
    const error = failureOf(await run(exported, 'it', { graceMs: 50 })) as FailureError
    assert.is(error.failures[0]?.message, 'task it took longer than 20ms, and was ended')
  }
})

test('aborting ends everything', async () => {
  const controller = new AbortController()
  const slow = task({
    run: ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  })
  const all = task({ needs: { slow }, run: () => {} })
  const running = run({ all, slow }, 'all', { signal: controller.signal })
  setTimeout(() => controller.abort(new Error('the signal')), 10)
  assert.is((failureOf(await running) as Error).message, 'the signal')
})

test('missing arguments of a needed task are said with both names', async () => {
  const greet = task({ args: { name: text() }, run: () => {} })
  const all = task({ needs: { greet }, run: () => {} })
  const error = failureOf(await run({ all, greet }, 'all')) as FailureError
  assert.is(error.failures[0]?.message, 'greet, which all needs: missing argument --name')
})

test('a task with commands stands for its default one', async () => {
  const services = task({
    commands: { up: task({ run: () => 'up' }), down: task({ run: () => 'down' }) },
    defaultCommand: 'up',
  })
  const all = task({
    needs: { services },
    run: async ({ needs, run: call }) => [needs.services, await call(services.commands.down)],
  })
  assert.equal(value(await run({ all, services }, 'all')), ['up', 'down'])
})

test('confirmations are asked before anything runs, once', async () => {
  const ran: string[] = []
  const asked: string[] = []
  const first = task({ run: () => void ran.push('first') })
  const second = task({ needs: { first }, confirm: 'Go on?', run: () => void ran.push('second') })
  const exported = { first, second }
  const ask = (answer: string) => async (question: string) => {
    asked.push(`${question}${ran.length}`)
    return answer
  }
  const declined = failureOf(await run(exported, 'second', { ask: ask('n') })) as FailureError
  assert.is(declined.outcome, 'unchanged')
  assert.equal(ran, [])
  const nobody = failureOf(await run(exported, 'second')) as FailureError
  assert.equal(nobody.failures[0]?.next, ['task --yes second'])
  value(await run(exported, 'second', { ask: ask('Yes') }))
  value(await run(exported, 'second', { yes: true }))
  const plan = 'This would run, in this order:\n1.  first   needed by second\n2.  second  asked for\n'
  assert.equal(asked, [`${plan}Go on? [y/N] 0`, `${plan}Go on? [y/N] 0`])
  assert.equal(ran, ['first', 'second', 'first', 'second'])
})

test('retry: the wait doubles, up to a quarter less; the place is free meanwhile; a decision is not tried again', async () => {
  const clock = new VirtualClock()
  const tries: number[] = []
  const beside: string[] = []
  const flaky = task({
    retry: { times: 3, backoff: '10s' },
    run: ({ attempt }) => {
      tries.push(clock.now())
      if (attempt < 4) throw new Error(`attempt ${attempt}`)
      return attempt
    },
  })
  const other = task({ mutex: 'free', run: () => void beside.push('ran') })
  const all = task({ needs: { flaky, other }, run: ({ needs }) => needs.flaky })
  const running = run({ all, flaky, other }, 'all', { jobs: 2, clock })
  for (let rounds = 0; tries.length < 4 && rounds < 200; rounds += 1) await clock.advance(500)
  assert.is(value(await running), 4)
  assert.equal(beside, ['ran'])
  const waits = tries.slice(1).map((at, index) => at - (tries[index] ?? 0))
  for (const [index, wait] of waits.entries()) {
    const whole = 10_000 * 2 ** index
    assert.ok(wait > whole * 0.75 - 1 && wait <= whole + 500, `wait ${index + 1}: ${wait}`)
  }
  let decided = 0
  const decision = task({
    retry: 5,
    run: () => {
      decided += 1
      return finish('unchanged', 1)
    },
  })
  assert.instance(failureOf(await run({ decision }, 'decision', { clock })), OutcomeError)
  assert.is(decided, 1)
})

test('retry: what is told to end while it waits is not tried again', async () => {
  const controller = new AbortController()
  const clock = new VirtualClock()
  let tries = 0
  const flaky = task({
    retry: 2,
    run: () => {
      tries += 1
      throw new Error('no')
    },
  })
  const running = run({ flaky }, 'flaky', { clock, signal: controller.signal })
  while (clock.sleeping === 0) await pause(1)
  controller.abort(new Error('stop'))
  const { events } = await running
  assert.is(tries, 1)
  const ended = events.find(({ type }) => type === 'task-ended')
  assert.is(ended?.type === 'task-ended' && ended.state, 'aborted')
})

test('a precondition or question of a task that is called stops its caller alone, and is asked again', async () => {
  let asked = 0
  const inner = task({ confirm: 'Sure?', run: () => 'inner' })
  const outer = task({
    run: async ({ run: call }) => {
      const first = await call(inner).catch(() => 'declined')
      return [first, await call(inner)]
    },
  })
  const ask = async () => (++asked === 1 ? 'n' : 'y')
  assert.equal(value(await run({ inner, outer }, 'outer', { ask })), ['declined', 'inner'])
  assert.is(asked, 2)
})

test('steps, messages and commands are told under the name of their task', async () => {
  const build = task({
    run: async ({ $, log, step }) => {
      log('hello')
      log.warn('careful')
      return step('inner', async () => (await $({ cwd: '/' })`echo out`).stdout)
    },
  })
  const end = await run({ build }, 'build')
  assert.is(value(end), 'out\n')
  const told = end.events.map((event) =>
    'durationMs' in event
      ? { ...event, durationMs: 0 }
      : event.type === 'task-started'
        ? { ...event, at: 0 }
        : event.type === 'output'
          ? { ...event, data: Buffer.from(event.data).toString() }
          : event,
  )
  assert.equal(told, [
    { type: 'tasks-planned', tasks: ['build'], needs: {} },
    { type: 'task-started', task: 'build', at: 0 },
    { type: 'message', task: 'build', level: 'info', text: 'hello' },
    { type: 'message', task: 'build', level: 'warning', text: 'careful' },
    { type: 'step-started', task: 'build', title: 'inner' },
    { type: 'command', task: 'build', text: 'echo out' },
    { type: 'output', task: 'build', stream: 'stdout', data: 'out\n' },
    { type: 'step-ended', task: 'build', title: 'inner', ok: true, durationMs: 0 },
    { type: 'task-ended', task: 'build', state: 'done', durationMs: 0 },
  ])
})

test('500 tasks in a random graph: order respected, each once, failures stop exactly their dependents', async () => {
  for (const seed of [1, 2, 3]) {
    let state = seed * 2654435761
    const random = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return state / 2 ** 32
    }
    const done = new Set<number>()
    const counts = new Map<number, number>()
    const isBad = (index: number) => seed === 3 && index === 250
    const tasks: Task[] = []
    const wanted: number[][] = []
    for (let index = 0; index < 500; index += 1) {
      const picks =
        index === 0 ? [] : Array.from({ length: Math.floor(random() * 4) }, () => Math.floor(random() * index))
      wanted.push([...new Set(picks)])
      tasks.push(
        task({
          needs: Object.fromEntries(wanted[index]?.map((pick) => [`n${pick}`, tasks[pick] as Task]) ?? []),
          run: async () => {
            assert.ok(
              wanted[index]?.every((pick) => done.has(pick)),
              `${index} ran before a need`,
            )
            counts.set(index, (counts.get(index) ?? 0) + 1)
            if (random() < 0.3) await pause(0)
            if (isBad(index)) throw new Error('bad')
            done.add(index)
          },
        }),
      )
    }
    const all = task({ needs: Object.fromEntries(tasks.map((one, index) => [`t${index}`, one])), run: () => 'all' })
    const end = await run({ all }, 'all', { jobs: 8 })
    assert.ok([...counts.values()].every((count) => count === 1))
    if (seed < 3) assert.is(counts.size, 500)
    else {
      assert.is(end.state === 'failed' && end.task, 't250')
      const behind = (index: number): boolean => isBad(index) || (wanted[index] ?? []).some(behind)
      assert.ok([...done].every((index) => !behind(index)))
    }
  }
})

test.run()
