import type { Result } from '../../model/failure.ts'
import { failed, ok } from '../../model/failure.ts'
import { isAlive } from '../../system/process-identity.ts'
import { connectSupervisor } from './client.ts'
import type { LocalContext } from './context.ts'
import { survivorsOf } from './leftovers.ts'
import type { ServiceRecord } from './supervisor/record.ts'
import { isWanted, lostReason } from './supervisor/recover.ts'
import { readState } from './supervisor/state-file.ts'

/** The services of the environment as they are, whether a supervisor runs or not. */
export type LocalState = {
  records: ServiceRecord[]
  /** A supervisor died without ending its work; the next start says so and recovers. */
  died: boolean
}

/**
 * Reads what is known of the environment's services: from the supervisor, or from what a dead one has left, checked against the processes
 * that there are. Changes nothing.
 */
export async function readLocalState(local: LocalContext): Promise<Result<LocalState>> {
  const connected = await connectSupervisor(local.folder, local.supervisor)
  if (!connected.ok) return connected
  const client = connected.value
  if (client) {
    try {
      const status = await client.request('status', { environment: local.environment })
      if (status.ok) return ok({ records: status.value, died: false })
      // It has ended between the two.
      if (status.failures[0].code !== 'supervisor-connection-lost') return failed(...status.failures)
    } finally {
      client.close()
    }
  }
  const state = await readState(local.folder).catch(() => undefined)
  if (!state) return ok({ records: [], died: false })
  const records = state.services.filter(({ environment }) => environment === local.environment)
  if (state.ended || (await isAlive(state.supervisor))) return ok({ records, died: false })
  return ok({ records: await Promise.all(records.map(withoutSupervisor)), died: state.services.some(isWanted) })
}

/** A record whose supervisor is dead: what was to run has ended with it, or runs on without anybody who looks after it. */
async function withoutSupervisor(record: ServiceRecord): Promise<ServiceRecord> {
  const found = record.group ? await survivorsOf(record.group) : { all: [], otherBoot: false }
  const pids = found.all.map(({ pid }) => pid)
  if (!isWanted(record) && pids.length === 0) return { ...record, survivors: [] }
  const reason =
    pids.length > 0
      ? 'its supervisor died, and it runs without one'
      : lostReason('otherBoot' in found && found.otherBoot)
  return { ...record, phase: 'lost', survivors: pids, health: 'unknown', crashLoop: false, reason }
}
