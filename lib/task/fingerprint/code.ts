import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { packageVersion } from '../find.ts'
import { importedManifests, readManifest } from '../manifest.ts'
import { sha256 } from './digest.ts'
import { readInputs } from './files.ts'
import type { StatCache } from './stat-cache.ts'

/** What package managers leave behind that names all that they have installed, beside the packages. */
const installed = [
  'node_modules/.package-lock.json',
  'node_modules/.pnpm/lock.yaml',
  'node_modules/.yarn-state.yml',
  'node_modules/.yarn-integrity',
] as const

/** What a Taskfile's tasks are made of, by name, so that a difference can be named. */
type Code = {
  /** Of each local file of the bundle, the digest of its code (types and comments do not count). */
  files: Record<string, string>
  /**
   * What else there is: files that are imported when a task runs, and every package with its version and what is installed beside it (a linked one:
   * with the content of its files).
   */
  code: Record<string, string>
}

/**
 * The code that a Taskfile's tasks are made of.
 *
 * @param bundle the name of the bundle's file whose code runs
 */
export function readCode(taskfile: string, bundle: string | undefined, cache: StatCache): Code {
  const manifest = readManifest(taskfile)
  const folder = dirname(taskfile)
  if (manifest === undefined) return { files: { [shown(folder, taskfile)]: sha256(readFileSync(taskfile)) }, code: {} }
  // The Taskfile was edited, and bundled by somebody else, while what was loaded runs: nothing that comes later is like it.
  if (bundle !== undefined && bundle !== manifest.output) {
    return { files: { [shown(folder, taskfile)]: `bundle ${bundle}` }, code: {} }
  }
  const files: Record<string, string> = {}
  const code: Record<string, string> = {}
  for (const { path, sha256: hash, code: own } of manifest.inputs) files[shown(folder, path)] = own ?? hash
  const later = importedManifests(taskfile, manifest)
  // What was imported when a task ran may have changed since: not what it was counts, but what it is.
  for (const { path } of later.flatMap(({ inputs }) => inputs)) {
    const stats = statSync(path, { throwIfNoEntry: false })
    if (!(shown(folder, path) in files)) code[shown(folder, path)] = stats?.isFile() ? cache.hash(path, stats) : 'gone'
  }
  // What would be imported in place of something.
  for (const path of later.flatMap(({ absent }) => absent))
    if (existsSync(path) && !(shown(folder, path) in files)) code[shown(folder, path)] ??= 'appeared'
  const roots = new Set<string>()
  for (const path of new Set([manifest, ...later].flatMap(({ packages }) => packages))) {
    if (!existsSync(path)) continue
    const { name, version } = JSON.parse(readFileSync(path, 'utf8')) as { name?: string; version?: string }
    const root = dirname(realpathSync(path))
    const modules = root.lastIndexOf('/node_modules/')
    code[`package ${name}`] = modules < 0 ? linkedPackage(root, cache) : String(version)
    if (modules >= 0 && name !== 'vital-ops') roots.add(root.slice(0, modules))
  }
  // Where it is not installed in the workspace, it is the one that runs.
  code['package vital-ops'] ??= packageVersion()
  for (const root of roots) {
    for (const name of installed) {
      const path = join(root, name)
      const stats = statSync(path, { throwIfNoEntry: false })
      if (stats?.isFile()) code[shown(folder, path)] = cache.hash(path, stats)
    }
  }
  return { files, code }
}

/** A package that is a folder of somebody's: its version does not tell its content. Of this package, what was built. */
function linkedPackage(root: string, cache: StatCache): string {
  const built = join(root, 'dist', 'pack.cjs')
  if (existsSync(built)) {
    const stats = statSync(built)
    return cache.hash(built, stats)
  }
  return readInputs(['**'], root, cache).digest
}

const shown = (folder: string, path: string): string => {
  const inside = relative(folder, path)
  return inside.startsWith('../../..') ? path : inside
}
