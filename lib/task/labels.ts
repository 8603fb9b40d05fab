import type { TaskNode } from './graph.ts'
import { mayShowArgument } from './shown-arguments.ts'

/** The labels of an invocation's task runs: the task's name, and what tells those of one name apart. */
export class Labels {
  readonly #byId = new Map<string, string>()
  readonly #taken = new Set<string>()

  /** The label of a node; always the same one. */
  of({ id, name, task, values }: TaskNode): string {
    const known = this.#byId.get(id)
    if (known !== undefined) return known
    let label = name
    if (this.#taken.has(label)) {
      const words = Object.entries(values)
        .filter(([key]) => mayShowArgument(key, task.definition.args?.[key]?.specification))
        .map(([key, value]) => `${key}=${textOf(value)}`)
      const long = [name, ...words].join(' ')
      label = long.length <= 80 ? long : `${long.slice(0, 79)}…`
      for (let count = 2; this.#taken.has(label); count += 1) label = `${name} #${count}`
    }
    this.#byId.set(id, label)
    this.#taken.add(label)
    return label
  }
}

/** A value in one line. A secret, as any object, is not looked into. */
const textOf = (value: unknown): string =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? '…' : String(value).replace(/\s+/g, ' ')
