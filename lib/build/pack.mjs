// @ts-check

import { transform } from 'esbuild'

/** What is loaded later, and by nearly every task: these files of the build, by the names of their sources. The rest stays outside the pack. */
const often = /^(?:load|resolve|run-words|run|signals|progress|recorder|guard)-[0-9A-Z]{8}\.cjs$/

/**
 * Puts an entry point of the build with the files that nearly every start of it loads into one: functions by file name, compiled at once, from V8's
 * code cache where there is one. Each file stays a module of its own, runs when it is first required, and is the same one for whoever
 * requires it by its path (it goes into Node's cache of modules under that path).
 *
 * @param {ReadonlyMap<string, string>} modules the texts of the build's files, CommonJS
 * @param {string} entry the file that the pack is for
 * @param {readonly string[]} more files that are packed, too
 * @returns {Promise<string>}
 */
export async function pack(modules, entry, more) {
  const packed = new Set([entry, ...more])
  for (const name of packed) {
    const text = modules.get(name)
    if (text === undefined) throw new Error(`dist has no ${name}, which is to be packed`)
    for (const [, later, other] of text.matchAll(/(__later\(\(\) => )?\brequire\("\.\/([\w-]+\.cjs)"\)/g)) {
      if (other !== undefined && (later === undefined || often.test(other))) packed.add(other)
    }
  }
  const functions = [...packed].map(
    (name) =>
      `${JSON.stringify(name)}: function (exports, require, module, __filename, __dirname) {${modules.get(name)}}`,
  )
  // Names stay: they are what stacks show. What is not called would be dropped as useless.
  const { code } = await transform(`__called(function (__import, performance) { return {${functions.join(',\n')}} })`, {
    minifyWhitespace: true,
    minifySyntax: true,
    target: 'node20',
    logLevel: 'silent',
  })
  return code.replace('__called', '')
}
