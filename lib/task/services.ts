import { setMaxListeners } from 'node:events'
import type { TaskNode } from './graph.ts'

type Node = Pick<TaskNode, 'id' | 'task'>

/** Whether a task is a service that goes on until it is ended. */
export const isPersistent = ({ task }: Pick<Node, 'task'>): boolean => task.definition.persistent === true

/** Whether a task can be found up to date: it says what it reads or writes, and is no service. */
export const mayBeUpToDate = ({ task }: Pick<Node, 'task'>): boolean =>
  (task.definition.inputs !== undefined || task.definition.outputs !== undefined) && !isPersistent({ task })

/** What `Services` are made with. */
export type ServicesOptions = {
  /** They run in processes of their own (`--watch`), and not in this one. */
  elsewhere: boolean
  /** Told of the first that fails by itself. */
  onFailure(error: unknown, node: TaskNode): void
}

/**
 * The persistent tasks that others need: each is begun once, takes no place, is not waited for, and is ended when what was asked for has. When one
 * fails, everything is told to end with its error.
 */
export class Services {
  readonly #options: ServicesOptions
  readonly #own = new AbortController()
  readonly #asked = new Set<string>()
  readonly #running = new Set<Promise<unknown>>()

  constructor(options: ServicesOptions) {
    this.#options = options
  }

  /** Notes what was asked for: a persistent task among it is waited for, as any other. */
  ask(roots: readonly TaskNode[]): void {
    for (const { id } of roots) this.#asked.add(id)
  }

  /** Takes a node that is a service, and begins it; false for any other. `run` ends it when its signal is aborted. */
  takes(node: TaskNode, run: (signal: AbortSignal) => Promise<unknown>): boolean {
    if (!isPersistent(node) || this.#asked.has(node.id)) return false
    const { elsewhere, onFailure } = this.#options
    if (elsewhere) return true
    setMaxListeners(0, this.#own.signal)
    const running = run(this.#own.signal).catch((error: unknown) => {
      if (!this.#own.signal.aborted) onFailure(error, node)
    })
    this.#running.add(running)
    void running.then(() => this.#running.delete(running))
    return true
  }

  /** Ends them all, and resolves when they have. */
  async end(): Promise<void> {
    if (this.#running.size === 0) return
    this.#own.abort(new DOMException('what needed this service has ended', 'AbortError'))
    await Promise.all(this.#running)
  }
}
