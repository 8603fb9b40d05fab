import { readFileSync } from 'node:fs'
import { filterByEnvironment, listProcesses, type ProcessEntry, readProcess } from './process-table.ts'

/** A process that a later one with the same pid cannot be taken for. Plain data: it goes into records on disk. */
export type ProcessIdentity = {
  pid: number
  /** When it started, as the system says it; only ever compared for equality. */
  startTime: string
  /** Which boot of the machine: start times begin anew with each. */
  bootId: string
}

let boot: Promise<string> | undefined

/** What names this boot of the machine (Linux: random(4) boot_id; macOS: kern.bootsessionuuid). */
export function bootId(): Promise<string> {
  boot ??= readBootId()
  return boot
}

async function readBootId(): Promise<string> {
  if (process.platform === 'linux') return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  // Plain execa: runCommand stands on this module.
  const { execa } = await import('execa')
  // By its path: cron has no /usr/sbin in PATH (crontab(5)).
  const { stdout } = await execa('/usr/sbin/sysctl', ['-n', 'kern.bootsessionuuid'], { stdin: 'ignore' })
  return stdout.trim()
}

/** The identity of the process that has this pid now; undefined if there is none, or only a zombie. */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  const entry = await readProcess(pid)
  return entry && !entry.zombie ? identityOf(entry) : undefined
}

/** The identity of an entry of the process table. */
export async function identityOf(entry: ProcessEntry): Promise<ProcessIdentity> {
  return { pid: entry.pid, startTime: entry.startTime, bootId: await bootId() }
}

/** This process's own identity. */
export async function ownIdentity(): Promise<ProcessIdentity> {
  const own = await identify(process.pid)
  if (own === undefined) throw new Error('this process is not in the process table')
  return own
}

/** Whether exactly this process still runs. A zombie does not; nor does another one that has got its pid. */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  const now = await identify(identity.pid)
  return now !== undefined && now.startTime === identity.startTime && now.bootId === identity.bootId
}

/**
 * The processes whose environment has the variable with that value (or with it as an element of a list separated by colons):
 * descendants that left their group are found by it. Own processes only; as root everybody's.
 */
export async function findByEnvironment(name: string, value: string): Promise<ProcessIdentity[]> {
  const entries = (await listProcesses()).filter((entry) => !entry.zombie)
  return Promise.all((await carriers(entries, name, value)).map(identityOf))
}

/** Those of the entries that carry the variable. `since` (Linux, clock ticks) passes over what started earlier, unread. */
export async function carriers(
  entries: ProcessEntry[],
  name: string,
  value: string,
  since?: string,
): Promise<ProcessEntry[]> {
  const earliest = process.platform === 'linux' && since !== undefined ? Number(since) : 0
  const pids = entries
    .filter((entry) => earliest === 0 || Number(entry.startTime) >= earliest)
    .map((entry) => entry.pid)
  const found = new Set(await filterByEnvironment(pids, name, value))
  return entries.filter((entry) => found.has(entry.pid))
}
