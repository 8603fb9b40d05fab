import { type FSWatcher, watch } from 'node:fs'

/** Waits for the stream of hints to end, in milliseconds: an editor or a checkout makes many at once. */
const quietMs = 75
/** But no longer than this. */
const longestMs = 1_500
const pollMs = 400

/** What a watcher is made with. */
export type WatcherOptions = {
  /** Look now and then instead of being told by the system. */
  poll: boolean
  /** Something may have changed. Called again only when the promise has settled; what happened meanwhile counts. */
  onHint(): Promise<void> | void
  /** The system cannot tell of so many folders, or not of these; from here on it is looked now and then. */
  onFallback(why: string): void
}

/**
 * Tells that something may have happened in folders. One watch a folder: Node's recursive one misses what happens while it is set up, and
 * throws for files that vanish, on Linux (nodejs/node #48437, #52018). Hints say nothing of what happened: who gets one looks.
 */
export class Watcher {
  readonly #options: WatcherOptions
  readonly #watches = new Map<string, FSWatcher>()
  #polls: NodeJS.Timeout | undefined
  #quiet: NodeJS.Timeout | undefined
  #since: number | undefined
  #busy = false
  #again = false
  #closed = false

  constructor(options: WatcherOptions) {
    this.#options = options
    if (options.poll) this.#poll()
  }

  /** From now on these folders. True when there are new ones: what has happened in them before is not told. */
  set(folders: ReadonlySet<string>): boolean {
    if (this.#polls || this.#closed) return false
    for (const [folder, one] of this.#watches) {
      if (folders.has(folder)) continue
      one.close()
      this.#watches.delete(folder)
    }
    let added = false
    for (const folder of folders) added = (!this.#watches.has(folder) && this.#add(folder)) || added
    return added
  }

  /** Looks soon, as if something had happened. */
  hint(): void {
    if (this.#closed) return
    this.#since ??= performance.now()
    clearTimeout(this.#quiet)
    const left = Math.max(0, this.#since + longestMs - performance.now())
    this.#quiet = setTimeout(() => this.#tell(), Math.min(quietMs, left))
  }

  /** Ends all watches. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#quiet)
    clearInterval(this.#polls)
    for (const one of this.#watches.values()) one.close()
    this.#watches.clear()
  }

  #add(folder: string): boolean {
    try {
      const one = watch(folder, { persistent: true }, () => this.hint())
      one.on('error', () => {
        one.close()
        this.#watches.delete(folder)
        this.hint()
      })
      this.#watches.set(folder, one)
      return true
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      // It went away between being found and being watched; the folder above tells.
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') return false
      this.#options.onFallback(whyOf(code))
      this.#poll()
      return false
    }
  }

  #poll(): void {
    for (const one of this.#watches.values()) one.close()
    this.#watches.clear()
    this.#polls = setInterval(() => this.#tell(), pollMs)
  }

  #tell(): void {
    this.#since = undefined
    if (this.#busy) {
      this.#again = true
      return
    }
    this.#busy = true
    void Promise.resolve(this.#options.onHint()).finally(() => {
      this.#busy = false
      const again = this.#again
      this.#again = false
      if (again && !this.#polls) this.hint()
    })
  }
}

function whyOf(code: string | undefined): string {
  if (code === 'ENOSPC') return 'the system’s limit of watched folders is reached (sysctl fs.inotify.max_user_watches)'
  if (code === 'EMFILE')
    return 'the limit of open files is reached (ulimit -n, or sysctl fs.inotify.max_user_instances)'
  return `the system cannot watch these folders (${code})`
}
