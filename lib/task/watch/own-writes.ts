/** A run that took less than this, in milliseconds, was hardly met by somebody's edit twice in a row. */
const shortMs = 2_000
/** How sure it must be: a short run that ended counts two, anything else one. */
const enough = 4

/** Whose doing a change during a run is: `edit`, it is to run again; `own`, the task's, which is to be said; `known`, as has been said. */
export type Doing = 'edit' | 'own' | 'known'

/**
 * Tells what a task writes into its own inputs from what somebody edits while it runs. The system does not say who writes. Content is what counts:
 * a formatter or a generator writes the same again, which is no change, so it runs once more and that is all. What writes something else each
 * time (a date, a counter) is recognised by the same files changing in run after run, as long after its start: in two runs that are short, else in
 * four. An edit is taken for that only if somebody saves the same file in so many runs in a row, at the same moment of each.
 */
export class OwnWrites {
  readonly #known = new Set<string>()
  #paths = ''
  #sure = 0
  #offset = 0

  /** Files changed during a run, so long after its start in milliseconds; or, when it has `ended`, at some time before that. */
  during(paths: readonly string[], offset: number, ended: boolean): Doing {
    if (paths.every((path) => this.#known.has(path))) return 'known'
    const key = paths.join('\0')
    const isAlike = key === this.#paths && Math.abs(offset - this.#offset) <= 250 + 0.25 * this.#offset
    if (!isAlike) this.forget()
    this.#paths = key
    this.#offset = offset
    this.#sure += ended && offset < shortMs ? 2 : 1
    if (this.#sure < enough) return 'edit'
    for (const path of paths) this.#known.add(path)
    this.forget()
    return 'own'
  }

  /** A run in which nothing changed, or that somebody's edit began. */
  forget(): void {
    this.#paths = ''
    this.#sure = 0
  }
}
