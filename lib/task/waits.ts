/** Who waits for whom, needs and dynamic calls alike, to find tasks that wait for each other. */
export class Waits {
  /** What each waits for; a call may be made several times at once. */
  readonly #needs = new Map<string, readonly string[]>()
  readonly #calls = new Map<string, Map<string, number>>()
  readonly #isOver: (id: string) => boolean

  /** @param isOver whether nobody needs to wait for that one any more */
  constructor(isOver: (id: string) => boolean) {
    this.#isOver = isOver
  }

  /** Notes what a task waits for before it starts. */
  noteNeeds(id: string, needs: readonly string[]): void {
    if (needs.length > 0) this.#needs.set(id, needs)
  }

  /** Notes that a running task has begun to wait for another one. */
  begin(id: string, other: string): void {
    const calls = this.#calls.get(id) ?? new Map<string, number>()
    this.#calls.set(id, calls.set(other, (calls.get(other) ?? 0) + 1))
  }

  /** Notes that it waits no longer. */
  end(id: string, other: string): void {
    const calls = this.#calls.get(id)
    const left = (calls?.get(other) ?? 1) - 1
    if (left === 0) calls?.delete(other)
    else calls?.set(other, left)
  }

  /** The way from one task to another that it waits for, over however many; both included. Undefined when it does not. */
  path(from: string, to: string): string[] | undefined {
    const cameFrom = new Map<string, string | undefined>([[from, undefined]])
    for (const id of cameFrom.keys()) {
      if (id === to) {
        const path: string[] = []
        for (let at: string | undefined = id; at !== undefined; at = cameFrom.get(at)) path.unshift(at)
        return path
      }
      for (const next of [...(this.#needs.get(id) ?? []), ...(this.#calls.get(id)?.keys() ?? [])]) {
        if (!cameFrom.has(next) && !this.#isOver(next)) cameFrom.set(next, id)
      }
    }
    return undefined
  }
}
