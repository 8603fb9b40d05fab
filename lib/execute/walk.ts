import { setMaxListeners } from 'node:events'
import { Heap } from './heap.ts'

/** A node of the graph to walk, with the ids of those that must be done before it starts. */
export type WalkNode<N> = {
  id: string
  after: readonly string[]
  /** Ids of those that must have ended before it starts, in whichever way. */
  afterEnd?: readonly string[]
  /** Starts also when the walk ends early. */
  always?: boolean
  /** Its failure ends nothing early; what comes `after` it is skipped all the same. */
  tolerated?: boolean
  node: N
}

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
  /** Ends the nodes that run `always`; by default nothing does. */
  lastSignal?: AbortSignal
  /**
   * `fail-fast`: the first failure ends the walk early. `continue`: only what depends on a failure is skipped. `continue-always`: what
   * depends on a failure runs, too.
   */
  mode: 'fail-fast' | 'continue' | 'continue-always'
  /**
   * Runs one node. Its signal is aborted when the walk ends early; the walk waits for it all the same. What gives a value, and no promise, costs
   * none: of 50,000 nodes, most may do nothing.
   */
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
  const { concurrency, mode, run, signal, lastSignal = new AbortController().signal } = options
  const { waiting, dependents } = connect(nodes)
  const ends = new Array<WalkEnd<V> | undefined>(nodes.length)
  const begun = new Uint8Array(nodes.length)
  const anyAlways = nodes.some(({ always }) => always)
  const doneWithout: WalkEnd<V> = { state: 'done', value: undefined as V }
  const ready = new Heap()
  /** Those that wait for nothing: in order already. */
  const early: number[] = []
  for (let index = 0; index < waiting.length; index += 1) if (waiting[index] === 0) early.push(index)
  let earlyAt = 0
  const nextReady = (): number | undefined => {
    const first = early[earlyAt]
    const later = ready.top
    if (first === undefined || (later !== undefined && later < first)) return ready.pop()
    earlyAt += 1
    return first
  }

  const controller = new AbortController()
  setMaxListeners(0, controller.signal)
  const stopped = controller.signal

  /** Ends a node, and with it those that cannot run any more. */
  const end = (first: number, how: WalkEnd<V>): void => {
    ends[first] = how
    const ended = [first]
    for (let index = ended.pop(); index !== undefined; index = ended.pop()) {
      const goesOn = ends[index]?.state === 'done' || mode === 'continue-always'
      for (const edge of dependents[index] as number[]) {
        // An edge that only waits for the end is written as its complement.
        const next = edge < 0 ? ~edge : edge
        if (ends[next] !== undefined) continue
        if (goesOn || edge < 0) {
          const left = (waiting[next] as number) - 1
          waiting[next] = left
          if (left === 0) ready.push(next)
        } else {
          ends[next] = { state: 'skipped', because: (nodes[index] as WalkNode<N>).id }
          ended.push(next)
        }
      }
    }
  }
  const abort = (reason: unknown) => {
    if (stopped.aborted) return
    controller.abort(reason)
    if (!anyAlways) return
    for (const [index, { always }] of nodes.entries()) {
      if (!always && begun[index] === 0 && ends[index] === undefined) end(index, { state: 'skipped' })
    }
  }
  const onSignal = () => abort(signal?.reason)
  if (signal?.aborted) onSignal()
  signal?.addEventListener('abort', onSignal, { once: true })

  let running = 0
  await new Promise<void>((resolve) => {
    const done = (index: number, value: V): void => {
      end(index, value === undefined ? doneWithout : { state: 'done', value })
      running -= 1
    }
    const failed = (index: number, error: unknown): void => {
      const { always, tolerated } = nodes[index] as WalkNode<N>
      end(index, { state: (always ? lastSignal : stopped).aborted ? 'aborted' : 'failed', error })
      if (mode === 'fail-fast' && !tolerated) abort(error)
      running -= 1
    }
    const start = (index: number): void => {
      const { node, id, always } = nodes[index] as WalkNode<N>
      let value: Promise<V> | V
      try {
        value = run(node, always ? lastSignal : stopped, id)
      } catch (error) {
        failed(index, error)
        return
      }
      if (!(value instanceof Promise)) {
        done(index, value)
        return
      }
      void value.then(
        (later) => {
          done(index, later)
          pump()
        },
        (error: unknown) => {
          failed(index, error)
          pump()
        },
      )
    }
    const pump = () => {
      while ((anyAlways || !stopped.aborted) && running < Math.max(1, concurrency)) {
        const index = nextReady()
        if (index === undefined) break
        if (ends[index] !== undefined) continue
        begun[index] = 1
        running += 1
        start(index)
      }
      if (running === 0) resolve()
    }
    pump()
  })
  signal?.removeEventListener('abort', onSignal)
  const all = new Map<string, WalkEnd<V>>()
  for (let index = 0; index < nodes.length; index += 1) {
    all.set((nodes[index] as WalkNode<N>).id, ends[index] ?? { state: 'skipped' })
  }
  return all
}

const none: readonly string[] = []

/** For each node: how many it waits for, and who waits for it; who only waits for its end is written as the complement of its index. */
function connect<N>(nodes: readonly WalkNode<N>[]): { waiting: number[]; dependents: number[][] } {
  const indexes = new Map<string, number>()
  for (let index = 0; index < nodes.length; index += 1) indexes.set((nodes[index] as WalkNode<N>).id, index)
  if (indexes.size !== nodes.length) {
    throw new Error(`a graph with a repeated id: ${nodes.find(({ id }, index) => indexes.get(id) !== index)?.id}`)
  }
  const dependents: number[][] = nodes.map(() => [])
  const waiting = nodes.map(({ id, after, afterEnd = none }, index) => {
    if (after.length + afterEnd.length === 0) return 0
    const distinct = new Set(after)
    const find = (name: string): number[] => {
      const before = indexes.get(name)
      if (before === undefined) throw new Error(`${id} comes after ${name}, which is not in the graph`)
      return dependents[before] as number[]
    }
    for (const name of distinct) find(name).push(index)
    if (afterEnd.length === 0) return distinct.size
    const soft = new Set(afterEnd.filter((name) => !distinct.has(name)))
    for (const name of soft) find(name).push(~index)
    return distinct.size + soft.size
  })
  refuseCycle(nodes, waiting, dependents)
  return { waiting, dependents }
}

/** Takes away what waits for nothing until nothing is left; what is left then is a cycle or waits for one. */
function refuseCycle<N>(nodes: readonly WalkNode<N>[], waiting: number[], dependents: number[][]): void {
  const counts = [...waiting]
  const free: number[] = []
  for (let index = 0; index < counts.length; index += 1) if (counts[index] === 0) free.push(index)
  for (let taken = 0; taken < free.length; taken += 1) {
    for (const edge of dependents[free[taken] as number] as number[]) {
      const next = edge < 0 ? ~edge : edge
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
    const { after = [], afterEnd = [] } = byId.get(id) ?? {}
    id = [...after, ...afterEnd].find((name) => stuck.has(name)) as string
  }
  throw new Error(`a graph with a cycle: ${[...path.slice(seen.get(id)), id].join(' after ')}`)
}
