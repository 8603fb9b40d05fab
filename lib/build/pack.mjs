// @ts-check

import { createHash } from 'node:crypto'
import { build, transform } from 'esbuild'
import { laterHelper, laterImports, lazyHelper, settled, urlHelper, withoutRepeats } from './common-js.mjs'

/**
 * A pack: a file of dist with what one kind of start loads, of the build's files that no pack before it has. `roots` are sources; what their files
 * import is packed, too. What they only import dynamically stays outside, but for `often`; `later` are sources whose files stay outside although
 * they are imported: they are loaded when something of theirs is first used. That holds for files that have no other source; which sources share a file is for
 * esbuild to say.
 *
 * @typedef {{ name: string, roots: readonly string[], often?: readonly string[], later?: readonly string[] }} Pack
 */

/** The packs; the first is the one of every start that runs something. @type {readonly Pack[]} */
export const packs = [
  {
    name: 'pack',
    roots: ['lib/index.ts', 'lib/cli/command.ts'],
    often: [
      'lib/task/load.ts',
      'lib/cli/run-words.ts',
      'lib/task/run.ts',
      'lib/system/signals.ts',
      'lib/cli/progress.ts',
      'lib/task/record/recorder.ts',
    ],
    later: [
      'lib/task/command-runner.ts',
      'lib/task/shell-command.ts',
      'lib/task/command-output.ts',
      'lib/task/command-promise.ts',
      'lib/task/shell-pipe.ts',
      'lib/task/shell-scope.ts',
      'lib/task/sync-command.ts',
      'lib/task/command-origin.ts',
      'lib/system/lent-terminal.ts',
      'lib/system/spawn-sync.ts',
      'lib/log/failure-text.ts',
      'lib/log/plain-line.ts',
      'lib/log/typed-command.ts',
      'lib/model/nearest.ts',
      'lib/cli/usage.ts',
      'lib/task/summary.ts',
      'lib/task/plan.ts',
      'lib/task/sources.ts',
      'lib/task/listing.ts',
      'lib/system/files.ts',
      'lib/system/gate.ts',
      'lib/system/groups.ts',
      'lib/system/marks.ts',
      'lib/system/packages.ts',
      'lib/system/pipe-write.ts',
      'lib/system/process-identity.ts',
      'lib/system/process-table.ts',
      'lib/system/programs.ts',
      'lib/system/watchdog.ts',
      'lib/system/watchdog-script.ts',
      'lib/system/watched-child.ts',
    ],
  },
  // What a `$` takes, and what a message does; a task that only computes has no use for it.
  { name: 'pack-commands', roots: ['lib/task/command-runner.ts', 'lib/log/failure-text.ts'] },
  // What a task with inputs or outputs takes.
  {
    name: 'pack-guard',
    roots: [
      'lib/task/fingerprint/guard.ts',
      'lib/task/fingerprint/explain.ts',
      'lib/cli/all-up-to-date.ts',
      'lib/task/kept-tasks.ts',
    ],
  },
]

/**
 * Makes the packs of a build. The modules of a pack are one scope, so that calls between them are calls of functions and not of members of other
 * modules, and nothing of it is a file of its own to Node. Each of the build's files that was packed can still be asked for by its name: that
 * gives what the pack has of it, so that there is one of everything, whoever asks first.
 *
 * A pack is an expression, a function of what lib/cli/pack.ts gives it.
 *
 * @param {ReadonlyMap<string, string>} modules the texts of the build's files by name (`x.js`), modules
 * @param {import('esbuild').Metafile} metafile of that build
 * @returns {Promise<{ name: string, code: string, map: string }[]>}
 */
export async function makePacks(modules, metafile) {
  const files = new BuiltFiles(metafile)
  /** @type {Map<string, string>} */
  const known = new Map()
  const made = []
  for (const pack of packs) {
    const names = files.of(pack).filter((name) => !known.has(name))
    for (const name of names) known.set(name, pack.name)
    made.push({ pack, names })
  }
  const [first, ...others] = made
  if (first === undefined) return []
  const packed = await Promise.all(
    others.map(async ({ pack, names }) => {
      const { code, map } = await bundled(pack.name, names, { modules, files, elsewhere: {} })
      // Named as esbuild names what is loaded later, so that who has an earlier build finds what goes with it.
      const hash = createHash('sha256').update(code).digest('hex').slice(0, 8).toUpperCase()
      return { name: `${pack.name}-${hash}.cjs`, names, code, map }
    }),
  )
  // Who has the first one knows of all.
  const elsewhere = Object.fromEntries(
    packed.flatMap(({ name, names }) => names.map((one) => [commonJsName(one), name])),
  )
  const main = await bundled(first.pack.name, first.names, { modules, files, elsewhere })
  return [{ name: `${first.pack.name}.cjs`, ...main }, ...packed]
}

const commonJsName = (/** @type {string} */ name) => name.replace(/\.js$/, '.cjs')

/** What esbuild tells of the files of a build. */
class BuiltFiles {
  /** @param {import('esbuild').Metafile} metafile */
  constructor(metafile) {
    this.outputs = new Map(
      Object.entries(metafile.outputs).map(([path, output]) => [path.replace(/^.*\//, ''), output]),
    )
  }

  /** @param {string} name */
  exports(name) {
    return this.outputs.get(name)?.exports ?? []
  }

  /**
   * The files of a pack, those of other packs included.
   *
   * @param {Pack} pack
   */
  of({ roots, often = [], later = [] }) {
    const outside = new Set(later.flatMap((source) => this.#having(source).filter((name) => this.#isOf(name, later))))
    const wanted = new Set(often.flatMap((source) => this.#entry(source)))
    const packed = new Set(roots.flatMap((source) => [...this.#entry(source), ...this.#having(source)]))
    for (const name of packed) {
      for (const { path, kind, external } of this.outputs.get(name)?.imports ?? []) {
        const other = path.replace(/^.*\//, '')
        if (external || outside.has(other)) continue
        if (kind === 'import-statement' || wanted.has(other)) packed.add(other)
      }
    }
    return [...packed]
  }

  /** The file by which a source is imported. @param {string} source */
  #entry(source) {
    return [...this.outputs].flatMap(([name, { entryPoint }]) => (entryPoint === source ? [name] : []))
  }

  /** Whether all sources of a file are among these. @param {string} name @param {readonly string[]} sources */
  #isOf(name, sources) {
    return Object.keys(this.outputs.get(name)?.inputs ?? {}).every((source) => sources.includes(source))
  }

  /** The files that have the code of a source. @param {string} source */
  #having(source) {
    return [...this.outputs].flatMap(([name, { inputs }]) => (source in inputs ? [name] : []))
  }
}

/** What lib/cli/pack.ts gives a pack, in this order. */
const given = ['require', '__filename', '__dirname', '__packed', '__import', 'performance']

/**
 * @param {string} pack
 * @param {readonly string[]} names
 * @param {{ modules: ReadonlyMap<string, string>, files: BuiltFiles, elsewhere: Readonly<Record<string, string>> }} from
 * @returns {Promise<{ code: string, map: string }>}
 */
async function bundled(pack, names, { modules, files, elsewhere }) {
  const imports = names.map((name, at) => `import * as m${at} from './${name}'`)
  const members = names.map((name, at) => {
    const exported = files.exports(name).map((one) => {
      const key = JSON.stringify(one)
      return `get ${key}() { return m${at}[${key}] }`
    })
    return `${JSON.stringify(commonJsName(name))}: () => ({ ${exported.join(', ')} })`
  })
  const contents = `${imports.join('\n')}\n__packed({ ${members.join(',\n')} }, ${JSON.stringify(elsewhere)})\n`
  const { outputFiles } = await build({
    stdin: { contents },
    bundle: true,
    write: false,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    supported: { 'dynamic-import': false },
    define: { 'import.meta.url': '__ownUrl', 'import.meta.dirname': '__dirname' },
    outfile: `${pack}.cjs`,
    sourcemap: 'inline',
    sourcesContent: false,
    logLevel: 'silent',
    plugins: [packedFiles(names, modules)],
  })
  const whole = withoutRepeats(settled(outputFiles[0]?.text ?? '', { lazyFiles: true }))
  const helpers = [laterHelper, lazyHelper, ...(whole.includes('__ownUrl') ? [urlHelper] : [])].join(' ')
  // No line of the map moves.
  // What is not called would be dropped as useless.
  const text = `__called(function (${given.join(', ')}) { ${helpers} ${whole.replace(/\n(?=\/\/# sourceMappingURL=)/, '})\n')}`
  const { code, map } = await transform(text, {
    // Names stay: they are what stacks show.
    minifyWhitespace: true,
    minifySyntax: true,
    target: 'node20',
    sourcefile: `${pack}.cjs`,
    sourcemap: 'external',
    sourcesContent: false,
    logLevel: 'silent',
  })
  // Of the same length, for the map's sake.
  return { code: code.replace('__called(', '        ('), map }
}

/**
 * @param {readonly string[]} names
 * @param {ReadonlyMap<string, string>} modules
 * @returns {import('esbuild').Plugin}
 */
const packedFiles = (names, modules) => ({
  name: 'packed-files',
  setup(builder) {
    builder.onResolve({ filter: /.*/ }, ({ path }) => {
      const name = path.replace(/^\.\//, '')
      if (names.includes(name)) return { path: name, namespace: 'dist' }
      return { path: commonJsName(path), external: true }
    })
    builder.onLoad({ filter: /.*/, namespace: 'dist' }, ({ path }) => ({
      contents: laterImports(modules.get(path) ?? ''),
      loader: 'js',
    }))
  },
})
