import { readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Failure, Place } from '../model/failure.ts'
import { nearest } from '../model/nearest.ts'
import { bundledFiles } from './bundle-cache.ts'

import { stackPlaces } from './place.ts'
import { findInFiles, placed } from './sources.ts'

/** What went wrong when a Taskfile was bundled or imported, with places in its sources. */
export async function importFailures(error: unknown, taskfile: string): Promise<[Failure, ...Failure[]]> {
  if (isFailureError(error)) {
    const [first, ...rest] = error.failures.map((failure): Failure => ({ outcome: 'unchanged', ...failure }))
    return [first as Failure, ...rest]
  }
  const files = bundledFiles(taskfile)
  if (!(error instanceof Error)) {
    return [
      {
        code: 'taskfile-broken',
        message: `${basename(taskfile)} threw ${String(error)}`,
        place: { file: taskfile },
        outcome: 'unchanged',
      },
    ]
  }
  return [(await linkFailure(error, files, dirname(taskfile))) ?? thrownFailure(error, taskfile, files)]
}

/** Whether an error carries failures, also one of another copy of this package. */
export const isFailureError = (error: unknown): error is Error & { failures: Failure[] } =>
  error instanceof Error && error.name === 'FailureError' && Array.isArray((error as { failures?: unknown }).failures)

/** A package that is not there, or has no such export: Node tells it without a place in the sources. */
async function linkFailure(error: Error, files: readonly string[], folder: string): Promise<Failure | undefined> {
  const { code } = error as { code?: unknown }
  const absent = /^Cannot find (?:package|module) '([^']+)'/.exec(error.message)?.[1]
  if (code === 'ERR_MODULE_NOT_FOUND' && absent?.startsWith('/')) {
    return { code: 'module-not-found', message: `cannot find the file ${absent}`, outcome: 'unchanged' }
  }
  if (code === 'ERR_MODULE_NOT_FOUND' && absent !== undefined) {
    return {
      code: 'package-not-found',
      message: `package ${absent} is not installed`,
      ...placed(findImport(files, absent)),
      ...(isDeclared(folder, packageName(absent))
        ? { why: 'package.json names it: it came with what was pulled', next: ['npm install'] }
        : { next: [`npm install ${packageName(absent)}`] }),
      outcome: 'unchanged',
    }
  }
  const [, specifier, name] =
    /^The requested module '([^']+)' does not provide an export named '([^']+)'/.exec(error.message) ?? []
  if (specifier === undefined || name === undefined) return undefined
  const known = await import(specifier).then(Object.keys, () => [])
  const near = nearest(name, known)
  return {
    code: 'unknown-export',
    message: `${specifier.startsWith('file:') ? 'vital-ops' : specifier} exports no ${name}`,
    ...placed(findWord(files, name) ?? findImport(files, specifier)),
    ...(near === undefined ? {} : { nearest: near }),
    outcome: 'unchanged',
  }
}

/** Whether a package.json of a folder, or above it, names a package. */
function isDeclared(folder: string, name: string): boolean {
  for (let at = folder; ; at = dirname(at)) {
    const declared = readPackage(join(at, 'package.json'))
    if (kinds.some((kind) => isNamed(declared[kind], name))) return true
    if (dirname(at) === at) return false
  }
}

const kinds = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies']

const isNamed = (section: unknown, name: string): boolean =>
  typeof section === 'object' && section !== null && Object.hasOwn(section, name)

function readPackage(path: string): Record<string, unknown> {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
  } catch {
    // None is there, or it is broken: npm says so.
    return {}
  }
}

const packageName = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')

function thrownFailure(error: Error, taskfile: string, files: readonly string[]): Failure {
  const place = stackPlaces(error.stack ?? '').find(({ file }) => files.includes(file))
  const kind = error.name === 'Error' ? '' : `${error.name}: `
  return {
    code: 'taskfile-broken',
    message: `${basename(taskfile)} threw: ${kind}${error.message}`,
    ...placed(place ?? { file: taskfile }),
    outcome: 'unchanged',
  }
}

/** Where a module, or one of a package, is imported. */
const findImport = (files: readonly string[], specifier: string): Place | undefined =>
  findInFiles(files, (line) => line.search(new RegExp(`['"]${escaped(specifier)}['"/]`)))

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** Where a name first stands as a word. */
const findWord = (files: readonly string[], word: string): Place | undefined =>
  findInFiles(files, (line) => line.search(new RegExp(`(?<![\\w$])${escaped(word)}(?![\\w$])`)))
