import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type WalkNode, type WalkOptions, walkGraph } from '../../lib/execute/walk.ts'

type Graph = WalkNode<string>[]

const graph = (edges: Record<string, string[]>): Graph =>
  Object.entries(edges).map(([id, after]) => ({ id, after, node: id }))

const tick = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A generator of pseudo-random numbers in [0, 1) with a seed (mulberry32), so that a failing graph can be had again. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** A graph without cycles: edges go from later to earlier in a hidden order, the nodes are listed in another. */
function randomGraph(next: () => number): Graph {
  const size = 1 + Math.floor(next() * 40)
  const density = next() * 0.3
  const nodes = Array.from({ length: size }, (_, index) => ({
    id: `n${index}`,
    after: Array.from({ length: index }, (_, other) => `n${other}`).filter(() => next() < density),
    node: `n${index}`,
  }))
  return nodes
    .map((node) => ({ node, key: next() }))
    .sort((a, b) => a.key - b.key)
    .map(({ node }) => node)
}

const states = (ends: Map<string, { state: string }>) =>
  Object.fromEntries([...ends].map(([id, { state }]) => [id, state]))

test('a diamond runs its root once, and each node after all that it depends on', async () => {
  const ran: string[] = []
  const ends = await walkGraph(graph({ d: ['b', 'c'], b: ['a'], c: ['a', 'a'], a: [] }), {
    concurrency: 4,
    mode: 'fail-fast',
    async run(node) {
      await tick()
      ran.push(node)
      return node.toUpperCase()
    },
  })
  assert.equal(ran, ['a', 'b', 'c', 'd'])
  assert.equal([...ends.keys()], ['d', 'b', 'c', 'a'], 'the ends come in the order listed')
  assert.equal(ends.get('d'), { state: 'done', value: 'D' })
})

test('of those that could start, the one listed first starts first', async () => {
  const ran: string[] = []
  await walkGraph(graph({ z: [], late: ['z'], y: [], x: [] }), {
    concurrency: 1,
    mode: 'fail-fast',
    run(node) {
      ran.push(node)
    },
  })
  assert.equal(ran, ['z', 'late', 'y', 'x'])
})

test('the first failure aborts the running siblings and waits for them; the rest never starts', async () => {
  let siblingEnded = false
  const ran: string[] = []
  const ends = await walkGraph(graph({ bad: [], sibling: [], child: ['bad'], grandchild: ['child'], other: [] }), {
    concurrency: 2,
    mode: 'fail-fast',
    async run(node, signal) {
      ran.push(node)
      if (node === 'bad') {
        await tick()
        throw new Error('boom')
      }
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
      await tick()
      siblingEnded = true
      throw signal.reason
    },
  })
  assert.equal(ran, ['bad', 'sibling'])
  assert.ok(siblingEnded)
  assert.equal(states(ends), {
    bad: 'failed',
    sibling: 'aborted',
    child: 'skipped',
    grandchild: 'skipped',
    other: 'skipped',
  })
  assert.equal(ends.get('grandchild'), { state: 'skipped', because: 'child' })
  assert.equal(ends.get('other'), { state: 'skipped' })
})

test('a sibling that finishes in spite of the abort is done, since that is the truth', async () => {
  const ends = await walkGraph(graph({ bad: [], sibling: [], next: ['sibling'] }), {
    concurrency: 2,
    mode: 'fail-fast',
    async run(node) {
      if (node === 'bad') throw new Error('boom')
      await tick()
    },
  })
  assert.equal(states(ends), { bad: 'failed', sibling: 'done', next: 'skipped' })
})

test('resilient: only what depends on a failure is skipped, and several failures are all told', async () => {
  const ends = await walkGraph(graph({ a: [], b: ['a'], c: ['b'], x: [], y: ['x'], both: ['c', 'y'] }), {
    concurrency: 1,
    mode: 'continue',
    run(node) {
      if (node === 'a' || node === 'y') throw new Error(node)
    },
  })
  assert.equal(states(ends), {
    a: 'failed',
    b: 'skipped',
    c: 'skipped',
    x: 'done',
    y: 'failed',
    both: 'skipped',
  })
})

test('a signal ends the walk: the running node is waited for, the others never start', async () => {
  const controller = new AbortController()
  const ends = await walkGraph(graph({ a: [], b: ['a'], c: [] }), {
    concurrency: 1,
    mode: 'continue',
    signal: controller.signal,
    async run(_node, signal) {
      controller.abort(new Error('interrupted'))
      await tick()
      signal.throwIfAborted()
    },
  })
  assert.equal(states(ends), { a: 'aborted', b: 'skipped', c: 'skipped' })
  const none = await walkGraph(graph({ a: [] }), {
    concurrency: 1,
    mode: 'fail-fast',
    signal: controller.signal,
    run: () => assert.unreachable(),
  })
  assert.equal(states(none), { a: 'skipped' })
})

test('a graph that is none is a defect, and nothing of it runs', async () => {
  const cases: [Graph, RegExp][] = [
    [graph({ start: [], a: ['b'], b: ['c'], c: ['a', 'start'], tail: ['a'] }), /cycle: .*a after b after c after a/],
    [graph({ self: ['self'] }), /cycle: self after self/],
    [graph({ a: ['nowhere'] }), /a comes after nowhere/],
    [[...graph({ a: [] }), ...graph({ a: [] })], /repeated id: a/],
  ]
  for (const [nodes, expected] of cases) {
    let message = ''
    await walkGraph(nodes, { concurrency: 1, mode: 'fail-fast', run: () => assert.unreachable() }).catch(
      (error: Error) => {
        message = error.message
      },
    )
    assert.match(message, expected)
  }
})

test('continue-always: what depends on a failure runs, too', async () => {
  const ends = await walkGraph(graph({ a: [], b: ['a'], c: ['b'] }), {
    concurrency: 1,
    mode: 'continue-always',
    run: (id) => {
      if (id !== 'c') throw new Error(id)
    },
  })
  assert.equal(states(ends), { a: 'failed', b: 'failed', c: 'done' })
})

test('afterEnd waits for an end, good or bad; a tolerated failure ends nothing early', async () => {
  const order: string[] = []
  const ends = await walkGraph(
    [
      { id: 'bad', after: [], tolerated: true, node: 'bad' },
      { id: 'behind', after: ['bad'], tolerated: true, node: 'behind' },
      { id: 'user', after: [], afterEnd: ['behind', 'bad'], node: 'user' },
      { id: 'both', after: ['user'], afterEnd: ['user', 'bad'], node: 'both' },
    ],
    {
      concurrency: 4,
      mode: 'fail-fast',
      async run(id) {
        await tick()
        order.push(id)
        if (id === 'bad') throw new Error(id)
      },
    },
  )
  assert.equal(order, ['bad', 'user', 'both'])
  assert.equal(states(ends), { bad: 'failed', behind: 'skipped', user: 'done', both: 'done' })
})

test('always: runs also when the walk ends early, under a signal of its own', async () => {
  const nodes: Graph = [
    { id: 'slow', after: [], node: 'slow' },
    { id: 'never', after: ['slow'], node: 'never' },
    { id: 'last', after: ['tool'], afterEnd: ['slow', 'never'], always: true, node: 'last' },
    { id: 'tool', after: [], always: true, node: 'tool' },
  ]
  const controller = new AbortController()
  const seen: string[] = []
  const ends = await walkGraph(nodes, {
    concurrency: 1,
    mode: 'fail-fast',
    signal: controller.signal,
    async run(id, signal) {
      if (id === 'slow') controller.abort(new Error('stop'))
      await tick()
      seen.push(`${id} ${signal.aborted}`)
      if (id === 'slow') signal.throwIfAborted()
    },
  })
  assert.equal(seen, ['slow true', 'tool false', 'last false'])
  assert.equal(states(ends), { slow: 'aborted', never: 'skipped', last: 'done', tool: 'done' })
  const early = await walkGraph(nodes, {
    concurrency: 2,
    mode: 'fail-fast',
    signal: AbortSignal.abort(),
    run: () => {},
  })
  assert.equal(states(early), { slow: 'skipped', never: 'skipped', last: 'done', tool: 'done' })
})

test('an empty graph is walked at once', async () => {
  assert.is((await walkGraph([], { concurrency: 3, mode: 'fail-fast', run: () => assert.unreachable() })).size, 0)
})

test('300 random graphs keep every promise, in both modes', async () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const next = random(seed)
    const nodes = randomGraph(next)
    const mode: WalkOptions<string, void>['mode'] = next() < 0.5 ? 'fail-fast' : 'continue'
    const concurrency = 1 + Math.floor(next() * 5)
    const failing = new Set(nodes.filter(() => next() < 0.1).map(({ id }) => id))
    const started: string[] = []
    const finished = new Set<string>()
    const early: string[] = []
    let running = 0
    let most = 0
    const byId = new Map(nodes.map((node) => [node.id, node]))
    const ends = await walkGraph(nodes, {
      concurrency,
      mode,
      async run(id, signal) {
        if (!byId.get(id)?.after.every((before) => finished.has(before))) early.push(id)
        started.push(id)
        running += 1
        most = Math.max(most, running)
        for (let wait = Math.floor(next() * 3); wait > 0; wait -= 1) await tick()
        running -= 1
        if (failing.has(id)) throw new Error(id)
        signal.throwIfAborted()
        finished.add(id)
      },
    })
    assert.equal(early, [], `seed ${seed}: started before what they depend on`)
    assert.is(running, 0, `seed ${seed}: something still runs`)
    assert.ok(most <= concurrency, `seed ${seed}: ${most} at once`)
    assert.is(new Set(started).size, started.length, `seed ${seed}: a node ran twice`)
    assert.is(ends.size, nodes.length)
    const failures = [...ends].filter(([, end]) => end.state === 'failed').map(([id]) => id)
    if (mode === 'fail-fast') assert.ok(failures.length <= 1, `seed ${seed}: two failures`)
    for (const { id, after } of nodes) {
      const end = ends.get(id)
      const doomed = after.some((before) => ends.get(before)?.state !== 'done')
      assert.is(finished.has(id), end?.state === 'done', `seed ${seed}: ${id}`)
      assert.is(started.includes(id), end?.state !== 'skipped', `seed ${seed}: ${id}`)
      if (doomed) assert.is(end?.state, 'skipped', `seed ${seed}: ${id} ran after what was not done`)
      if (mode === 'continue') {
        const expected = doomed ? 'skipped' : failing.has(id) ? 'failed' : 'done'
        assert.is(end?.state, expected, `seed ${seed}: ${id}`)
      }
    }
  }
})

test('50,000 nodes, as a chain and as layers, cost neither stack nor quadratic work', async () => {
  const count = 50_000
  const chain = Array.from({ length: count }, (_, index) => ({
    id: `c${index}`,
    after: index === 0 ? [] : [`c${index - 1}`],
    node: index,
  }))
  const layers = Array.from({ length: count }, (_, index) => ({
    id: `l${index}`,
    after: index < 100 ? [] : [`l${index - 100}`, `l${index - 1 - (index % 100)}`],
    node: index,
  }))
  for (const nodes of [chain, layers, [...chain].reverse()]) {
    let work = 0
    const ends = await walkGraph(nodes, {
      concurrency: 8,
      mode: 'fail-fast',
      run() {
        work += 1
      },
    })
    assert.is(work, count)
    assert.ok([...ends.values()].every(({ state }) => state === 'done'))
  }
  const broken = await walkGraph(chain, {
    concurrency: 8,
    mode: 'continue',
    run(index) {
      if (index === 1) throw new Error('near the root')
    },
  })
  assert.is([...broken.values()].filter(({ state }) => state === 'skipped').length, count - 2)
})

test.run()
