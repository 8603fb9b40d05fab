import { dirname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { laterImport } from './dynamic-imports.ts'

/** `import.meta` and CommonJS's names become constants that each file has for itself. */
export const metaNames = {
  'import.meta.url': '__opsUrl',
  'import.meta.dirname': '__opsDirname',
  'import.meta.filename': '__opsFilename',
  'import.meta.resolve': '__opsResolve',
  __dirname: '__opsDirname',
  __filename: '__opsFilename',
}

/** The module that tells a file its own names; imported at the file's end, so that no line or column of it moves. */
export const metaModule = 'vital-ops-meta:'

/** The text of that module. */
export const metaConstants = (path: string, taskfile: string): string => {
  const url = JSON.stringify(pathToFileURL(path).href)
  return [
    `export ${laterFunction(path, taskfile)}`,
    `export const __opsUrl = ${url}`,
    `export const __opsDirname = ${JSON.stringify(dirname(path))}`,
    `export const __opsFilename = ${JSON.stringify(path)}`,
    `export const __opsResolve = (name) => /^\\.{0,2}\\//.test(name) ? new URL(name, ${url}).href : ((meta) => meta.resolve(name))(import.meta)`,
  ].join('\n')
}

/** What an `import` of a computed name becomes: load.ts has put that function there. */
const laterFunction = (path: string, taskfile: string): string =>
  `const ${laterImport} = (name) => globalThis[Symbol.for('vital-ops.import')](name, ${JSON.stringify(path)}, ${JSON.stringify(taskfile)})`

/**
 * The module that says in which folder the tasks work that a file defines. It is the last import of the file, so it is evaluated right
 * before the file's own code: `task()` finds there the folder of the file whose code calls it.
 */
export const folderModule = 'vital-ops-folder:'

/** The text of that module. */
export const folderStatement = (folder: string | undefined): string =>
  `globalThis[Symbol.for('vital-ops.folder')] = ${folder === undefined ? 'undefined' : JSON.stringify(folder)}`

/**
 * Gives a file its own names and folder. CommonJS, which knows only two of the names, cannot import: it declares them on its first line.
 *
 * @param file `importsLater`: its text has `__opsI`
 */
export function withOwnNames(
  text: string,
  { path, taskfile, importsLater }: { path: string; taskfile: string; importsLater: boolean },
): string {
  const asks = /\bimport\.meta\b|\b__dirname\b|\b__filename\b/.test(text)
  const isModule = /\bimport\.meta\b|^\s*(import|export)\b/m.test(text) && !/\.c[jt]s$/.test(path)
  if (!isModule) {
    const names = `const __opsDirname = ${JSON.stringify(dirname(path))}, __opsFilename = ${JSON.stringify(path)}; `
    return `${importsLater ? `${laterFunction(path, taskfile)}; ` : ''}${asks ? names : ''}${text}`
  }
  const names = [...(asks ? new Set(Object.values(metaNames)) : []), ...(importsLater ? [laterImport] : [])].join(', ')
  const meta = names === '' ? '' : `import { ${names} } from ${JSON.stringify(metaModule + path)};`
  return `${text}\n${meta}import ${JSON.stringify(folderModule + path)}`
}
