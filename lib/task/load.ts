import { statSync } from 'node:fs'
import { basename } from 'node:path'
import { failed, type Result } from '../model/failure.ts'
import { type KeptBundle, validBundle } from './bundle-cache.ts'
import { currentListing } from './listing.ts'
import { listingPath, maker } from './manifest.ts'
import { buildBundle, bundleLoader } from './run-bundle.ts'
import { type LoadedTasks, makeTable } from './table.ts'

/** How a Taskfile is loaded. */
export type LoadOptions = {
  /** For its listing: where the one that is kept does not hold, a new one is kept (listing.ts). */
  listing?: boolean
}

type ImportLater = typeof import('./import-later.ts').importLater

// What `import(…)` of a computed name is in a bundle (bundle-names.ts).
Object.assign(globalThis, {
  [Symbol.for('vital-ops.import')]: async (...words: Parameters<ImportLater>) =>
    (await import('./import-later.ts')).importLater(...words),
})

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
    const bundle = kept ?? (await buildBundle(taskfile))
    const load = bundleLoader(taskfile, bundle, kept !== undefined)
    if (kept !== undefined && !(listing && currentListing(taskfile) === undefined)) {
      if (hasMany(taskfile)) (await import('./optimize-later.ts')).optimizeLater()
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

/**
 * The bytes of a listing, one hundred and more for a task: from so many tasks on V8 begins to optimise what is done for each, and up to so many the
 * run is over before that pays.
 */
const manyTasks = { from: 200_000, to: 2_000_000 }

function hasMany(taskfile: string): boolean {
  const size = statSync(listingPath(taskfile), { throwIfNoEntry: false })?.size ?? 0
  return size >= manyTasks.from && size < manyTasks.to
}

function withBundle(table: Result<LoadedTasks>, { path }: KeptBundle): Result<LoadedTasks> {
  if (table.ok) table.value.bundle = basename(path)
  return table
}
