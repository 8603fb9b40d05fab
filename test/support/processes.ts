import { readdir, readFile } from 'node:fs/promises'

/** A process that is alive, and not a zombie. */
export type LiveProcess = { pid: number; parent: number; command: string }

/**
 * The live processes whose environment or command line contains `marker`, without this one. For leak checks; only on systems with
 * /proc, elsewhere none. A process that overwrote both (PostgreSQL's children) is not seen, its parent is.
 */
export async function processesWith(marker: string): Promise<LiveProcess[]> {
  const all = await allProcesses()
  const found: LiveProcess[] = []
  for (const entry of all) {
    if (entry.pid === process.pid) continue
    const environment = await readFile(`/proc/${entry.pid}/environ`, 'latin1').catch(() => '')
    if (environment.includes(marker) || entry.command.includes(marker)) found.push(entry)
  }
  return found
}

/** Sends a signal to a process group; one that is gone is fine. */
export function killGroup(leader: number | undefined, signal: NodeJS.Signals): void {
  if (leader === undefined) return
  try {
    process.kill(-leader, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Kills a process, its group if it leads one, and all its descendants, also those in groups of their own. */
export async function killTree(root: number, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  const all = await allProcesses()
  const tree = [root]
  for (const pid of tree) tree.push(...all.filter(({ parent }) => parent === pid).map((child) => child.pid))
  killGroup(root, signal)
  for (const pid of tree) {
    try {
      process.kill(pid, signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

/** All live processes that /proc shows. */
async function allProcesses(): Promise<LiveProcess[]> {
  const names = await readdir('/proc').catch(() => [])
  const found = await Promise.all(
    names
      .filter((name) => /^\d+$/.test(name))
      .map(async (name) => {
        const [stat, command] = await Promise.all([
          readFile(`/proc/${name}/stat`, 'latin1').catch(() => ''),
          readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => ''),
        ])
        // The second field is the command in parentheses and may hold any character; the state and the parent follow it.
        const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        if (!state || state === 'Z' || state === 'X') return []
        return [{ pid: Number(name), parent: Number(parent), command: command.replaceAll('\0', ' ').trim() }]
      }),
  )
  return found.flat()
}
