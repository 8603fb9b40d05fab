import { statfs } from 'node:fs/promises'
import { hostname, userInfo } from 'node:os'
import { dirname, resolve } from 'node:path'

export { installHint } from './packages.ts'
export { findProgram } from './programs.ts'

/** The user's name for records ("who"): of the account, or its number in a container that has no entry for it. */
export function userName(): string {
  try {
    return userInfo().username
  } catch {
    return process.env.USER ?? String(process.getuid?.() ?? 'unknown')
  }
}

/** This machine's name for records and locks. */
export function hostName(): string {
  return hostname()
}

/** Bytes that this user can still write on the disk of `path`, which need not exist yet. */
export async function diskFree(path: string): Promise<number> {
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    try {
      const { bavail, bsize } = await statfs(folder)
      return bavail * bsize
    } catch (error) {
      if (folder === dirname(folder)) throw error
    }
  }
}
