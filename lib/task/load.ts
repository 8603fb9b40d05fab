import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Script } from 'node:vm'
import { failed, type Result } from '../model/failure.ts'
import { keepBundle, validBundle } from './bundle-cache.ts'
import { currentListing } from './listing.ts'
import { maker, readManifest } from './manifest.ts'
import { mapStacks } from './source-map.ts'
import { type LoadedTasks, makeTable } from './table.ts'

const require = createRequire(import.meta.url)

/** How a Taskfile is loaded. */
export type LoadOptions = {
  /** For its listing: where the one that is kept does not hold, a new one is kept (listing.ts). */
  listing?: boolean
}

type Exported = Readonly<Record<string, unknown>>

/**
 * Loads the tasks of a Taskfile (an absolute path). A bundle that is still valid is imported as it is, without esbuild. A Taskfile
 * that does not compile, throws, or exports what makes no table of tasks fails with the place (outcome `unchanged`).
 */
export async function loadTaskfile(
  taskfile: string,
  { listing = false }: LoadOptions = {},
): Promise<Result<LoadedTasks>> {
  try {
    const kept = await validBundle(taskfile, maker())
    const bundle = kept ?? (await build(taskfile))
    const load = bundleLoader(taskfile, bundle, kept !== undefined)
    if (kept !== undefined && !(listing && currentListing(taskfile) === undefined)) {
      return withBundle(makeTable(taskfile, await load()), bundle)
    }
    // Also when it was just bundled: the next command may be a listing.
    const { recorded } = await import('./recorded.ts')
    const { value, ...outside } = await recorded(load)
    const table = makeTable(taskfile, value)
    if (table.ok) await (await import('./keep-listing.ts')).keepListing(table.value, outside)
    return withBundle(table, bundle)
  } catch (error) {
    const { importFailures } = await import('./load-failure.ts')
    return failed(...(await importFailures(error, taskfile)))
  }
}

function withBundle(table: Result<LoadedTasks>, bundle: string): Result<LoadedTasks> {
  if (table.ok) table.value.bundle = basename(bundle)
  return table
}

/** Reads what is needed; the function that it gives runs the Taskfile. */
function bundleLoader(taskfile: string, bundle: string, mayBeOld: boolean): () => Promise<Exported> {
  if (bundle.endsWith('.cjs')) return commonJsLoader(bundle, readManifest(taskfile)?.own ?? {})
  return async () => {
    // The bundle's source map makes the stacks of its errors point into the sources.
    process.setSourceMapsEnabled(true)
    try {
      return await import(pathToFileURL(bundle).href)
    } catch (error) {
      if (!mayBeOld || (error as { code?: unknown } | undefined)?.code !== 'ERR_MODULE_NOT_FOUND') throw error
      // A package may have lain elsewhere when the bundle was made: its place is looked up again.
      return import(`${pathToFileURL(await build(taskfile)).href}?again`)
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

async function build(taskfile: string): Promise<string> {
  const noted = Date.now()
  const { bundleTaskfile } = await import('./bundle.ts')
  const { code, ...made } = await bundleTaskfile(taskfile)
  return keepBundle(taskfile, code, { maker: maker(), ...made, noted })
}
