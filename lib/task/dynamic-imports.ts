import { join } from 'node:path'
import { type BuildFailure, build, type Loader } from 'esbuild'

/** Stands for `import` in a file's text, with as many letters, so that no column moves. */
export const laterImport = '__opsI'

/** A text without this has no import of a computed name. */
const mayCompute = /\bimport\b\s*(?:\/\*[\s\S]*?\*\/\s*)?\((?!\s*(?:'[^'\n]*'|"[^"\n]*")\s*\))/

/**
 * Gives a file's text with `__opsI(…)` in place of each `import(…)` of a name that is computed when it runs (`import(path)`,
 * `` import(`./plugins/${name}.ts`) ``), and whether there is any. Where they are is esbuild's word: it tells of each that it cannot bundle. Of a
 * template it would bundle all files that could be meant, perhaps the whole folder, and would not hear of new ones.
 *
 * @param text without the line of `#!`
 */
export async function withLaterImports(text: string, loader: Loader): Promise<{ text: string; found: boolean }> {
  if (!mayCompute.test(text)) return { text, found: false }
  // Nothing is found from a folder that is not there, so that templates are told of, too.
  const nowhere = join('/', 'nowhere', 'vital-ops')
  const { errors, warnings } = await build({
    stdin: { contents: text, loader, resolveDir: nowhere, sourcefile: 'source' },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    logLevel: 'silent',
    logLimit: 0,
    logOverride: { 'unsupported-dynamic-import': 'warning' },
    tsconfigRaw: '{}',
    plugins: [
      { name: 'nothing', setup: (one) => one.onResolve({ filter: /.*/ }, ({ path }) => ({ path, external: true })) },
    ],
  }).catch((error: BuildFailure) => error)
  const starts = lineStarts(text)
  const places = new Set<number>()
  for (const { id, text: said, location } of [...errors, ...warnings]) {
    // Of a template, esbuild tells where that is: `import(` stands before it.
    const isTemplate = said.startsWith('Could not resolve import(')
    if (!location || !(isTemplate || id === 'unsupported-dynamic-import')) continue
    const before = Buffer.from(location.lineText).subarray(0, location.column).toString().length
    const at = (starts[location.line - 1] as number) + before
    places.add(isTemplate ? text.slice(0, at).search(/\bimport\b(?:(?!\bimport\b)[\s\S])*$/) : at)
  }
  let made = text
  for (const at of places) {
    if (made.startsWith('import', at)) made = made.slice(0, at) + laterImport + made.slice(at + laterImport.length)
  }
  return { text: made, found: made !== text }
}

/** Where each line begins; the line breaks are esbuild's. */
const lineStarts = (text: string): number[] => [
  0,
  ...[...text.matchAll(/\r\n|[\n\r\u2028\u2029]/g)].map((found) => (found.index as number) + found[0].length),
]
