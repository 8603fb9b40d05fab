/*
 * Inputs of a task that has to run, for one of them is certainly not as it was at its last good run. It is enough to look at all of them once, when the
 * task has run: a file that was last written to before the task began was then what it is now (by ctime, which nobody sets), and one that was written
 * to later has changed while the task ran, so that the task is not up to date.
 */
import type { FoundStates } from './found-states.ts'
import type { InputFiles, KnownPaths, ListedInputs } from './listed-inputs.ts'
import { fileTime } from './steady.ts'

/** By how much the clock may seem to have gone slower than it should, in milliseconds, and as a part of the time (adjtime(3): 500 parts in a million). */
const tolerance = { ms: 2, part: 0.001 }

/** When a task began: by the file systems, by the clock, and by one that nobody sets; in milliseconds. */
type Begin = { time: number; clock: number; steady: number }

/** What `BegunInputs` are made of. */
export type BegunOptions = {
  /** The digest from which they certainly differ. */
  differFrom: string
  /** The paths that were found. */
  paths: KnownPaths
  /** Looks at all of them. */
  readAll(found?: FoundStates): ListedInputs
}

/** Inputs that are looked at as late as can be. */
export class BegunInputs implements InputFiles {
  readonly #options: BegunOptions
  #begin: Begin | undefined
  #all: ListedInputs | undefined

  constructor(options: BegunOptions) {
    this.#options = options
  }

  /** Whether their digest is certainly another one. */
  differFrom(digest: string | undefined): boolean {
    return this.#all === undefined && digest === this.#options.differFrom
  }

  /**
   * Their task begins: from now on it shows when somebody writes to one of them. Where it would not, all are looked at now.
   *
   * @param path of a file that may be made, and is removed
   */
  begin(path: string): void {
    if (this.#all !== undefined) return
    const clock = Date.now()
    const steady = performance.now()
    const time = fileTime(path)
    if (time === undefined) this.#whole()
    else this.#begin = { time, clock, steady }
  }

  /** Whether `end` has to tell what has changed. */
  get hasBegun(): boolean {
    return this.#begin !== undefined
  }

  /**
   * Their task has ended: the input that was written to meanwhile, if one was. Throws when that cannot be told.
   *
   * @param found what was found of them since
   */
  end(found?: FoundStates): string | undefined {
    const begin = this.#begin as Begin
    this.#begin = undefined
    const all = this.#whole(found)
    const changed = all.changedSince(begin.time, this.#options.paths)
    // In this order: between the two, this process may have to wait.
    const steady = performance.now() - begin.steady
    const clock = Date.now() - begin.clock
    if (clock < steady * (1 - tolerance.part) - tolerance.ms) throw new Error('the clock was set back while it ran')
    return changed
  }

  get digest(): string {
    return this.#whole().digest
  }

  get paths(): readonly string[] {
    return this.#whole().paths
  }

  content(at: number): string {
    return this.#whole().content(at)
  }

  packed(): Buffer {
    return this.#whole().packed()
  }

  stamp(at: number): string {
    return this.#whole().stamp(at)
  }

  unlike(after: InputFiles): number[] | undefined {
    return this.#whole().unlike(after)
  }

  #whole(found?: FoundStates): ListedInputs {
    if (this.#begin !== undefined) throw new Error('inputs are asked for while their task runs')
    this.#all ??= this.#options.readAll(found)
    return this.#all
  }
}
