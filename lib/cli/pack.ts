import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { Script } from 'node:vm'

/** What the pack holds: the build's files as functions, see lib/build/pack.mjs. */
type Packed = (
  importModule: (specifier: string) => Promise<unknown>,
  performance: { now(): number },
) => Readonly<Record<string, (...scope: unknown[]) => void>>

/** Node's modules by path; documented as `require.cache`. */
type Loaded = { exports: unknown; filename: string; loaded: boolean }

/** What Node gives a CommonJS file. Taken from there: `node:module` loads Node's loader of modules. */
export type Scope = { require: NodeJS.Require; module: object; folder: string }

/** Stands for `performance` in the pack, with less than a millisecond between the two: making that takes one. */
const clock = { now: () => process.uptime() * 1000 }

/**
 * Runs a file of the pack, from V8's code cache where there is one that fits. A start that runs more files than those before it leaves one beside
 * the pack, made when the process ends, so that it holds what was compiled meanwhile; where that cannot be written, each start compiles.
 *
 * @param scope of a file in the pack's folder (dist/)
 */
export function runPacked(name: string, scope: Scope): unknown {
  const { folder } = scope
  const file = `${folder}/pack.cjs`
  const { mtimeMs, size } = statSync(file)
  const { versions, arch } = process
  const cache = `${folder}/.code-${mtimeMs.toString(36)}-${size.toString(36)}-${versions.v8}-${arch}`
  // The count of files that had run when the cache was made, then the cache.
  const kept = bytesOf(cache)
  const known = kept?.readUInt32LE(0) ?? 0
  // The build writes ASCII alone; read as such it is a string of single bytes, which V8 takes as it is.
  const script = new Script(readFileSync(file, 'latin1'), {
    filename: file,
    ...(kept === undefined ? {} : { cachedData: kept.subarray(4) }),
  })
  const ran = new Set<string>()
  process.once('exit', () => {
    if (ran.size > known || script.cachedDataRejected) keepCode(script, cache, ran.size)
  })
  const packed = (script.runInThisContext() as Packed)((specifier) => import(specifier), clock)
  const load = loader(packed, scope, ran)
  // What a Taskfile imports is then the pack's, too.
  load('index.cjs')
  return load(name)
}

function bytesOf(path: string): Buffer | undefined {
  try {
    const bytes = readFileSync(path)
    return bytes.length > 4 ? bytes : undefined
  } catch {
    return undefined
  }
}

function keepCode(script: Script, cache: string, count: number): void {
  const temporary = `${cache}.${process.pid}`
  try {
    const head = Buffer.alloc(4)
    head.writeUInt32LE(count)
    writeFileSync(temporary, Buffer.concat([head, script.createCachedData()]))
    renameSync(temporary, cache)
  } catch {
    // The package belongs to somebody else: nothing is lost but time.
    rmSync(temporary, { force: true })
  }
}

/** Gives files of the pack by name: each runs once, and is the module of its path for everyone else who requires it. */
function loader(packed: ReturnType<Packed>, scope: Scope, ran: Set<string>): (name: string) => unknown {
  const { require: own, folder } = scope
  const modules = own.cache as unknown as Record<string, Loaded | undefined>
  const Module = scope.module.constructor as new (path: string) => Loaded
  const load = (name: string): unknown => {
    const path = `${folder}/${name}`
    const known = modules[path]
    if (known !== undefined) return known.exports
    const run = packed[name]
    if (run === undefined) return own(path)
    const module = new Module(path)
    ran.add(name)
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
