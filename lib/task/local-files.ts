import { extname, join } from 'node:path'
import type { Loader } from 'esbuild'

/** How files are read, by extension; others cannot be imported. */
export const loaders: Readonly<Record<string, Loader>> = {
  '.ts': 'ts',
  '.mts': 'ts',
  '.cts': 'ts',
  '.tsx': 'tsx',
  '.js': 'js',
  '.mjs': 'js',
  '.cjs': 'js',
  '.jsx': 'jsx',
  '.json': 'json',
}

/** `./x.js` may be the TypeScript file `x.ts`, as TypeScript itself has it. */
const written: Readonly<Record<string, readonly string[]>> = {
  '.js': ['.ts', '.tsx'],
  '.mjs': ['.mts'],
  '.cjs': ['.cts'],
}

/** The files that an imported path may mean; the first that is there is taken. */
export function localCandidates(path: string): string[] {
  const extension = extname(path)
  const stem = path.slice(0, path.length - extension.length)
  return [
    path,
    ...(written[extension] ?? []).map((other) => stem + other),
    ...Object.keys(loaders).map((other) => path + other),
    ...Object.keys(loaders).map((other) => join(path, `index${other}`)),
  ]
}
