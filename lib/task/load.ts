import { pathToFileURL } from 'node:url'
import { failed, type Result } from '../model/failure.ts'
import { keepBundle, validBundle } from './bundle-cache.ts'
import { packageRoot, packageVersion } from './find.ts'
import { type LoadedTasks, makeTable } from './table.ts'

/**
 * Loads the tasks of a Taskfile (an absolute path). A bundle that is still valid is imported as it is, without esbuild. A Taskfile
 * that does not compile, throws, or exports what makes no table of tasks fails with the place (outcome `unchanged`).
 */
export async function loadTaskfile(taskfile: string): Promise<Result<LoadedTasks>> {
  // The bundle's source map makes the stacks of its errors point into the sources.
  process.setSourceMapsEnabled(true)
  let exported: Readonly<Record<string, unknown>>
  try {
    exported = await importTaskfile(taskfile)
  } catch (error) {
    const { importFailures } = await import('./load-failure.ts')
    return failed(...(await importFailures(error, taskfile)))
  }
  return makeTable(taskfile, exported)
}

async function importTaskfile(taskfile: string): Promise<Readonly<Record<string, unknown>>> {
  const kept = await validBundle(taskfile, maker())
  if (kept === undefined) return import(pathToFileURL(await build(taskfile)).href)
  try {
    return await import(pathToFileURL(kept).href)
  } catch (error) {
    if ((error as { code?: unknown } | undefined)?.code !== 'ERR_MODULE_NOT_FOUND') throw error
    // A package may have lain elsewhere when the bundle was made: its place is looked up again.
    return import(`${pathToFileURL(await build(taskfile)).href}?again`)
  }
}

async function build(taskfile: string): Promise<string> {
  const noted = Date.now()
  const { bundleTaskfile } = await import('./bundle.ts')
  const { code, inputs, absent } = await bundleTaskfile(taskfile)
  return keepBundle(taskfile, code, { maker: maker(), inputs, absent, noted })
}

/** Another version of this package, in another place, or of Node may bundle differently. */
function maker(): string {
  return `vital-ops ${packageVersion()} ${packageRoot()} node ${process.versions.node} format 1`
}
