import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { FailureError } from '../../model/failure.ts'
import { prune } from './prune.ts'
import { cacheFolder } from './store.ts'

/** The environment variable that bounds the cache: `500MB`, `2GB`, `0` for none. */
export const sizeVariable = 'OPS_TASK_CACHE_SIZE'

const defaultLimit = 2 * 2 ** 30

/** How large the cache may be, in bytes. Throws `FailureError` for what is no size. */
export function sizeLimit(env: Readonly<Record<string, string | undefined>>): number {
  const text = env[sizeVariable]
  if (text === undefined || text === '') return defaultLimit
  const size = parseSize(text)
  if (size !== undefined) return size
  throw new FailureError({
    code: 'invalid-value',
    message: `${sizeVariable} is no size: ${JSON.stringify(text)}`,
    why: 'a size is a number with B, KB, MB or GB behind it, like 500MB; 0 keeps nothing',
    outcome: 'usage',
  })
}

const units: Readonly<Record<string, number>> = { b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 }

/** `1.5GB` → bytes; units are powers of 1024. Undefined for what is no size. */
export function parseSize(text: string): number | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*(?:([kmgt])i?b?|b)?$/i.exec(text.trim()) ?? []
  if (number === undefined) return undefined
  return Math.floor(Number(number) * (units[unit?.toLowerCase() ?? 'b'] as number))
}

/** Bytes for people: `1.5 GB`. */
export function formatSize(bytes: number): string {
  const steps = ['B', 'KB', 'MB', 'GB', 'TB'] as const
  let [value, step] = [bytes, 0]
  for (; value >= 1024 && step < steps.length - 1; step += 1) value /= 1024
  return `${step === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${steps[step]}`
}

const usagePath = (workspace: string): string => join(cacheFolder(workspace), 'usage')

/**
 * Notes that the cache has grown, and prunes it when it is too large by that count. The count is only about right (two invocations may overwrite
 * each other's); pruning counts anew.
 */
export function noteAdded(workspace: string, bytes: number, limit: number): void {
  const path = usagePath(workspace)
  const known = readCount(path)
  let count = (known ?? 0) + bytes
  if (known === undefined || count > limit) count = prune(workspace, limit).bytes
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `${count}\n`)
}

function readCount(path: string): number | undefined {
  try {
    const count = Number(readFileSync(path, 'utf8'))
    return Number.isFinite(count) ? count : undefined
  } catch {
    return undefined
  }
}
