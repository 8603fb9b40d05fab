import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { Script } from 'node:vm'

/** How a script's code cache is kept. */
export type CodeUse = {
  /** What the process uses of it; each kind of use has a cache of its own, so that none has to be read for another. */
  kind?: string
  /** How much of it has run, seen at the end; a process in which it is more than in all before it makes the cache anew. */
  amount(): number
}

/** How many bytes at the end of a cache tell its amount. */
const trailer = 4

/**
 * Runs a file of the build that is one expression, and gives its value. It is compiled from V8's code cache where there is one that fits; else one is left
 * beside it when the process ends, so that it holds what was compiled meanwhile. Where that cannot be written, each start compiles.
 *
 * @param file an absolute path
 */
export function runScript<Value>(file: string, { kind = '', amount }: CodeUse): Value {
  const { mtimeMs, size } = statSync(file)
  const { versions, arch } = process
  const slash = file.lastIndexOf('/') + 1
  const name = `${file.slice(slash)}${kind}-${mtimeMs.toString(36)}-${size.toString(36)}-${versions.v8}-${arch}`
  const cache = `${file.slice(0, slash)}.code-${name}`
  const kept = bytesOf(cache)
  const known = kept?.readUInt32LE(kept.length - trailer) ?? -1
  const script = new Script(readFileSync(file, 'utf8'), {
    filename: file,
    ...(kept === undefined ? {} : { cachedData: kept.subarray(0, -trailer) }),
  })
  process.once('exit', () => {
    const now = amount()
    if (now > known || script.cachedDataRejected) keepCode(script, cache, now)
  })
  return script.runInThisContext() as Value
}

function bytesOf(path: string): Buffer | undefined {
  try {
    const bytes = readFileSync(path)
    return bytes.length > trailer ? bytes : undefined
  } catch {
    return undefined
  }
}

function keepCode(script: Script, cache: string, amount: number): void {
  const temporary = `${cache}.${process.pid}`
  try {
    const tail = Buffer.alloc(trailer)
    tail.writeUInt32LE(amount)
    writeFileSync(temporary, Buffer.concat([script.createCachedData(), tail]))
    renameSync(temporary, cache)
  } catch {
    // The package belongs to somebody else: nothing is lost but time.
    rmSync(temporary, { force: true })
  }
}
