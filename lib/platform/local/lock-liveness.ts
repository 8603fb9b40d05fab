import { readFileSync, readlinkSync } from 'node:fs'
import { errorCode } from '../../system/files.ts'
import { identify, ownIdentity, type ProcessIdentity } from '../../system/process-identity.ts'

/**
 * Where a process stands, as far as others need it to judge its life: itself, the Linux namespaces in which its pid and its monotonic
 * clock mean something (containers share a kernel, but not these), and the machine (empty: not known).
 */
export type Standing = { process: ProcessIdentity; namespaces: string; machine: string }

/** This process's own standing. */
export async function ownStanding(): Promise<Standing> {
  return { process: await ownIdentity(), namespaces: namespaces(), machine: machine() }
}

function namespaces(): string {
  if (process.platform !== 'linux') return process.platform
  return ['pid', 'time'].map((name) => quietly(() => readlinkSync(`/proc/self/ns/${name}`))).join(' ')
}

/** machine-id(5): the same after a reboot. */
function machine(): string {
  return quietly(() => readFileSync('/etc/machine-id', 'utf8').trim())
}

function quietly(read: () => string): string {
  try {
    return read()
  } catch {
    return ''
  }
}

/** Milliseconds on the machine's monotonic clock: comparable between processes of one boot (CLOCK_MONOTONIC, mach_absolute_time). */
export const monotonicMs = (): number => Number(process.hrtime.bigint() / 1000n) / 1000

/** Whether another process's monotonic clock and pids are also ours. */
export const isComparable = (own: Standing, other: Standing): boolean =>
  own.process.bootId === other.process.bootId && own.namespaces === other.namespaces

/**
 * Whether a process lives. `unknown` where that cannot be told from here (another machine, another container, hidden processes).
 * A process of an earlier boot of this machine is dead.
 */
export async function lifeOf(own: Standing, other: Standing): Promise<'alive' | 'dead' | 'unknown'> {
  if (!isComparable(own, other)) {
    const rebooted = own.machine !== '' && own.machine === other.machine && own.namespaces === other.namespaces
    return rebooted && own.process.bootId !== other.process.bootId ? 'dead' : 'unknown'
  }
  if (!hasProcess(other.process.pid)) return 'dead'
  const now = await identify(other.process.pid)
  if (now?.startTime === other.process.startTime) return 'alive'
  if (now) return 'dead'
  // A zombie, or (where /proc hides other users' processes) one that cannot be looked at.
  return isOwn(other.process.pid) ? 'dead' : 'unknown'
}

function hasProcess(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errorCode(error) !== 'ESRCH'
  }
}

function isOwn(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
