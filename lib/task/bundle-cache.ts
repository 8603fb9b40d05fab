/*
 * The cache of bundled Taskfiles: `<folder>/.ops/cache/taskfile/` holds one manifest a Taskfile, which names the bundle and all
 * files that went into it. A bundle is valid while each of these has the same content and no file has appeared that would have
 * been taken in place of one. Content is compared by SHA-256, and not at all where size, both times in nanoseconds and inode are
 * those noted. A file that changed in the two seconds before it was noted is always compared by content, because a second change
 * could have the same times ("racy git": Documentation/technical/racy-git.adoc of git).
 */
import { createHash } from 'node:crypto'
import {
  type BigIntStats,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { writeFileAtomic } from '../system/files.ts'

/** A local file that is part of a bundle. Times are nanoseconds since the epoch, as text: JSON has no integers of that size. */
export type BundleInput = { path: string; size: string; mtime: string; ctime: string; inode: string; sha256: string }

/** What is known of a bundle. */
export type BundleManifest = {
  /** What made it: another version of this package, or of Node, makes another bundle. */
  maker: string
  /** Name of the bundle's file, beside the manifest. */
  output: string
  inputs: BundleInput[]
  /** Paths that did not exist; a file there would be imported instead of one of `inputs`. */
  absent: string[]
  /** When `inputs` were noted, in milliseconds since the epoch. */
  noted: number
}

/** Times of some file systems are this coarse, in milliseconds. */
const granularity = 2000

/** The folder of the cache for the Taskfiles of `folder`. */
export const bundleFolder = (folder: string): string => join(folder, '.ops', 'cache', 'taskfile')

const manifestPath = (taskfile: string): string =>
  join(bundleFolder(dirname(taskfile)), `${basename(taskfile)}.manifest.json`)

/** SHA-256 in hexadecimal. */
export const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex')

/** Notes a file whose content was just read; `before` is its state before reading. A file that changed meanwhile is never trusted. */
export function noteInput(path: string, content: Uint8Array, before: BigIntStats): BundleInput {
  const after = statSync(path, { bigint: true, throwIfNoEntry: false })
  const steady = after !== undefined && sameState(state(before), state(after))
  return { path, ...(steady ? state(after) : { size: '', mtime: '0', ctime: '0', inode: '' }), sha256: sha256(content) }
}

type State = Omit<BundleInput, 'path' | 'sha256'>

const state = (stats: BigIntStats): State => ({
  size: String(stats.size),
  mtime: String(stats.mtimeNs),
  ctime: String(stats.ctimeNs),
  inode: String(stats.ino),
})

const sameState = (one: State, other: State): boolean =>
  one.size === other.size && one.mtime === other.mtime && one.ctime === other.ctime && one.inode === other.inode

/** The path of the bundle of a Taskfile if it is still valid; undefined when it has to be built. */
export async function validBundle(taskfile: string, maker: string): Promise<string | undefined> {
  const manifest = readManifest(taskfile)
  if (manifest?.maker !== maker) return undefined
  const output = join(bundleFolder(dirname(taskfile)), manifest.output)
  if (!existsSync(output) || manifest.absent.some((path) => existsSync(path))) return undefined
  const now = Date.now()
  let renewed = false
  for (const input of manifest.inputs) {
    const stats = statSync(input.path, { bigint: true, throwIfNoEntry: false })
    if (!stats) return undefined
    const found = state(stats)
    const changed = !sameState(found, input)
    if (!changed && !isRacy(input, manifest.noted)) continue
    if (sha256(readFileSync(input.path)) !== input.sha256) return undefined
    if (changed || !isRacy(input, now)) renewed = true
    Object.assign(input, found)
  }
  // Only saves the next start some hashing: a folder that cannot be written is no reason to fail here.
  if (renewed) await writeManifest(taskfile, { ...manifest, noted: now }).catch(() => {})
  return output
}

const isRacy = (input: State, noted: number): boolean => {
  const changed = BigInt(input.mtime) > BigInt(input.ctime) ? BigInt(input.mtime) : BigInt(input.ctime)
  return Number(changed / 1_000_000n) > noted - granularity
}

function readManifest(taskfile: string): BundleManifest | undefined {
  try {
    const manifest = JSON.parse(readFileSync(manifestPath(taskfile), 'utf8')) as BundleManifest
    return Array.isArray(manifest.inputs) && Array.isArray(manifest.absent) ? manifest : undefined
  } catch {
    // Absent or damaged: the bundle is built anew, which writes a whole one.
    return undefined
  }
}

/** The local files of a Taskfile's bundle, as they were when it was last made; the Taskfile itself when nothing is known. */
export const bundledFiles = (taskfile: string): string[] =>
  readManifest(taskfile)?.inputs.map(({ path }) => path) ?? [taskfile]

const writeManifest = (taskfile: string, manifest: BundleManifest): Promise<void> =>
  writeFileAtomic(manifestPath(taskfile), `${JSON.stringify(manifest)}\n`)

/** Keeps a bundle; gives its path. Throws `FailureError` when the folder cannot be written. */
export async function keepBundle(
  taskfile: string,
  code: string,
  made: Omit<BundleManifest, 'output'>,
): Promise<string> {
  const folder = bundleFolder(dirname(taskfile))
  const identity = made.inputs.map(({ path, sha256: hash }) => `${path}\0${hash}\n`).sort()
  const output = `${sha256(`${made.maker}\0${code.length}\0${identity.join('')}`).slice(0, 32)}.mjs`
  makeCacheFolder(dirname(taskfile), folder)
  await writeFileAtomic(join(folder, output), code)
  await writeManifest(taskfile, { ...made, output })
  dropOldBundles(folder, output)
  return join(folder, output)
}

/** Makes the cache's folder; `.ops` is never committed, also where no `.gitignore` names it. */
function makeCacheFolder(workspace: string, folder: string): void {
  mkdirSync(folder, { recursive: true })
  const ignore = join(workspace, '.ops', '.gitignore')
  if (!existsSync(ignore)) writeFileSync(ignore, '*\n')
}

/** Bundles of former contents go after a day: another process may be about to import one of them now. */
function dropOldBundles(folder: string, kept: string): void {
  for (const name of readdirSync(folder)) {
    if (name === kept || !name.endsWith('.mjs')) continue
    const stats = statSync(join(folder, name), { throwIfNoEntry: false })
    if (stats && Date.now() - stats.mtimeMs > 86_400_000) rmSync(join(folder, name), { force: true })
  }
}
