import { readFileSync, realpathSync, statSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, extname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { BuildFailure, Message, OnLoadResult, OnResolveResult, Plugin, PluginBuild } from 'esbuild'
import { type Failure, FailureError } from '../model/failure.ts'
import { type BundleCode, noteInput } from './bundle-cache.ts'
import { requireBanner, toCommonJs } from './bundle-common-js.ts'
import { folderModule, folderStatement, metaConstants, metaModule, metaNames, withOwnNames } from './bundle-names.ts'
import { codeGraph } from './code/graph.ts'
import type { CodeGraph } from './code/reach.ts'
import { codeDigest } from './code-digest.ts'
import { withLaterImports } from './dynamic-imports.ts'
import { packageRoot, taskfileNames } from './find.ts'
import { loaders, localCandidates } from './local-files.ts'
import { type BundleInput, type BundleManifest, bundleFolder } from './manifest.ts'
import { exportOf, installedPackage, packageName, packagePlaces } from './packages.ts'
import { requiredFiles } from './required-files.ts'
import { sourceLine } from './sources.ts'

/**
 * A bundled Taskfile: the code, all local files that it was made of, and the packages that it imports. `graph`: which pieces of the code make which
 * task, where that is certain.
 */
export type Bundle = { code: BundleCode; graph?: Omit<CodeGraph, 'output'> } & Pick<
  BundleManifest,
  'inputs' | 'absent' | 'own' | 'packages' | 'linked' | 'later'
>

/**
 * Bundles a Taskfile with the local files that it imports (by relative or absolute path); packages stay imports, which Node resolves from
 * the Taskfile's folder. `import.meta.url`, `.dirname`, `.filename` and `.resolve` are those of each source file. Throws `FailureError`
 * with the place of each error. tsconfig.json plays no part: what runs does not depend on an editor's settings.
 *
 * @param text what stands for a Taskfile that is no file: code of the folder of `importer`
 */
export async function bundleTaskfile(taskfile: string, text?: { code: string; importer: string }): Promise<Bundle> {
  const { build, stop } = await import('esbuild')
  const files = new LocalFiles(taskfile)
  bundling += 1
  try {
    const result = await build({
      ...(text === undefined
        ? { entryPoints: [taskfile] }
        : { stdin: { contents: text.code, resolveDir: dirname(text.importer), sourcefile: text.importer } }),
      outfile: join(bundleFolder(dirname(taskfile)), 'taskfile.mjs'),
      absWorkingDir: dirname(taskfile),
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'node',
      target: 'node20.12',
      keepNames: true,
      sourcemap: 'inline',
      charset: 'utf8',
      legalComments: 'none',
      logLevel: 'silent',
      tsconfigRaw: '{}',
      define: metaNames,
      // CommonJS files that are bundled call `require`, which a module does not have.
      banner: { js: requireBanner },
      plugins: [files.plugin()],
    })
    const code = result.outputFiles[0]?.text ?? ''
    files.noteRequired()
    const own = Object.fromEntries(files.own)
    const commonJs = files.foreign ? undefined : await toCommonJs(code, own)
    const main = exportOf('vital-ops')?.commonJs
    // What is imported by a computed name may be any file, and what is required is no part of the code.
    const graph =
      files.later || files.required.size > 0 || text !== undefined
        ? undefined
        : codeGraph(code, (module) => own[module] === main)
    return {
      ...(graph === undefined ? {} : { graph }),
      code: commonJs ? { kind: 'commonjs', ...commonJs } : { kind: 'module', code },
      inputs: files.inputs,
      absent: [...files.absent],
      own,
      packages: [...files.packages],
      ...(files.linked === undefined ? {} : { linked: files.linked }),
      ...(files.later ? { later: true } : {}),
    }
  } catch (error) {
    const [first, ...rest] = ((error as Partial<BuildFailure>).errors ?? []).map((message) => files.failure(message))
    if (!first) throw error
    throw new FailureError(first, ...rest)
  } finally {
    // esbuild is one process for all: the last bundling ends it.
    bundling -= 1
    if (bundling === 0) await stop()
  }
}

/** How many bundlings go on in this process. */
let bundling = 0

/** Resolves and reads the files of one bundle, and notes them. */
class LocalFiles {
  readonly inputs: BundleInput[] = []
  readonly absent = new Set<string>()
  /** The files of the running copy of this package that are imported, by their specifiers. */
  readonly own = new Map<string, string>()
  /** The package.json of other packages. */
  readonly packages = new Set<string>()
  linked: string | undefined
  /** A file imports by a computed name. */
  later = false
  /** Files that a `require` of the code's own making loads. */
  readonly required = new Set<string>()
  /** Something is imported that only Node's loader of modules finds and loads. */
  foreign = false
  readonly #taskfile: string
  readonly #folder: string
  readonly #lengths = new Map<string, number>()

  constructor(taskfile: string) {
    this.#taskfile = taskfile
    this.#folder = dirname(taskfile)
  }

  plugin(): Plugin {
    return {
      name: 'taskfile',
      setup: (build) => {
        build.onResolve({ filter: /.*/ }, async ({ path, importer, resolveDir, kind, pluginData }) => {
          if (pluginData === 'by-esbuild') return undefined
          if (kind === 'entry-point') return { path: realpathSync(path) }
          if (/^(\.{0,2}\/|\.\.?$|file:)/.test(path)) return this.#resolveLocal(path, resolveDir)
          for (const namespace of [metaModule, folderModule]) {
            if (path.startsWith(namespace)) return { path: path.slice(namespace.length), namespace }
          }
          return this.#resolvePackage(build, path, importer, resolveDir, kind)
        })
        build.onLoad({ filter: /.*/, namespace: metaModule }, ({ path }) => ({
          contents: metaConstants(path, this.#taskfile),
          loader: 'js',
        }))
        build.onLoad({ filter: /.*/, namespace: folderModule }, ({ path }) => ({
          contents: folderStatement(this.#taskFolder(dirname(path))),
          loader: 'js',
        }))
        build.onLoad({ filter: /.*/, namespace: 'file' }, ({ path }) => this.#load(path))
      },
    }
  }

  #resolveLocal(specifier: string, folder: string): OnResolveResult {
    const path = specifier.startsWith('file:') ? fileURLToPath(specifier) : resolve(folder, specifier)
    const missed: string[] = []
    for (const candidate of localCandidates(path)) {
      if (statSync(candidate, { throwIfNoEntry: false })?.isFile()) {
        for (const one of missed) this.absent.add(one)
        return { path: realpathSync(candidate) }
      }
      // A folder by the very name is there and stays; only what is not there at all can appear.
      if (!statSync(candidate, { throwIfNoEntry: false })) missed.push(candidate)
    }
    return { errors: [{ text: `no file ${JSON.stringify(specifier)}` }] }
  }

  async #resolvePackage(
    build: PluginBuild,
    specifier: string,
    importer: string,
    resolveDir: string,
    kind: Parameters<Parameters<PluginBuild['onResolve']>[1]>[0]['kind'],
  ): Promise<OnResolveResult> {
    if (isBuiltin(specifier)) return { path: specifier, external: true }
    const folder = dirname(importer)
    const isOwn = /^vital-ops(\/|$)/.test(specifier)
    const installed = isOwn ? this.#installed(folder) : undefined
    if (isOwn && installed === undefined) return this.#ownExport(specifier)
    if (installed === packageRoot() && this.#sameScope(folder)) {
      this.#noteOwn(specifier, specifier)
      return { path: specifier, external: true }
    }
    this.foreign = true
    if (specifier.startsWith('data:')) return { path: specifier, external: true }
    this.#notePackage(specifier, folder)
    if (this.#sameScope(folder)) return { path: specifier, external: true }
    const found = await build.resolve(specifier, { importer, resolveDir, kind, pluginData: 'by-esbuild' })
    if (found.errors.length > 0) return { errors: [{ text: `package ${JSON.stringify(specifier)} is not installed` }] }
    return { path: pathToFileURL(found.path).href, external: true }
  }

  #installed(folder: string): string | undefined {
    const found = installedPackage(folder)
    if (found === undefined) for (const path of packagePlaces(folder, 'vital-ops')) this.absent.add(dirname(path))
    return found
  }

  /** What `vital-ops` means to a Taskfile in whose folder it is not installed: the package that runs. */
  #ownExport(specifier: string): OnResolveResult {
    const { module: path } = exportOf(specifier) ?? {}
    if (!path) return { errors: [{ text: `vital-ops has no export ${JSON.stringify(specifier)}` }] }
    const url = pathToFileURL(path).href
    this.#noteOwn(specifier, url)
    return { path: url, external: true }
  }

  #noteOwn(specifier: string, as: string): void {
    const path = exportOf(specifier)?.commonJs
    if (path) this.own.set(as, path)
    else this.foreign = true
  }

  /** Notes what tells one version of a package from another. */
  #notePackage(specifier: string, folder: string): void {
    const name = packageName(specifier)
    for (const path of packagePlaces(folder, name)) {
      if (statSync(path, { throwIfNoEntry: false })) {
        this.packages.add(path)
        if (!realpathSync(path).includes('/node_modules/')) this.linked = name
        return
      }
      this.absent.add(path)
    }
    // Found by other means (its own name, `imports` of package.json): nothing is known of it.
    this.linked = name
  }

  /** Whether packages are found from a folder as from the bundle's own, below the Taskfile's. */
  #sameScope(folder: string): boolean {
    if (folder === this.#folder) return true
    if (!folder.startsWith(`${this.#folder}/`)) return false
    for (let at = folder; at !== this.#folder; at = dirname(at)) {
      for (const name of ['node_modules', 'package.json']) {
        const path = join(at, name)
        if (statSync(path, { throwIfNoEntry: false })) return false
        this.absent.add(path)
      }
    }
    return true
  }

  /** The folder of the nearest Taskfile at or above a folder; undefined for that of the Taskfile that is bundled. */
  #taskFolder(folder: string): string | undefined {
    const missed: string[] = []
    for (let at = folder; at !== this.#folder && dirname(at) !== at; at = dirname(at)) {
      const paths = taskfileNames.map((name) => join(at, name))
      if (paths.some((path) => statSync(path, { throwIfNoEntry: false })?.isFile())) return at
      missed.push(...paths)
    }
    for (const path of missed) this.absent.add(path)
    return undefined
  }

  async #load(path: string): Promise<OnLoadResult> {
    const loader = loaders[extname(path)]
    if (!loader) return { errors: [{ text: `cannot import a file of this kind: ${path}` }] }
    const before = statSync(path, { bigint: true })
    const content = readFileSync(path)
    const input = noteInput(path, content, before)
    this.inputs.push(input)
    const text = content
      .toString('utf8')
      .replace(/^\uFEFF/, '')
      .replace(/^#!.*/, '')
    this.#lengths.set(path, text.split('\n').length)
    if (loader === 'json') return { contents: text, loader }
    for (const file of requiredFiles(path, text)) this.required.add(file)
    const code = await codeDigest(text, loader)
    if (code !== undefined) input.code = code
    const { text: own, found } = await withLaterImports(text, loader)
    if (found) this.later = true
    const names = { path, taskfile: this.#taskfile, importsLater: found }
    return { contents: withOwnNames(own, names), loader, resolveDir: dirname(path) }
  }

  /** Counts the files that the code requires as its own, where they are not bundled anyway. */
  noteRequired(): void {
    for (const path of this.required) {
      if (this.inputs.some((input) => input.path === path)) continue
      const before = statSync(path, { bigint: true })
      this.inputs.push(noteInput(path, readFileSync(path), before))
    }
  }

  /** An error of esbuild with the place in the source. esbuild counts columns from 0 and in bytes. */
  failure(message: Message): Failure {
    const { text, location } = message
    if (!location) return { code: 'taskfile-broken', message: text, outcome: 'unchanged' }
    const file = resolve(this.#folder, location.file)
    // What ends too early is told behind the end, where this bundler has added a line.
    const line = Math.min(location.line, this.#lengths.get(file) ?? location.line)
    const source = line === location.line ? location.lineText : sourceLine({ file, line })
    const column =
      line === location.line ? Buffer.from(location.lineText).subarray(0, location.column).toString().length : 0
    return {
      code: 'taskfile-broken',
      message: text,
      place: { file, line, column: column + 1 },
      ...(source === undefined ? {} : { source }),
      outcome: 'unchanged',
    }
  }
}
