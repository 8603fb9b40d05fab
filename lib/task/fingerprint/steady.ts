/*
 * What a walk has found need not be looked for once more while every folder that it has read is as it was: a folder's times change whenever a name in
 * it comes, goes, or is given to another file (POSIX; git's untracked cache relies on it, too: Documentation/technical/racy-git.adoc and
 * gitformat-index.adoc of git). That holds on the file systems below; on others every walk reads all its folders.
 */
import { type BigIntStats, lstatSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs'
import type { FoundStates } from './found-states.ts'

/** Folders as they were read, and paths at which nothing was. */
export type Steady = { folders: readonly (readonly [path: string, state: string])[]; absent: readonly string[] }

/** File systems whose folders tell by their times what came and went, by what statfs(2) of Linux calls them. */
const known = new Map([
  [0xef53, 'ext2, ext3, ext4'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x01021994, 'tmpfs'],
  [0x858458f6, 'ramfs'],
  [0x794c7630, 'overlayfs'],
  [0xf2f52010, 'f2fs'],
  [0x2fc12fc1, 'zfs'],
  [0xca451a4e, 'bcachefs'],
])

/** A folder that changed so shortly before it was read may change once more without another time, in milliseconds. */
const granularity = 2000n

const quietly = { bigint: true, throwIfNoEntry: false } as const

/** Notes what a walk sees of folders; told of each before it is read. */
export class SteadyNotes {
  readonly #restBefore = BigInt(Date.now()) - granularity
  readonly #folders: [string, string][] = []
  readonly #absent: string[] = []
  /** A folder on each device. */
  readonly #devices = new Map<bigint, string>()
  #isSteady = process.platform === 'linux'

  /** A folder is about to be read; it may not be there. */
  read(path: string): void {
    if (!this.#isSteady) return
    const stats = folderAt(path)
    if (stats === undefined) {
      this.absent(path)
      return
    }
    const { mtimeMs, ctimeMs, dev } = stats
    if (mtimeMs >= this.#restBefore || ctimeMs >= this.#restBefore || !stats.isDirectory()) this.#isSteady = false
    this.#folders.push([path, stateOf(stats)])
    if (!this.#devices.has(dev)) this.#devices.set(dev, path)
  }

  /** Nothing is at a path that patterns name. */
  absent(path: string): void {
    if (isAbsent(path)) this.#absent.push(path)
    else this.#isSteady = false
  }

  /** A link was followed, or would have been: what it leads to may change where no folder tells. */
  link(): void {
    this.#isSteady = false
  }

  /** What has to stay as it is; undefined where that is not enough. */
  end(): Steady | undefined {
    if (!this.#isSteady) return undefined
    for (const path of this.#devices.values()) if (!known.has(typeOf(path))) return undefined
    return { folders: this.#folders, absent: this.#absent }
  }
}

/** Whether a walk would find the very paths that it found, each of the same type. `found`: what was just found of the folders. */
export function isSteady({ folders, absent }: Steady, found?: FoundStates): boolean {
  for (const [at, [path, state]] of folders.entries()) {
    if (!(found === undefined ? stateAt(path) === state : found.isFolderAs(at, partsOf(state)))) return false
  }
  return absent.every(isAbsent)
}

function partsOf(state: string): [device: string, inode: string, ctime: string] {
  const [device = '', inode = '', , ctime = ''] = state.split(' ')
  return [device, inode, ctime]
}

function stateAt(path: string): string | undefined {
  const stats = folderAt(path)
  return stats && stateOf(stats)
}

/**
 * The time of the file systems, in milliseconds since the epoch: that of a file which is written at this moment. What is written to later has this
 * time or a later one, be it on another of the file systems above: all have it from the system's one clock. It is not that of `Date.now()`, which
 * may be ahead. Undefined where that is not known to hold.
 *
 * @param path of a file that may be made, and is removed
 */
export function fileTime(path: string): number | undefined {
  try {
    writeFileSync(path, '')
    const { ctimeMs } = lstatSync(path)
    return process.platform === 'linux' && known.has(typeOf(path)) ? ctimeMs : undefined
  } catch {
    return undefined
  } finally {
    rmSync(path, { force: true })
  }
}

/** Whether a file was last written to before a time of the file systems. Some have times of whole seconds. */
export const isEarlier = (ctimeMs: number, time: number): boolean =>
  ctimeMs < (ctimeMs % 1000 === 0 ? Math.floor(time / 1000) * 1000 : time)

const stateOf = ({ dev, ino, mtimeNs, ctimeNs }: BigIntStats): string => `${dev} ${ino} ${mtimeNs} ${ctimeNs}`

/** What a path leads to; undefined where that cannot be told. */
function folderAt(path: string): BigIntStats | undefined {
  try {
    return statSync(path, quietly)
  } catch {
    return undefined
  }
}

function isAbsent(path: string): boolean {
  try {
    return lstatSync(path, quietly) === undefined
  } catch (error) {
    // A file stands where a folder was to be.
    return (error as NodeJS.ErrnoException).code === 'ENOTDIR'
  }
}

function typeOf(path: string): number {
  try {
    // 32 bits, which Node may give as a negative number.
    return statfsSync(path).type >>> 0
  } catch {
    return 0
  }
}
