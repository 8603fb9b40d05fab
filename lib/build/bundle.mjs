// @ts-check
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { build, transform } from 'esbuild'
import { commonJs, facade, lazyBuiltins, lazyHelper, urlHelper } from './common-js.mjs'
import { entryPoints } from './entry-points.mjs'
import { makePacks } from './pack.mjs'
import { publish } from './publish.mjs'

/** What all builds have in common. @satisfies {import('esbuild').BuildOptions} */
const common = {
  write: false,
  bundle: true,
  platform: 'node',
  target: 'node20',
  sourcesContent: false,
  logLevel: 'silent',
}

/** Packages that are bundled although packages are not: small ones that only exist as modules, which CommonJS cannot load at once. */
const bundled = /^(?:string-width|strip-ansi|ansi-regex|get-east-asian-width|emoji-regex)$/

/** @type {import('esbuild').Plugin} */
const packagesOutside = {
  name: 'packages-outside',
  setup(builder) {
    builder.onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind === 'entry-point' || bundled.test(path) ? undefined : { path, external: true },
    )
  },
}

/**
 * Bundles lib/ and tasks/ into dist/. Packages stay outside; what several entry points share, and what is imported dynamically, becomes
 * a file of its own, so that a start loads only what it needs; but for an entry point that is `alone`. dist/ is usable at every moment.
 *
 * The files are CommonJS: starting Node's loader of modules takes a sixth of Node's own start. Who imports the package as a module finds
 * a facade of each entry point, and the same state behind it. What the command itself loads is also in one file, the pack.
 *
 * @param {string} repository the folder of package.json
 * @param {{ keepMs: number }} options see `publish`
 * @throws when the source of an entry point does not exist, and esbuild's BuildFailure
 */
export async function bundle(repository, { keepMs }) {
  const missing = entryPoints.find(({ source }) => !existsSync(join(repository, source)))
  if (missing) throw new Error(`cannot build dist/${missing.name}.js: ${missing.source} does not exist`)

  const dist = join(repository, 'dist')
  await mkdir(join(repository, '.cache'), { recursive: true })
  const temporary = await mkdtemp(join(repository, '.cache', 'build-'))
  try {
    const write = (/** @type {string} */ name, /** @type {string | Uint8Array} */ contents) =>
      writeFile(join(temporary, name), contents)
    await shared(repository, dist, write)
    for (const entry of entryPoints.filter(({ alone }) => alone)) await single(repository, dist, entry, write)
    for (const { name, program } of entryPoints) if (program) await chmod(join(temporary, `${name}.cjs`), 0o755)
    await publish(temporary, dist, { keepMs })
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}

/** @typedef {(name: string, contents: string | Uint8Array) => Promise<void>} Write */

/**
 * The entry points that share files.
 *
 * @param {string} repository
 * @param {string} dist
 * @param {Write} write
 */
async function shared(repository, dist, write) {
  const entries = entryPoints.filter(({ alone }) => alone === undefined)
  const { outputFiles, metafile } = await build({
    ...common,
    entryPoints: entries.map(({ name, source }) => ({ out: name, in: source })),
    absWorkingDir: repository,
    // Not written there: source maps are relative to where the files will be.
    outdir: dist,
    splitting: true,
    format: 'esm',
    plugins: [packagesOutside],
    sourcemap: 'inline',
    metafile: true,
  })
  for (const { path, text } of outputFiles) {
    const name = relative(dist, path).replace(/\.js$/, '.cjs')
    const { code, map, helpers } = await commonJs(name, text)
    await write(name, `${code}${helpers}//# sourceMappingURL=${name}.map\n`)
    await write(`${name}.map`, map)
  }
  for (const { name } of entries) {
    const output = metafile.outputs[`dist/${name}.js`]
    await write(`${name}.js`, facade(name, output?.exports ?? []))
  }
  const texts = new Map(outputFiles.map(({ path, text }) => [relative(dist, path), text]))
  for (const { name, code, map } of await makePacks(texts, metafile)) {
    await write(name, code)
    await write(`${name}.map`, map)
  }
}

/**
 * An entry point that shares nothing.
 *
 * @param {string} repository
 * @param {string} dist
 * @param {import('./entry-points.mjs').EntryPoint} entry
 * @param {Write} write
 */
async function single(repository, dist, { name, source, alone, program }, write) {
  const isCommonJs = alone !== 'module'
  const { outputFiles } = await build({
    ...common,
    entryPoints: [{ out: name, in: source }],
    absWorkingDir: repository,
    outdir: dist,
    format: isCommonJs ? 'cjs' : 'esm',
    ...(isCommonJs
      ? {
          outExtension: { '.js': '.cjs' },
          define: { 'import.meta.url': '__ownUrl', 'import.meta.dirname': '__dirname' },
        }
      : {}),
    ...(isCommonJs ? { plugins: [packagesOutside] } : { packages: 'external' }),
    sourcemap: 'linked',
  })
  for (const { path, contents, text } of outputFiles) {
    const isCode = isCommonJs && path.endsWith('.cjs')
    const code = isCode ? await small(text, { isScript: alone === 'script' }) : contents
    await write(relative(dist, path), isCode && program ? `#!/usr/bin/env node\n${code}` : code)
  }
}

/**
 * A file that is compiled at every start, without what is only for people to read; names stay, which stacks show.
 *
 * @param {string} text
 * @param {{ isScript: boolean }} options a script is an expression: a function of what a CommonJS file has, which gives its exports
 */
async function small(text, { isScript }) {
  const own = `${text.includes('__ownUrl') ? urlHelper : ''}${lazyHelper}`
  const whole = lazyBuiltins(text).replace('"use strict";', `$&${own}`)
  const options = /** @type {const} */ ({
    minifyWhitespace: true,
    minifySyntax: true,
    platform: 'node',
    target: 'node20',
  })
  if (!isScript) return (await transform(whole, options)).code
  const script = `__called(function (require, module, __filename, __dirname) {${whole}\nreturn module.exports })`
  // What is not called would be dropped as useless.
  return (await transform(script, options)).code.replace('__called', '')
}
