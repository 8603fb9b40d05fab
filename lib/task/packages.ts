import { readFileSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { packageRoot } from './find.ts'

/** The name of the package that a specifier is of. */
export const packageName = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')

/** Where the package.json of a package is looked for from a folder, the nearest place first. */
export function packagePlaces(folder: string, name: string): string[] {
  const places: string[] = []
  for (let at = folder; ; at = dirname(at)) {
    places.push(join(at, 'node_modules', name, 'package.json'))
    if (dirname(at) === at) return places
  }
}

/** The folder of the `vital-ops` that is installed where a folder's files are, or is the package that they are part of; undefined for none. */
export function installedPackage(folder: string): string | undefined {
  try {
    return dirname(realpathSync(createRequire(join(folder, 'Taskfile.js')).resolve('vital-ops/package.json')))
  } catch {
    return undefined
  }
}

/** The files of this package behind one of its names; undefined for none. */
export function exportOf(specifier: string): { module: string; commonJs: string | undefined } | undefined {
  const root = packageRoot()
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const target = manifest.exports[`.${specifier.slice('vital-ops'.length)}`]
  const path = typeof target === 'string' ? target : target?.default
  if (!path) return undefined
  return { module: join(root, path), commonJs: target.require === undefined ? undefined : join(root, target.require) }
}
