/*
 * Has find(1) look at many files: it takes two thirds of the time that Node takes to look at one, and works beside this process, on all cores. It is GNU's,
 * since 4.9 (2022), which reads from a file where to look (`-files0-from`); where there is none, nothing comes of it, and who asks looks for himself.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, fstatSync, openSync, readSync, rmSync } from 'node:fs'

/** A line for each path: ctime, which is another whenever mtime is (POSIX), inode, and the size, or of a folder the device. */
const format = String.raw`\( -type d -printf '%C@ %-20i %-20D\n' -o -printf '%C@ %-20i %-20s\n' \)`
/** How long such a line is, in bytes, with its line break; for changes after 2001. */
export const stateSize = 64

let count = 0

/** Looks at the same paths, as often as it is asked to. */
export type Finder = {
  /** The look that is going on, or the last one. */
  look(): Look
  /** Looks once more; false where it cannot: it has ended, or is looking for somebody. */
  again(): boolean
  /** Ends the look that goes on: nobody asks for it any more. */
  stop(): void
  /** Ends all of it. */
  end(): void
}

/** What is found by one look. */
export type Look = {
  /**
   * The lines of all, in the order of the files and in the order in them; fewer where paths lead nowhere, none where there is no such `find`. Undefined
   * where that is not known. Never rejects.
   */
  found: Promise<Buffer | undefined>
  /** What is there of them so far, for each file with paths: whole lines from its first on. */
  soFar(): Buffer[]
}

/**
 * Starts to look at paths. A shell does so each time that it is told to; it ends with this process, and does not keep it alive but while it looks.
 *
 * @param lists files with paths, a zero behind each, that start from `folder`; each is for a process of its own
 * @param scratch the beginning of paths of files that may be made, and are removed
 */
export function findStates(lists: readonly string[], folder: string, scratch: string): Finder {
  try {
    const files = lists.map(() => scratchFile(scratch))
    const finds = lists.map((_, at) => `find -files0-from "$${at + 1}" -maxdepth 0 ${format} >&${at + 3} & p="$p $!";`)
    // A look that was ended has to be over before the next one begins.
    const script = `trap 'kill $p' TERM; while p=; ${finds.join(' ')} wait; wait; echo; read -r go; do :; done`
    const child = spawn('/bin/sh', ['-c', script, 'sh', ...lists], {
      cwd: folder,
      env: { PATH: process.env.PATH, LC_ALL: 'C' },
      stdio: ['pipe', 'pipe', 'ignore', ...files],
    })
    return new ShellFinder(child, files)
  } catch {
    return {
      look: () => ({ found: Promise.resolve(undefined), soFar: () => [] }),
      again: () => false,
      stop: () => {},
      end: () => {},
    }
  }
}

type Handle = { ref(): void; unref(): void } | null

class ShellFinder implements Finder {
  readonly #child: ChildProcess
  readonly #files: number[]
  /** Where the lines of this look begin in each file. */
  #begins: readonly number[]
  #looked!: (isKnown: boolean) => void
  #look: Look
  /** Looks that have not told yet that they are over. */
  #waiting = 1
  #hasEnded = false
  #isStopped = false

  constructor(child: ChildProcess, files: number[]) {
    this.#child = child
    this.#files = files
    this.#begins = files.map(() => 0)
    this.#look = this.#newLook()
    const end = (): void => {
      this.#hasEnded = true
      this.#looked(false)
    }
    child.once('error', end)
    child.once('exit', end)
    child.stdin?.on('error', end)
    // What does not keep this process alive is not sure to be told.
    child.stdout?.once('close', end)
    child.stdout?.on('data', (text: Buffer) => this.#told(text.length))
    child.unref()
    this.#keep('unref', child.stdin as unknown as Handle)
  }

  look(): Look {
    return this.#look
  }

  again(): boolean {
    if (this.#hasEnded || (this.#waiting > 0 && !this.#isStopped)) return false
    this.#isStopped = false
    this.#begins = this.#files.map((file) => fstatSync(file).size)
    this.#look = this.#newLook()
    this.#waiting += 1
    this.#keep('ref', this.#child.stdout as unknown as Handle)
    this.#child.stdin?.write('\n')
    return true
  }

  stop(): void {
    if (this.#waiting === 0 || this.#hasEnded) return
    this.#isStopped = true
    this.#looked(false)
    this.#child.kill()
  }

  end(): void {
    this.stop()
    this.#child.stdin?.end()
    for (const file of this.#files.splice(0)) closeSync(file)
  }

  #newLook(): Look {
    const begins = this.#begins
    const read = (): Buffer[] => this.#files.map((file, at) => readFrom(file, begins[at] as number))
    const over = new Promise<boolean>((resolve) => {
      this.#looked = resolve
    })
    return {
      found: over.then((isKnown) => (isKnown ? Buffer.concat(read()) : undefined)),
      soFar: () => read().map((bytes) => bytes.subarray(0, bytes.length - (bytes.length % stateSize))),
    }
  }

  #told(count: number): void {
    this.#waiting -= count
    if (this.#waiting > 0) return
    this.#looked(true)
    this.#keep('unref', this.#child.stdout as unknown as Handle)
  }

  #keep(how: 'ref' | 'unref', pipe: Handle): void {
    pipe?.[how]()
  }
}

/** A file without a name. */
function scratchFile(scratch: string): number {
  count += 1
  const path = `${scratch}.${process.pid}.${count}`
  const file = openSync(path, 'wx+', 0o600)
  rmSync(path)
  return file
}

/** What was written to a file from a place on; nothing where that cannot be read. */
function readFrom(file: number, begin: number): Buffer {
  try {
    const bytes = Buffer.allocUnsafe(Math.max(0, fstatSync(file).size - begin))
    let at = 0
    for (let size = 1; size > 0 && at < bytes.length; at += size) {
      size = readSync(file, bytes, at, bytes.length - at, begin + at)
    }
    return bytes.subarray(0, at)
  } catch {
    return Buffer.alloc(0)
  }
}
