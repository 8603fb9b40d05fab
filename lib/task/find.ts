import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { type Failure, failed, ok, type Result } from '../model/failure.ts'

/** The names of a Taskfile, in the order in which they are looked for. */
export const taskfileNames = ['Taskfile.ts', 'Taskfile.mts', 'Taskfile.js', 'Taskfile.mjs'] as const

/** Finds the Taskfile of a folder or of the nearest folder above it; its absolute path. */
export function findTaskfile(folder: string): Result<string> {
  for (let at = resolve(folder); ; at = dirname(at)) {
    const name = taskfileNames.find((one) => isFile(join(at, one)))
    if (name) return ok(join(at, name))
    if (dirname(at) === at) break
  }
  return failed({
    code: 'no-taskfile',
    message: `no Taskfile.ts in ${resolve(folder)} or above it`,
    next: ['task --init', 'task --workspace DIR …'],
    outcome: 'unchanged',
  })
}

/** The Taskfile that `--taskfile` names: a file, or a folder that has one itself. */
export function namedTaskfile(path: string): Result<string> {
  const absolute = resolve(path)
  if (isFile(absolute)) return ok(absolute)
  const name = taskfileNames.find((one) => isFile(join(absolute, one)))
  if (name) return ok(join(absolute, name))
  const failure: Failure = {
    code: 'no-taskfile',
    message: existsSync(absolute) ? `no Taskfile.ts in ${absolute}` : `${absolute} does not exist`,
    next: ['task --init'],
    outcome: 'unchanged',
  }
  return failed(failure)
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false

let ownRoot: string | undefined

/** The root folder of this package, whose code runs. */
export function packageRoot(): string {
  if (ownRoot !== undefined) return ownRoot
  let folder = import.meta.dirname
  while (!isOwnManifest(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder)
  ownRoot = folder
  return folder
}

let ownVersion: string | undefined

/** The version of this package. */
export function packageVersion(): string {
  const root = packageRoot()
  ownVersion ??= JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version as string
  return ownVersion
}

function isOwnManifest(path: string): boolean {
  if (!isFile(path)) return false
  const { name, version } = JSON.parse(readFileSync(path, 'utf8'))
  if (name !== 'vital-ops') return false
  ownVersion = version
  return true
}

/**
 * The root of the copy of this package that is installed where a Taskfile is, when that is another one than runs (a global
 * installation was called); undefined when it is the same, or none is installed there.
 */
export function otherCopy(folder: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    const root = join(at, 'node_modules', 'vital-ops')
    if (existsSync(join(root, 'dist', 'task.js'))) {
      const real = realpathSync(root)
      return real === realpathSync(packageRoot()) ? undefined : real
    }
    if (dirname(at) === at) return undefined
  }
}
