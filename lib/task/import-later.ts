import { createHash } from 'node:crypto'
import { realpathSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FailureError } from '../model/failure.ts'
import { validBundle } from './bundle-cache.ts'
import { localCandidates } from './local-files.ts'
import { importedName, maker } from './manifest.ts'
import { buildBundle, bundleLoader } from './run-bundle.ts'

type Namespace = Readonly<Record<string, unknown>>

/** By the name that stands for its bundle: what was imported in this process. */
const imported = new Map<string, Promise<Namespace>>()

/**
 * Imports what a Taskfile's code names only when it runs: as a file that it imports by a fixed name is (TypeScript, packages from the folder of the file
 * that names them), with a bundle of its own. Rejects for what is not there as Node does (`ERR_MODULE_NOT_FOUND`), and with a `FailureError`
 * for what does not compile.
 *
 * @param specifier relative to the importing file, an absolute path, a `file:` URL, or the name of a package or module
 * @param importer the file whose code imports; absolute
 * @param of the Taskfile that it belongs to, or the name that stands for what was itself imported in this way
 */
export function importLater(specifier: unknown, importer: string, of: string): Promise<Namespace> {
  const what = meant(String(specifier), importer)
  const isFile = what.startsWith('/')
  const scope = isFile ? '' : `${dirname(importer)}\0`
  const hash = createHash('sha256').update(`${scope}${what}`).digest('hex').slice(0, 32)
  const name = importedName(of, hash)
  let one = imported.get(name)
  if (one === undefined) {
    one = load(what, name, importer)
    imported.set(name, one)
    // What failed may be mended before it is tried again.
    one.catch(() => imported.delete(name))
  }
  return one
}

/** The path of a file, or the name as it is. */
function meant(specifier: string, importer: string): string {
  const isUrl = specifier.startsWith('file:')
  if (!isUrl && !/^(?:\.{0,2}\/|\.\.?$)/.test(specifier)) return specifier
  const path = isUrl ? fileURLToPath(specifier) : resolve(dirname(importer), specifier)
  // A query makes no other file of it.
  return fileOf(path) ?? fileOf(path.replace(/[?#].*$/, '')) ?? path
}

function fileOf(path: string): string | undefined {
  const found = localCandidates(path).find((one) => statSync(one, { throwIfNoEntry: false })?.isFile())
  return found === undefined ? undefined : realpathSync(found)
}

async function load(what: string, name: string, importer: string): Promise<Namespace> {
  try {
    const kept = await validBundle(name, maker())
    const code = `export const load = () => import(${JSON.stringify(what)})`
    const bundle = kept ?? (await buildBundle(name, { code, importer }))
    const { load: run } = await bundleLoader(name, bundle, kept !== undefined)()
    return await (run as () => Promise<Namespace>)()
  } catch (error) {
    const text = error instanceof FailureError ? (error.failures[0]?.message ?? '') : ''
    const isFile = what.startsWith('/')
    const { code } = error as { code?: unknown }
    const isAbsent = /^no file |is not installed$/.test(text) || (code === 'ERR_MODULE_NOT_FOUND' && !isFile)
    if (!isAbsent) throw error
    const message = `Cannot find ${isFile ? 'module' : 'package'} '${what}' imported from ${importer}`
    throw Object.assign(new Error(message), { code: 'ERR_MODULE_NOT_FOUND' })
  }
}
