import { dropAhead } from './ahead.ts'
import type { InputFiles } from './files.ts'
import { StatCache } from './stat-cache.ts'

/**
 * What was just found out of inputs, for whoever takes the same fingerprints in this process at once: who looks whether all is up to date, and then
 * runs what is not, looks once. Nothing may have run between: `dropLooks`.
 */
let looks: { cache?: StatCache; file?: string; inputs: Map<string, InputFiles> | undefined; keeps: boolean } | undefined

/** Looks at inputs that `work` takes are kept, each for the one that comes after it. */
export async function keepLooks<Value>(work: () => Promise<Value>): Promise<Value> {
  looks = { inputs: new Map(), keeps: true }
  try {
    return await work()
  } finally {
    looks.keeps = false
  }
}

/** Forgets what was found: something is about to run that may write files. */
export function dropLooks(): void {
  dropAhead()
  if (looks) looks.inputs = undefined
}

/** The cache in a file: the one that is open, or a new one. */
export function openCache(file: string): StatCache {
  if (looks?.cache && looks.file === file) return looks.cache
  const cache = new StatCache(file)
  if (looks?.keeps) Object.assign(looks, { cache, file })
  return cache
}

/** Whether `lookAt` has these. */
export const isKept = (patterns: readonly string[], folder: string): boolean =>
  looks?.inputs?.has(keyOf(patterns, folder)) === true

const keyOf = (patterns: readonly string[], folder: string): string => JSON.stringify([folder, patterns])

/** The inputs that patterns find in a folder: those that were kept, once, or as `read` finds them now. */
export function lookAt(patterns: readonly string[], folder: string, read: () => InputFiles): InputFiles {
  const inputs = looks?.inputs
  if (inputs === undefined) return read()
  const key = keyOf(patterns, folder)
  const known = inputs.get(key)
  if (known !== undefined) {
    inputs.delete(key)
    return known
  }
  const found = read()
  if (looks?.keeps) inputs.set(key, found)
  return found
}
