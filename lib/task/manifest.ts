/*
 * What the cache folder of a Taskfile holds, `<folder>/.ops/cache/taskfile/`: `<Taskfile>.manifest.json` says of which files a bundle was made
 * (bundle-cache.ts), `<Taskfile>.tasks.json` which tasks it gave (listing.ts). This module only reads files and compares their states, because
 * it is part of every start: no hashing, no writing.
 */
import { type BigIntStats, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { packageRoot, packageVersion } from './find.ts'

/** A local file that is part of a bundle. Times are nanoseconds since the epoch, as text: JSON has no integers of that size. */
export type BundleInput = {
  path: string
  size: string
  mtime: string
  ctime: string
  inode: string
  sha256: string
  /** Of a file of code, a digest of that without types, comments and white space: what a task does depends on it alone. */
  code?: string
}

/** What is known of a bundle. */
export type BundleManifest = {
  /** What made it: another version of this package, or of Node, makes another bundle. */
  maker: string
  /** Name of the bundle's file, beside the manifest. */
  output: string
  inputs: BundleInput[]
  /** Paths that did not exist; a file there would be imported instead of one of `inputs`. */
  absent: string[]
  /** Files of this package, CommonJS, by the specifiers that stand for them in the bundle. */
  own: Record<string, string>
  /** Paths of the package.json of each package that it imports. */
  packages: string[]
  /** A package is not one of a registry but a linked folder, whose changes its package.json does not show. */
  linked?: string
  /** Its code imports by names that it computes when it runs. */
  later?: true
  /** When `inputs` were noted, in milliseconds since the epoch. */
  noted: number
}

/** How a file is, without its content. */
export type FileState = Omit<BundleInput, 'path' | 'sha256' | 'code'>

/** Times of some file systems are this coarse, in milliseconds. */
const granularity = 2000

/** The folder of the cache for the Taskfiles of `folder`. */
export const bundleFolder = (folder: string): string => join(folder, '.ops', 'cache', 'taskfile')

/** The path of a Taskfile's manifest. */
export const manifestPath = (taskfile: string): string =>
  join(bundleFolder(dirname(taskfile)), `${basename(taskfile)}.manifest.json`)

/** What stands for a Taskfile of the bundle of what its code imports by a computed name. */
export const importedName = (taskfile: string, hash: string): string =>
  `${taskfile.replace(/\.import-[0-9a-f]+$/, '')}.import-${hash}`

/** The manifests of all that a Taskfile's code has imported by computed names, in this process or an earlier one. */
export function importedManifests(taskfile: string, { later }: BundleManifest): BundleManifest[] {
  const known = later ? readdirSync(bundleFolder(dirname(taskfile))) : []
  const names = known.filter((name) => name.startsWith(`${basename(taskfile)}.import-`)).sort()
  return names
    .map((name) => /^(.*)\.manifest\.json$/.exec(name)?.[1])
    .map((name) => (name === undefined ? undefined : readManifest(join(dirname(taskfile), name))))
    .filter((manifest) => manifest !== undefined)
}

/** The path of the listing of a Taskfile's tasks. */
export const listingPath = (taskfile: string): string =>
  join(bundleFolder(dirname(taskfile)), `${basename(taskfile)}.tasks.json`)

/** The path of the tasks that are kept of a Taskfile (kept-tasks.ts). */
export const keptTasksPath = (taskfile: string): string =>
  join(bundleFolder(dirname(taskfile)), `${basename(taskfile)}.kept.json`)

/** The state of a file, from what stat(2) says. */
export const fileState = (stats: BigIntStats): FileState => ({
  size: String(stats.size),
  mtime: String(stats.mtimeNs),
  ctime: String(stats.ctimeNs),
  inode: String(stats.ino),
})

/** Whether a file is as it was. */
export const sameState = (one: FileState, other: FileState): boolean =>
  one.size === other.size && one.mtime === other.mtime && one.ctime === other.ctime && one.inode === other.inode

/** Whether a file changed so shortly before it was noted (milliseconds since the epoch) that a second change could have the same times. */
export const isRacy = (input: FileState, noted: number): boolean => {
  const changed = BigInt(input.mtime) > BigInt(input.ctime) ? BigInt(input.mtime) : BigInt(input.ctime)
  return Number(changed / 1_000_000n) > noted - granularity
}

/** Whether a file certainly is as it was noted. */
export function isUnchanged(input: FileState & { path: string }, noted: number): boolean {
  const stats = statSync(input.path, { bigint: true, throwIfNoEntry: false })
  return stats !== undefined && sameState(fileState(stats), input) && !isRacy(input, noted)
}

/** The manifest of a Taskfile; undefined where there is none, or a damaged one. */
export function readManifest(taskfile: string): BundleManifest | undefined {
  try {
    const manifest = JSON.parse(readFileSync(manifestPath(taskfile), 'utf8')) as BundleManifest
    const whole = [manifest.inputs, manifest.absent, manifest.packages].every(Array.isArray)
    return whole ? manifest : undefined
  } catch {
    // Absent or damaged: the bundle is built anew, which writes a whole one.
    return undefined
  }
}

/** Whether the bundle of a manifest is certainly still the one that would be made. Where this is false, contents have to be compared. */
export const isCurrent = (manifest: BundleManifest): boolean =>
  manifest.maker === maker() &&
  !manifest.absent.some((path) => existsSync(path)) &&
  manifest.inputs.every((input) => isUnchanged(input, manifest.noted))

/** Another version of this package, in another place, or of Node may bundle differently. */
export const maker = (): string =>
  `vital-ops ${packageVersion()} ${packageRoot()} node ${process.versions.node} format 5`
