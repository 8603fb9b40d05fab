/*
 * The cache of bundled Taskfiles. A bundle is valid while each file that went into it has the same content and no file has appeared that
 * would have been taken in place of one. Content is compared by SHA-256, and not at all where size, both times in nanoseconds and inode are
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
import { dirname, join } from 'node:path'
import { writeFileAtomic } from '../system/files.ts'
import { type CodeGraph, codeGraphPath } from './code/reach.ts'
import {
  type BundleInput,
  type BundleManifest,
  bundleFolder,
  fileState,
  importedManifests,
  isRacy,
  listingPath,
  manifestPath,
  readManifest,
  sameState,
} from './manifest.ts'

/** SHA-256 in hexadecimal. */
export const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex')

/** Notes a file whose content was just read; `before` is its state before reading. A file that changed meanwhile is never trusted. */
export function noteInput(path: string, content: Uint8Array, before: BigIntStats): BundleInput {
  const after = statSync(path, { bigint: true, throwIfNoEntry: false })
  const steady = after !== undefined && sameState(fileState(before), fileState(after))
  return {
    path,
    ...(steady ? fileState(after) : { size: '', mtime: '0', ctime: '0', inode: '' }),
    sha256: sha256(content),
  }
}

/** A bundle's file, and the files of this package that stand for specifiers in it. */
export type KeptBundle = { path: string } & Pick<BundleManifest, 'own'>

/** The bundle of a Taskfile if it is still valid; undefined when it has to be built. */
export async function validBundle(taskfile: string, maker: string): Promise<KeptBundle | undefined> {
  const manifest = readManifest(taskfile)
  if (manifest?.maker !== maker) return undefined
  const output = join(bundleFolder(dirname(taskfile)), manifest.output)
  if (!existsSync(output) || manifest.absent.some((path) => existsSync(path))) return undefined
  const now = Date.now()
  let renewed = false
  for (const input of manifest.inputs) {
    const stats = statSync(input.path, { bigint: true, throwIfNoEntry: false })
    if (!stats) return undefined
    const found = fileState(stats)
    const changed = !sameState(found, input)
    if (!changed && !isRacy(input, manifest.noted)) continue
    if (sha256(readFileSync(input.path)) !== input.sha256) return undefined
    if (changed || !isRacy(input, now)) renewed = true
    Object.assign(input, found)
  }
  // Only saves the next start some hashing: a folder that cannot be written is no reason to fail here.
  if (renewed) await writeManifest(taskfile, { ...manifest, noted: now }).catch(() => {})
  return { path: output, own: manifest.own ?? {} }
}

/** The local files of a Taskfile's bundle, as they were when it was last made, and of all that its code has imported; the Taskfile itself when nothing is known. */
export const bundledFiles = (taskfile: string): string[] => {
  const manifest = readManifest(taskfile)
  if (manifest === undefined) return [taskfile]
  return [
    ...new Set(
      [manifest, ...importedManifests(taskfile, manifest)].flatMap(({ inputs }) => inputs.map(({ path }) => path)),
    ),
  ]
}

const writeManifest = (taskfile: string, manifest: BundleManifest): Promise<void> =>
  writeFileAtomic(manifestPath(taskfile), `${JSON.stringify(manifest)}\n`)

/** A bundle's code: CommonJS with its source map, or where that cannot be, a module whose map is inline. */
export type BundleCode = { kind: 'commonjs'; code: string; map: string } | { kind: 'module'; code: string }

/** Keeps a bundle. Throws `FailureError` when the folder cannot be written. */
export async function keepBundle(
  taskfile: string,
  { code: bundle, graph }: { code: BundleCode; graph: Omit<CodeGraph, 'output'> | undefined },
  made: Omit<BundleManifest, 'output'>,
): Promise<KeptBundle> {
  const folder = bundleFolder(dirname(taskfile))
  const identity = made.inputs.map(({ path, sha256: hash }) => `${path}\0${hash}\n`).sort()
  const name = sha256(`${made.maker}\0${bundle.code}\0${identity.join('')}`).slice(0, 32)
  const output = `${name}.${bundle.kind === 'commonjs' ? 'cjs' : 'mjs'}`
  makeCacheFolder(dirname(taskfile), folder)
  if (bundle.kind === 'commonjs') await writeFileAtomic(join(folder, `${output}.map`), bundle.map)
  await writeFileAtomic(join(folder, output), bundle.code)
  if (graph === undefined) rmSync(codeGraphPath(taskfile), { force: true })
  else await writeFileAtomic(codeGraphPath(taskfile), JSON.stringify({ output, ...graph }))
  await writeManifest(taskfile, { ...made, output })
  // What an earlier bundle gave is no news any more.
  rmSync(listingPath(taskfile), { force: true })
  dropOldBundles(folder, output)
  return { path: join(folder, output), own: made.own }
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
    if (name.startsWith(kept) || !/\.(?:mjs|cjs|cjs\.map)$/.test(name)) continue
    const stats = statSync(join(folder, name), { throwIfNoEntry: false })
    if (stats && Date.now() - stats.mtimeMs > 86_400_000) rmSync(join(folder, name), { force: true })
  }
}
