import { setMaxListeners } from 'node:events'

/** A node of the graph to walk, with the ids of those that must be done before it starts. */
export type WalkNode<N> = { id: string; after: readonly string[]; node: N }

/**
 * What became of a node. `failed`: it threw by itself. `aborted`: it was running when the walk ended early, and threw. `skipped`: it
 * never started; `because` is the node it depends on (directly) that kept it from running, absent when the walk ended early.
 * A node that finished although it was told to abort is `done`.
 */
export type WalkEnd<V> =
  | { state: 'done'; value: V }
  | { state: 'failed'; error: unknown }
  | { state: 'aborted'; error: unknown }
  | { state: 'skipped'; because?: string }

/** How a graph is walked. */
export type WalkOptions<N, V> = {
  /** How many nodes run at once; at least 1. */
  concurrency: number
  /** Ends the walk early: running nodes are told by their signal, the others never start. */
  signal?: AbortSignal
  /**
   * `fail-fast`: the first failure ends the walk early. `continue`: only what depends on a failure is skipped.
   */
  mode: 'fail-fast' | 'continue'
  /** Runs one node. Its signal is aborted when the walk ends early; the walk waits for it all the same. */
  run(node: N, signal: AbortSignal, id: string): Promise<V> | V
}

/**
 * Walks a graph: each node after all that it depends on, never beside a failure of those. Of the nodes that could start, the one
 * listed first starts first. Resolves when nothing runs any more, with what became of every node, in the order listed. Costs
 * n log n, and no stack. Throws (a defect of the caller) on a cycle, an unknown or a repeated id, before anything runs.
 */
export async function walkGraph<N, V = void>(
  nodes: readonly WalkNode<N>[],
  options: WalkOptions<N, V>,
): Promise<Map<string, WalkEnd<V>>> {
  const { concurrency, mode, run, signal } = options
  const { waiting, dependents } = connect(nodes)
  const ends = new Array<WalkEnd<V> | undefined>(nodes.length)
  const ready = new Heap()
  for (const [index, count] of waiting.entries()) if (count === 0) ready.push(index)

  const controller = new AbortController()
  setMaxListeners(0, controller.signal)
  const abort = (reason: unknown) => {
    if (!controller.signal.aborted) controller.abort(reason)
  }
  const onSignal = () => abort(signal?.reason)
  if (signal?.aborted) onSignal()
  signal?.addEventListener('abort', onSignal, { once: true })

  let running = 0
  await new Promise<void>((resolve) => {
    const start = async (index: number): Promise<void> => {
      const { node, id } = nodes[index] as WalkNode<N>
      try {
        ends[index] = { state: 'done', value: await run(node, controller.signal, id) }
        for (const next of dependents[index] as number[]) {
          const left = (waiting[next] as number) - 1
          waiting[next] = left
          if (left === 0 && ends[next] === undefined) ready.push(next)
        }
      } catch (error) {
        ends[index] = { state: controller.signal.aborted ? 'aborted' : 'failed', error }
        skipDependents(index)
        if (mode === 'fail-fast') abort(error)
      }
      running -= 1
      pump()
    }
    const skipDependents = (root: number) => {
      const stack = [root]
      for (let index = stack.pop(); index !== undefined; index = stack.pop()) {
        for (const next of dependents[index] as number[]) {
          if (ends[next] !== undefined) continue
          ends[next] = { state: 'skipped', because: (nodes[index] as WalkNode<N>).id }
          stack.push(next)
        }
      }
    }
    const pump = () => {
      while (!controller.signal.aborted && running < Math.max(1, concurrency)) {
        const index = ready.pop()
        if (index === undefined) break
        running += 1
        void start(index)
      }
      if (running === 0) resolve()
    }
    pump()
  })
  signal?.removeEventListener('abort', onSignal)
  return new Map(nodes.map(({ id }, index) => [id, ends[index] ?? { state: 'skipped' }]))
}

/** For each node: how many it waits for, and who waits for it. */
function connect<N>(nodes: readonly WalkNode<N>[]): { waiting: number[]; dependents: number[][] } {
  const indexes = new Map(nodes.map(({ id }, index) => [id, index]))
  if (indexes.size !== nodes.length) {
    throw new Error(`a graph with a repeated id: ${nodes.find(({ id }, index) => indexes.get(id) !== index)?.id}`)
  }
  const dependents: number[][] = nodes.map(() => [])
  const waiting = nodes.map(({ id, after }, index) => {
    const distinct = new Set(after)
    for (const name of distinct) {
      const before = indexes.get(name)
      if (before === undefined) throw new Error(`${id} comes after ${name}, which is not in the graph`)
      ;(dependents[before] as number[]).push(index)
    }
    return distinct.size
  })
  refuseCycle(nodes, waiting, dependents)
  return { waiting, dependents }
}

/** Takes away what waits for nothing until nothing is left; what is left then is a cycle or waits for one. */
function refuseCycle<N>(nodes: readonly WalkNode<N>[], waiting: number[], dependents: number[][]): void {
  const counts = [...waiting]
  const free = counts.flatMap((count, index) => (count === 0 ? [index] : []))
  for (let taken = 0; taken < free.length; taken += 1) {
    for (const next of dependents[free[taken] as number] as number[]) {
      counts[next] = (counts[next] as number) - 1
      if (counts[next] === 0) free.push(next)
    }
  }
  if (free.length === nodes.length) return
  const stuck = new Set(counts.flatMap((count, index) => (count > 0 ? [(nodes[index] as WalkNode<N>).id] : [])))
  const byId = new Map(nodes.map((node) => [node.id, node]))
  // Going to a stuck predecessor again and again must come round.
  const path: string[] = []
  let id = [...stuck][0] as string
  const seen = new Map<string, number>()
  while (!seen.has(id)) {
    seen.set(id, path.length)
    path.push(id)
    id = byId.get(id)?.after.find((name) => stuck.has(name)) as string
  }
  throw new Error(`a graph with a cycle: ${[...path.slice(seen.get(id)), id].join(' after ')}`)
}

/** A binary heap of numbers, smallest first. */
class Heap {
  readonly #items: number[] = []

  push(item: number): void {
    const items = this.#items
    let at = items.length
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = items[parent] as number
      if (above <= item) break
      items[at] = above
      at = parent
    }
    items[at] = item
  }

  pop(): number | undefined {
    const items = this.#items
    const top = items[0]
    const last = items.pop()
    if (last === undefined || items.length === 0) return top
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= items.length) break
      if (child + 1 < items.length && (items[child + 1] as number) < (items[child] as number)) child += 1
      if ((items[child] as number) >= last) break
      items[at] = items[child] as number
      at = child
    }
    items[at] = last
    return top
  }
}
