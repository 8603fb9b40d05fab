import { dropSlots, unlimitSlots } from '../../../backup/wal/slot.ts'
import { applicationName, withDatabase } from '../../../database/connect.ts'
import { ok, type Result } from '../../../model/failure.ts'
import type { DatabaseAdministrator, Handler } from '../../../model/platform.ts'
import { receiverName } from '../../../model/wal.ts'
import type { LocalContext } from '../context.ts'
import { stopService } from './stop-service.ts'

/** Ends what receives a server's WAL, and removes the slot: otherwise the server would keep its WAL for nobody. */
export const endWal = (
  local: LocalContext,
  administrator: (service: string) => Promise<Result<DatabaseAdministrator>>,
): Handler<'end-wal'> => {
  const stop = stopService(local)
  return {
    async run(op, context) {
      const { service } = op.data
      const name = receiverName(service)
      const stopped = await stop.run({ ...op, kind: 'stop-service', data: { service: name, before: null } }, context)
      if (!stopped.ok) return stopped
      const admin = await administrator(service)
      if (!admin.ok) return admin
      const address = { ...admin.value, database: 'postgres', applicationName: applicationName(context.run) }
      const dropped = await withDatabase({ ...address, signal: context.signal }, async (session) =>
        ok({ slots: await dropSlots(session), limited: await unlimitSlots(session) }),
      )
      if (!dropped.ok) return dropped
      const { slots, limited } = dropped.value
      const limit = limited ? ', and the limit of what the server keeps for it' : ''
      return ok({ message: `${slots === 0 ? 'there was no slot' : 'its slot is removed'}${limit}` })
    },
    check: async () => 'pending',
  }
}
