import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Script } from 'node:vm'
import { type KeptBundle, keepBundle } from './bundle-cache.ts'
import { maker } from './manifest.ts'
import { mapStacks } from './source-map.ts'

const require = createRequire(import.meta.url)

type Exported = Readonly<Record<string, unknown>>

/** Reads what a bundle needs; the function that it gives runs it. `mayBeOld`: it was made by an earlier process. */
export function bundleLoader(taskfile: string, { path, own }: KeptBundle, mayBeOld: boolean): () => Promise<Exported> {
  if (path.endsWith('.cjs')) return commonJsLoader(path, own)
  return async () => {
    // The bundle's source map makes the stacks of its errors point into the sources.
    process.setSourceMapsEnabled(true)
    try {
      return await import(pathToFileURL(path).href)
    } catch (error) {
      if (!mayBeOld || (error as { code?: unknown } | undefined)?.code !== 'ERR_MODULE_NOT_FOUND') throw error
      // A package may have lain elsewhere when the bundle was made: its place is looked up again.
      return import(`${pathToFileURL((await buildBundle(taskfile)).path).href}?again`)
    }
  }
}

/** Runs a bundle that is CommonJS; gives its exports in the order that those of a module have. */
function commonJsLoader(bundle: string, own: Readonly<Record<string, string>>): () => Promise<Exported> {
  mapStacks(bundle, `${bundle}.map`)
  const text = `(function (exports, require, module, __filename, __dirname) {\n${readFileSync(bundle, 'utf8')}\n})`
  // The line that was put before is not counted.
  const script = new Script(text, { filename: bundle, lineOffset: -1 })
  return async () => {
    const module = { exports: {} as Record<string, unknown> }
    const load = (specifier: string): unknown => require(own[specifier] ?? specifier)
    script.runInThisContext()(module.exports, load, module, bundle, dirname(bundle))
    return Object.fromEntries(
      Object.keys(module.exports)
        .sort()
        .map((name) => [name, module.exports[name]]),
    )
  }
}

/**
 * Bundles a Taskfile, and keeps the bundle.
 *
 * @param text as `bundleTaskfile` has it
 */
export async function buildBundle(taskfile: string, text?: { code: string; importer: string }): Promise<KeptBundle> {
  const noted = Date.now()
  const { bundleTaskfile } = await import('./bundle.ts')
  const { code, graph, ...made } = await bundleTaskfile(taskfile, text)
  return keepBundle(taskfile, { code, graph }, { maker: maker(), ...made, noted })
}
