import { readFileSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { freemem, hostname, release, totalmem, userInfo } from 'node:os'
import { dirname, resolve } from 'node:path'
import { type PackageManager, packageManager } from './packages.ts'

export { installHint } from './packages.ts'
export { findProgram } from './programs.ts'

/** What the product can run on. Windows is supported through WSL, which is Linux here. */
export type SupportedPlatform = 'linux' | 'macos'

/** Facts about this machine. Sizes are in bytes. */
export type MachineFacts = {
  /** Undefined where the product does not run (exit 3). */
  platform: SupportedPlatform | undefined
  /** As Node names it, for messages: `linux`, `darwin`, `win32` … */
  system: string
  /** Whether this is Windows' Linux. */
  wsl: boolean
  architecture: string
  userName: string
  hostName: string
  memoryBytes: number
  memoryFreeBytes: number
  packageManager: PackageManager | undefined
}

/** What is known of this machine. */
export function machineFacts(): MachineFacts {
  return {
    platform: supportedPlatform(),
    system: process.platform,
    wsl: isWsl(),
    architecture: process.arch,
    userName: userName(),
    hostName: hostname(),
    memoryBytes: totalmem(),
    memoryFreeBytes: availableMemory(),
    packageManager: packageManager(),
  }
}

/** Which supported platform this is; undefined if none. */
export function supportedPlatform(system: string = process.platform): SupportedPlatform | undefined {
  if (system === 'linux') return 'linux'
  return system === 'darwin' ? 'macos' : undefined
}

function isWsl(): boolean {
  return process.platform === 'linux' && /microsoft/i.test(release())
}

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

/** `os.freemem` on Linux leaves out what the kernel would give back at once (caches), so MemAvailable is read. */
function availableMemory(): number {
  if (process.platform !== 'linux') return freemem()
  try {
    const match = /^MemAvailable:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'latin1'))
    return match ? Number(match[1]) * 1024 : freemem()
  } catch {
    return freemem()
  }
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
