import { type Failure, failed, ok } from '../../../model/failure.ts'
import type { Handler } from '../../../model/platform.ts'
import { connectSupervisor, hasEnded } from '../client.ts'
import type { LocalContext } from '../context.ts'
import { endRecorded } from '../leftovers.ts'
import { readLocalState } from '../state.ts'
import { observedService } from '../supervisor/record.ts'
import { changedMeanwhile } from './start-service.ts'

/** Beyond the service's grace: for KILL, and for what needs time to be gone. */
const stopMs = 20_000

/** Stops a service and everything that it has started, also what has outlived its main process or its supervisor. */
export const stopService = (local: LocalContext): Handler<'stop-service'> => ({
  async run(op, context) {
    const { service, before } = op.data
    const { environment, folder } = local
    const state = await readLocalState(local)
    if (!state.ok) return state
    const record = state.value.records.find((one) => one.service === service)
    const other = before === null ? undefined : changedMeanwhile(record, before, undefined, service)
    if (other) return failed(other)
    const connected = await connectSupervisor(folder, local.supervisor)
    if (!connected.ok) return connected
    const client = connected.value
    if (!client) {
      const end = record?.group && (await endRecorded(record.group))
      if (!end || end.ended + end.left.length === 0) return ok({ message: 'was not running' })
      const left = end.left.map(({ pid }) => pid)
      return left.length > 0
        ? failed(notStopped(service, left))
        : ok({ message: 'stopped what its supervisor had left' })
    }
    try {
      const timeoutMs = stopMs + (record?.group?.graceMs ?? 0)
      const stopped = await client.request('stop', { environment, service }, { timeoutMs, signal: context.signal })
      if (!stopped.ok) return stopped
      client.close()
      const { killed, left, remaining } = stopped.value
      if (left.length > 0) return failed(notStopped(service, left))
      if (remaining === 0) await hasEnded(client.record)
      const message = killed
        ? `did not end within its grace of ${(record?.group?.graceMs ?? 0) / 1000}s and was killed`
        : undefined
      return ok(message === undefined ? {} : { message })
    } finally {
      client.close()
    }
  },

  async check(op) {
    const state = await readLocalState(local)
    if (!state.ok) return 'unknown'
    const record = state.value.records.find(({ service }) => service === op.data.service)
    if (!record) return 'done'
    const { status, pid, retrying } = observedService(record, Date.now())
    return status === 'running' || status === 'pending' || pid !== undefined || retrying ? 'pending' : 'done'
  },
})

const notStopped = (service: string, pids: number[]): Failure => ({
  code: 'service-not-stopped',
  message: `${service} could not be ended: pid ${pids.join(', ')} did not react to KILL`,
  why: "it is another user's process, or it hangs in the kernel (a disk or network file system that does not answer)",
  service,
  next: [`ps -o pid,user,stat,wchan,command -p ${pids.join(',')}`],
})
