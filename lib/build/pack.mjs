// @ts-check

/**
 * Puts an entry point of the build with all files that it may load into one: functions by file name, compiled at once, from V8's
 * code cache where there is one. Each file stays a module of its own, runs when it is first required, and is the same one for whoever
 * requires it by its path (it goes into Node's cache of modules under that path).
 *
 * @param {ReadonlyMap<string, string>} modules the texts of the build's files, CommonJS
 * @param {string} entry the file that the pack is for
 * @param {readonly string[]} more files that are packed, too
 * @returns {string}
 */
export function pack(modules, entry, more) {
  const packed = new Set([entry, ...more])
  for (const name of packed) {
    const text = modules.get(name)
    if (text === undefined) throw new Error(`dist has no ${name}, which is to be packed`)
    for (const [, other] of text.matchAll(/\brequire\("\.\/([\w-]+\.cjs)"\)/g))
      packed.add(/** @type {string} */ (other))
  }
  const functions = [...packed].map(
    (name) =>
      `${JSON.stringify(name)}: function (exports, require, module, __filename, __dirname) {${modules.get(name)}}`,
  )
  return `(function (__import) { return {${functions.join(',\n')}} })`
}
