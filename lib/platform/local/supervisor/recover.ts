import { endRecorded } from '../leftovers.ts'
import type { Recovered } from './protocol.ts'
import type { ServiceRecord } from './record.ts'
import { readState } from './state-file.ts'

/** Why a service that a dead supervisor had does not run. */
export const lostReason = (otherBoot: boolean): string =>
  otherBoot ? 'the machine was started anew' : 'its supervisor died, which ended it'

/**
 * What a new supervisor takes over from the last one: the records, and the end of every process that a dead one has left. A pid that is
 * another process's now is left alone.
 */
export async function recover(folder: string): Promise<{ records: ServiceRecord[]; recovered: Recovered[] }> {
  const state = await readState(folder).catch(() => undefined)
  if (!state) return { records: [], recovered: [] }
  const recovered: Recovered[] = []
  const records = await Promise.all(
    state.services.map(async (record): Promise<ServiceRecord> => {
      const wasUp = isWanted(record)
      if (!record.group) return wasUp ? lost(record, false) : record
      const end = await endRecorded(record.group)
      const left = end.left.map(({ pid }) => pid)
      const { environment, service } = record
      if (wasUp || end.ended > 0) {
        recovered.push({ environment, service, ended: end.ended, left, otherBoot: end.otherBoot })
      }
      return wasUp ? lost(record, end.otherBoot, left) : record
    }),
  )
  return { records, recovered }
}

/** Whether a record says that the service was to run when it was written. */
export const isWanted = ({ phase }: ServiceRecord): boolean =>
  phase === 'starting' || phase === 'up' || phase === 'waiting' || phase === 'stopping'

function lost({ group, ...record }: ServiceRecord, otherBoot: boolean, left: number[] = []): ServiceRecord {
  const reason = lostReason(otherBoot)
  return {
    ...record,
    ...(left.length > 0 && group && { group }),
    phase: 'lost',
    survivors: left,
    health: 'unknown',
    crashLoop: false,
    reason: left.length > 0 ? `${reason}; pid ${left.join(', ')} could not be ended` : reason,
    last_updated: new Date().toISOString(),
  }
}
