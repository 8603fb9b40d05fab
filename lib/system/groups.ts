import { setTimeout as pause } from 'node:timers/promises'
import { groupMark, runMark } from './marks.ts'
import { bootId, carriers, identityOf, type ProcessIdentity } from './process-identity.ts'
import { listProcesses, type ProcessEntry, readProcess } from './process-table.ts'
import { signalGroup } from './watchdog.ts'

/** How ending processes went. */
export type Ended = {
  /** Whether the signal was not enough and KILL was sent. */
  killed: boolean
  /** What still runs five seconds after KILL (a process that hangs in the kernel, another user's): empty when all is well. */
  left: ProcessIdentity[]
}

/** How processes are ended. */
export type EndOptions = {
  /** The first signal; default SIGTERM. */
  signal?: NodeJS.Signals
  /** How long after it KILL is sent; default 10 s. */
  graceMs?: number
}

/** Who belongs to a group. */
export type GroupScope = {
  group: number
  /** The value of VITAL_OPS_GROUP that its processes carry; without it only the group and its session are looked at. */
  mark?: string
  /** The leader's start time: nothing that started earlier is looked into. */
  since?: string
}

const defaultGraceMs = 10_000
const unkillableMs = 5_000

/**
 * Everything alive that belongs to a group: the group itself, its session (shells with job control make more groups), and whoever
 * carries its mark (setsid(2) leaves both).
 */
export async function groupMembers(scope: GroupScope): Promise<ProcessEntry[]> {
  const { group, mark, since } = scope
  const entries = (await listProcesses()).filter((entry) => !entry.zombie && entry.pid !== process.pid)
  const marked = mark === undefined ? [] : await carriers(entries, groupMark, mark, since)
  const members = new Set([...entries.filter((entry) => entry.group === group || entry.session === group), ...marked])
  return [...members]
}

/**
 * Ends a process group: the signal to all its members, KILL to what is left after the grace. Resolves when nobody of it lives. With
 * `target: 'leader'` the first signal goes to the leader alone, and what the leader leaves behind is killed at once.
 */
export async function endGroup(
  scope: number | GroupScope,
  options: EndOptions & { target?: 'group' | 'leader' } = {},
): Promise<Ended> {
  const { group, ...rest } = typeof scope === 'number' ? { group: scope } : scope
  const find = () => groupMembers({ group, ...rest })
  const leaderOnly = options.target === 'leader'
  return endAll(find, {
    ...options,
    first(members, signal) {
      if (leaderOnly && members.some((entry) => entry.pid === group)) {
        signalEntries(
          members.filter((entry) => entry.pid === group),
          signal,
        )
        return
      }
      // One call for the whole group: none of its members can fork its way past it.
      if (members.some((entry) => entry.group === group)) {
        signalGroup(group, signal)
        signalGroup(group, 'SIGCONT')
      }
      signalEntries(
        members.filter((entry) => entry.group !== group),
        signal,
      )
    },
    hurry: leaderOnly ? (members) => !members.some((entry) => entry.pid === group) : undefined,
  })
}

/** Ends exactly this process, never another one that has got its pid. */
export async function endIdentity(identity: ProcessIdentity, options: EndOptions = {}): Promise<Ended> {
  const sameBoot = identity.bootId === (await bootId())
  const find = async () => {
    const entry = sameBoot ? await readProcess(identity.pid) : undefined
    return entry && !entry.zombie && entry.startTime === identity.startTime ? [entry] : []
  }
  return endAll(find, { ...options, first: signalEntries })
}

/**
 * Ends everything that carries VITAL_OPS_RUN=<run> in its environment, and waits until it is gone: what a holder that died has left
 * working. This process and those that started it are spared.
 */
export async function endRun(run: string, options: EndOptions = {}): Promise<Ended> {
  return endAll(() => runMembers(run), { ...options, first: signalEntries })
}

/** Everything alive that carries VITAL_OPS_RUN=<run>, without this process and those that started it. */
export async function runMembers(run: string): Promise<ProcessEntry[]> {
  const spared = await ancestors()
  const entries = (await listProcesses()).filter((entry) => !entry.zombie && !spared.has(entry.pid))
  return carriers(entries, runMark, run)
}

async function ancestors(): Promise<Set<number>> {
  const found = new Set<number>()
  for (let pid = process.pid; pid > 0 && !found.has(pid); ) {
    found.add(pid)
    pid = (await readProcess(pid))?.parent ?? 0
  }
  return found
}

type EndPlan = EndOptions & {
  first(members: ProcessEntry[], signal: NodeJS.Signals): void
  /** Whether to go on to KILL before the grace is over. */
  hurry?: ((members: ProcessEntry[]) => boolean) | undefined
}

/**
 * The first signal goes to those alive at the beginning; helpers that they start to clean up are left to it. KILL goes to everyone
 * found, again and again. A process in the middle of execve(2) has no environment for a moment and is missed by a scan, so both the beginning
 * and the end are looked at twice.
 */
async function endAll(find: () => Promise<ProcessEntry[]>, plan: EndPlan): Promise<Ended> {
  const { signal = 'SIGTERM', graceMs = defaultGraceMs } = plan
  const begin = performance.now()
  const first = await find()
  const pids = new Set(first.map(({ pid }) => pid))
  first.push(...(await find()).filter(({ pid }) => !pids.has(pid)))
  if (first.length === 0) return { killed: false, left: [] }
  plan.first(first, signal)

  let killedAt: number | undefined
  let wait = 2
  for (let empty = 0; ; ) {
    const members = await find()
    empty = members.length === 0 ? empty + 1 : 0
    if (empty === 2) return { killed: killedAt !== undefined, left: [] }
    if (empty === 1) continue
    if (killedAt !== undefined || performance.now() - begin >= graceMs || plan.hurry?.(members)) {
      killedAt ??= performance.now()
      signalEntries(members, 'SIGKILL')
      if (performance.now() - killedAt > unkillableMs) {
        return { killed: true, left: await Promise.all(members.map(identityOf)) }
      }
    }
    await pause(wait)
    wait = Math.min(wait * 1.5, 50)
  }
}

/** Signals processes one by one. Each was read from the process table a moment ago; a pid is not used again as fast as that. */
function signalEntries(entries: ProcessEntry[], signal: NodeJS.Signals): void {
  for (const entry of entries) {
    try {
      process.kill(entry.pid, signal)
      // A stopped process acts on a signal only when it goes on.
      if (signal !== 'SIGKILL' && signal !== 'SIGCONT') process.kill(entry.pid, 'SIGCONT')
    } catch {
      // It has ended meanwhile, or is another user's: then it is among `left` at the end.
    }
  }
}
