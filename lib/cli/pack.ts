import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import Module from 'node:module'
import { join } from 'node:path'
import { Script } from 'node:vm'

/** What the pack holds: the build's files as functions, see lib/build/pack.mjs. */
type Packed = (
  importModule: (specifier: string) => Promise<unknown>,
) => Readonly<Record<string, (...scope: unknown[]) => void>>

/** Node's modules by path; documented as `require.cache`. */
type Loaded = Module & { exports: unknown; filename: string; loaded: boolean }

/**
 * Runs a file of the pack that lies in `folder` (dist/), from V8's code cache where there is one that fits. The first start leaves one beside
 * the pack, made when the process ends, so that it holds what was compiled meanwhile; where that cannot be written, each start compiles.
 *
 * @param own `require` of a file in that folder
 */
export function runPacked(folder: string, name: string, own: NodeJS.Require): unknown {
  const file = join(folder, 'pack.cjs')
  const { mtimeMs, size } = statSync(file)
  const { versions, arch } = process
  const cache = join(folder, `.code-${mtimeMs.toString(36)}-${size.toString(36)}-${versions.v8}-${arch}`)
  const cachedData = bytesOf(cache)
  // The build writes ASCII alone; read as such it is a string of single bytes, which V8 takes as it is.
  const script = new Script(readFileSync(file, 'latin1'), {
    filename: file,
    ...(cachedData === undefined ? {} : { cachedData }),
  })
  if (cachedData === undefined || script.cachedDataRejected) process.once('exit', () => keepCode(script, cache))
  const packed = (script.runInThisContext() as Packed)((specifier) => import(specifier))
  const load = loader(folder, packed, own)
  // What a Taskfile imports is then the pack's, too.
  load('index.cjs')
  return load(name)
}

function bytesOf(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch {
    return undefined
  }
}

function keepCode(script: Script, cache: string): void {
  const temporary = `${cache}.${process.pid}`
  try {
    writeFileSync(temporary, script.createCachedData())
    renameSync(temporary, cache)
  } catch {
    // The package belongs to somebody else: nothing is lost but time.
    rmSync(temporary, { force: true })
  }
}

/** Gives files of the pack by name: each runs once, and is the module of its path for everyone else who requires it. */
function loader(folder: string, packed: ReturnType<Packed>, own: NodeJS.Require): (name: string) => unknown {
  const modules = own.cache as Record<string, Loaded | undefined>
  const load = (name: string): unknown => {
    const path = join(folder, name)
    const known = modules[path]
    if (known !== undefined) return known.exports
    const run = packed[name]
    if (run === undefined) return own(path)
    const module = new Module(path) as Loaded
    module.filename = path
    modules[path] = module
    run.call(module.exports, module.exports, requireIn, module, path, folder)
    module.loaded = true
    return module.exports
  }
  const requireIn = Object.assign(
    (specifier: string) => (specifier.startsWith('./') ? load(specifier.slice(2)) : own(specifier)),
    { resolve: own.resolve, cache: own.cache },
  )
  return load
}
