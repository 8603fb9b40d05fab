import { statfs } from 'node:fs/promises'
import { resolve } from 'node:path'
import { notPassed, type ProbeRunner, passed } from './probe.ts'

/** Passes when enough space is free for unprivileged users on the file system that holds the path. */
export const disk: ProbeRunner<'disk'> = async (probe, { target }) => {
  const path = resolve(target.directory, probe.path)
  const stats = await statfs(path).catch((error: NodeJS.ErrnoException) => error)
  if (stats instanceof Error) {
    return notPassed(stats.code === 'ENOENT' ? `${probe.path} does not exist` : `${probe.path}: ${stats.message}`)
  }
  const free = stats.bavail * stats.bsize
  // As df(1) does it: blocks that are reserved for root count for neither side.
  const total = (stats.blocks - stats.bfree + stats.bavail) * stats.bsize
  const share = total === 0 ? 0 : (free / total) * 100
  const enough = probe.free.endsWith('%') ? share >= Number.parseFloat(probe.free) : free >= readSize(probe.free)
  const found = `${showSize(free)} of ${showSize(total)} free (${share.toFixed(share < 10 ? 1 : 0)}%) at ${probe.path}`
  return enough ? passed(found) : notPassed(`${found}, at least ${probe.free} wanted`)
}

const exponents: Record<string, number> = { K: 1, M: 2, G: 3, T: 4 }

/** Bytes of `2GiB`, `2Gi`, `2G` (powers of 1024) and `2GB` (powers of 1000, IEC 80000-13). */
export function readSize(text: string): number {
  const [, amount = '0', unit = '', rest = ''] = /^(\d+(?:\.\d+)?)([KMGT])(.*)$/.exec(text) ?? []
  return Number(amount) * (rest === 'B' ? 1000 : 1024) ** (exponents[unit] ?? 0)
}

function showSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const index = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), units.length - 1)
  const amount = bytes / 1024 ** index
  return `${amount.toFixed(amount < 10 && index > 0 ? 1 : 0)} ${units[index]}`
}
