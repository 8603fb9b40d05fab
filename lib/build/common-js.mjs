// @ts-check
import { transform } from 'esbuild'

/**
 * Turns a module that esbuild has bundled into CommonJS: its imports of other files of the build become `require`, also the dynamic ones, and
 * dynamic ones of packages go through `__import`. That is a function of a file that Node itself has loaded: in code that comes from V8's cache
 * `import()` does not work (it has lost whose it is).
 *
 * @param {string} name of the file that is made
 * @param {string} text with its source map inline
 * @returns {Promise<{ code: string, map: string, helpers: string }>} `helpers` declares `__import`, where it is used; one line
 */
export async function commonJs(name, text) {
  const renamed = laterImports(text).replaceAll(
    /(?<verb>\bfrom |\bimport )"\.\/(?<name>[\w-]+)\.js";/g,
    '$<verb>"./$<name>.cjs";',
  )
  const { code, map } = await transform(renamed, {
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    supported: { 'dynamic-import': false },
    sourcefile: name,
    sourcemap: 'external',
    sourcesContent: false,
    define: { 'import.meta.url': '__ownUrl', 'import.meta.dirname': '__dirname' },
    logLevel: 'silent',
  })
  // Instead of a copy of the exports that nobody needs.
  const imported = settled(code).replace(
    /module\.exports = __toCommonJS\((\w+)\);/,
    'module.exports = __defProp($1, "__esModule", { value: true });',
  )
  const helpers = [
    ...(imported.includes(' = __lazy(') ? [lazyHelper] : []),
    ...(imported.includes('__later(') ? [laterHelper] : []),
    ...(imported.includes('__ownUrl') ? [urlHelper] : []),
  ]
  return {
    // On the first line, so that no line of the source map moves; behind "use strict", which has to be first.
    code: imported.replace(/^("use strict";)?/, `$1${helpers.join('')}`),
    map,
    helpers: imported.includes('__import(') ? 'function __import(specifier) { return import(specifier) }\n' : '',
  }
}

/**
 * Lets a module's dynamic imports of other files of the build call `require` later.
 *
 * @param {string} text
 */
export const laterImports = (text) =>
  text.replaceAll(
    /\bimport\("\.\/([\w-]+)\.js"\)/g,
    (_, name) => `__later(() => require(${JSON.stringify(`./${name}.cjs`)}))`,
  )

/**
 * What has to be changed in CommonJS that esbuild has made of a module: dynamic imports of packages go through `__import`, and slow modules of Node
 * are loaded when they are first used; with `lazyFiles` also other files of the build.
 *
 * @param {string} code
 * @param {{ lazyFiles?: boolean }} [options]
 */
export function settled(code, { lazyFiles = false } = {}) {
  const lazy = lazyBuiltins(code)
    .replaceAll('Promise.resolve().then(() => __toESM(require(', '__import(((')
    // What it makes is what a CommonJS file has already.
    .replaceAll(/\(0, import_node_module\d*\.createRequire\)\(__ownUrl\)/g, 'require')
  if (!lazyFiles) return lazy
  return lazy.replaceAll(/^(var import_\w+ = )require(\("\.\/[\w-]+\.cjs"\);)$/gm, '$1__lazy$2')
}

/** Modules of Node that take long to load, and that most starts need not. */
const slow =
  'crypto|v8|child_process|fs/promises|timers|net|tls|https?|tty|readline|dns|zlib|stream|string_decoder|module|vm|url|util|events|os'

/**
 * Loads modules of Node when they are first used, and not when a file is that imports them.
 *
 * @param {string} code CommonJS that esbuild has made
 */
export const lazyBuiltins = (code) =>
  code.replaceAll(new RegExp(`^(var import_\\w+ = )require(\\("node:(?:${slow})(?:/\\w+)?"\\);)$`, 'gm'), '$1__lazy$2')

/**
 * Lets what many modules of a file import be required once.
 *
 * @param {string} code CommonJS that esbuild has made
 */
export function withoutRepeats(code) {
  /** @type {Map<string, string>} */
  const known = new Map()
  return code.replaceAll(/^var (import_\w+) = ((?:require|__lazy)\("[^"]+"\));$/gm, (line, name, value) => {
    const same = known.get(value)
    if (same !== undefined) return `var ${name} = ${same};`
    known.set(value, name)
    return line
  })
}

/** Declares what `lazyBuiltins` calls; one line. */
export const lazyHelper = 'const __lazy = (name) => new Proxy({}, { get: (_, key) => require(name)[key] });'

/** Declares what `laterImports` calls; one line. */
export const laterHelper = 'const __later = (load) => Promise.resolve().then(load);'

/** Declares what stands for `import.meta.url`; one line. */
export const urlHelper = 'const __ownUrl = require("node:url").pathToFileURL(__filename).href;'

/**
 * The module by which an entry point of that build is imported: its names are known before it runs, as modules want it.
 *
 * @param {string} name of the entry point
 * @param {readonly string[]} names that it exports
 */
export function facade(name, names) {
  const lines = [
    `import { createRequire } from 'node:module'`,
    `const own = createRequire(import.meta.url)('./${name}.cjs')`,
  ]
  const named = names.filter((one) => one !== 'default')
  if (named.length > 0) lines.push(`export const { ${named.join(', ')} } = own`)
  if (named.length < names.length) lines.push('export default own.default')
  // `task` ends the process; who imports it waits for that.
  if (names.includes('ended')) lines.push('await own.ended')
  return `${lines.join('\n')}\n`
}
