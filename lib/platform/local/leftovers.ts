import { endGroup, endIdentity, groupMembers } from '../../system/groups.ts'
import { groupMark } from '../../system/marks.ts'
import { bootId, findByEnvironment, isAlive, type ProcessIdentity } from '../../system/process-identity.ts'
import type { GroupRecord } from './supervisor/record.ts'

/** What still lives of a recorded group. */
export type Survivors = { leader: boolean; all: ProcessIdentity[]; otherBoot: boolean }

/**
 * Who of a recorded group still lives. A pid that is another process's now is never taken for ours: with the leader alive its whole group
 * counts; without it the group's id may have been given to somebody else, and only processes that carry our mark count.
 */
export async function survivorsOf(group: GroupRecord): Promise<Survivors> {
  const { identity, mark } = group
  if (identity.bootId !== (await bootId())) return { leader: false, all: [], otherBoot: true }
  if (!(await isAlive(identity)))
    return { leader: false, all: await findByEnvironment(groupMark, mark), otherBoot: false }
  const members = await groupMembers({ group: identity.pid, mark, since: identity.startTime })
  const all = members.map(({ pid, startTime }) => ({ pid, startTime, bootId: identity.bootId }))
  return { leader: true, all, otherBoot: false }
}

/** Ends what lives of a recorded group, as its service asks to be ended. Resolves with how many there were, and who is left. */
export async function endRecorded(
  group: GroupRecord,
): Promise<{ ended: number; left: ProcessIdentity[]; killed: boolean; otherBoot: boolean }> {
  const { identity, mark, stopSignal, stopTarget, graceMs } = group
  const { leader, all, otherBoot } = await survivorsOf(group)
  if (all.length === 0) return { ended: 0, left: [], killed: false, otherBoot }
  const options = { signal: stopSignal, graceMs }
  if (leader) {
    const scope = { group: identity.pid, mark, since: identity.startTime }
    const ended = await endGroup(scope, { ...options, target: stopTarget })
    return { ended: all.length - ended.left.length, ...ended, otherBoot }
  }
  const ends = await Promise.all(all.map((survivor) => endIdentity(survivor, options)))
  const left = ends.flatMap((end) => end.left)
  return { ended: all.length - left.length, left, killed: ends.some((end) => end.killed), otherBoot }
}
