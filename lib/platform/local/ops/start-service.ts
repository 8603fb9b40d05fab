import { endServer, runningServer } from '../../../database/engine/running.ts'
import type { Fingerprint } from '../../../model/desired.ts'
import { type Failure, failed, ok, type Result } from '../../../model/failure.ts'
import type { OpOf } from '../../../model/op.ts'
import type { Handler, OpContext, OpResult } from '../../../model/platform.ts'
import { type SupervisorClient, withSupervisor } from '../client.ts'
import type { LocalContext } from '../context.ts'
import { clusterFolder, type EnginePlace, enginePlace } from '../database-access.ts'
import { blockedPort } from '../port-conflicts.ts'
import { prepareStart } from '../prepare.ts'
import { readLocalState } from '../state.ts'
import { observedService, type ServiceRecord } from '../supervisor/record.ts'

/** How long starting may take beyond the old one's grace. */
const startMs = 30_000

/** Starts a service under the supervisor, or replaces the running one. */
export const startService = (local: LocalContext): Handler<'start-service'> => ({
  async run(op, context) {
    const { service, spec } = op.data
    const state = await readLocalState(local)
    if (!state.ok) return state
    const record = state.value.records.find((one) => one.service === service)
    if (isAsWanted(record, op)) return ok({ message: 'runs already' })
    const other = changedMeanwhile(record, op.data.before, op.data.fingerprint, service)
    if (other) return failed(other)
    // Asked before the old one is stopped.
    const blocked = await blockedPort(spec, record, state.value.records)
    if (blocked) return failed(blocked)
    return withSupervisor<OpResult>(local.folder, local.supervisor, (client, notices) => {
      for (const notice of notices) context.output(notice)
      return start(local, op, context, client)
    })
  },

  async check(op) {
    const state = await readLocalState(local)
    if (!state.ok) return 'unknown'
    return isAsWanted(
      state.value.records.find(({ service }) => service === op.data.service),
      op,
    )
      ? 'done'
      : 'pending'
  },
})

async function start(
  local: LocalContext,
  { data: { service, spec, fingerprint } }: OpOf<'start-service'>,
  context: OpContext,
  client: SupervisorClient,
): Promise<Result<OpResult>> {
  const { signal } = context
  const engine = enginePlace(spec)
  const cleared = engine ? await clearServer(local, engine, spec.graceMs, context, client) : ok(undefined)
  if (!cleared.ok) return cleared
  const prepared = await prepareStart(local, spec, context.secrets, signal)
  if (!prepared.ok) return prepared
  const request = { ...prepared.value, fingerprint }
  const started = await client.request('start', request, { timeoutMs: startMs + spec.graceMs, signal })
  if (!started.ok) return failed({ ...started.failures[0], service })
  return ok({ message: `pid ${started.value.group?.identity.pid}` })
}

/** Two servers on one data folder would destroy it: the old one ends before the new one's start is prepared. */
async function clearServer(
  local: LocalContext,
  engine: EnginePlace,
  graceMs: number,
  context: OpContext,
  client: SupervisorClient,
): Promise<Result<void>> {
  const { service } = engine
  const options = { timeoutMs: startMs + graceMs, signal: context.signal }
  const stopped = await client.request('stop', { environment: local.environment, service }, options)
  if (!stopped.ok) return stopped
  const data = await clusterFolder(local, engine)
  const pid = data.ok ? await runningServer(data.value) : undefined
  if (!data.ok || pid === undefined) return ok(undefined)
  context.output(`a server that no supervisor knows works on the data of ${service} (pid ${pid}); it is ended`)
  await endServer(data.value, graceMs)
  return ok(undefined)
}

/** Whether the service runs, or has run to its end, with exactly what is wanted. */
function isAsWanted(record: ServiceRecord | undefined, { data }: OpOf<'start-service'>): boolean {
  if (!record || !sameParts(record.fingerprint, data.fingerprint)) return false
  const { source, oneShot } = data.spec
  if (record.release !== (source.kind === 'release' ? source.release : undefined)) return false
  const { status, exit } = observedService(record, Date.now())
  return status === 'running' || status === 'pending' || (oneShot && status === 'stopped' && exit?.status === 0)
}

/**
 * Whether something else runs than what the plan was made for. A service that does not run any more is no reason to stop: nothing of
 * anybody's is overwritten.
 */
export function changedMeanwhile(
  record: ServiceRecord | undefined,
  before: Fingerprint | null,
  after: Fingerprint | undefined,
  service: string,
): Failure | undefined {
  if (!record) return undefined
  const { status } = observedService(record, Date.now())
  if (status !== 'running' && status !== 'pending') return undefined
  if (before !== null && (Object.keys(before).length === 0 || sameParts(record.fingerprint, before))) return undefined
  if (after && sameParts(record.fingerprint, after)) return undefined
  return {
    code: 'changed-meanwhile',
    message: `${service} was started or replaced since the plan was made`,
    why: 'somebody else works on this environment',
    service,
    next: ['task services status', 'run the command again: it plans anew'],
    outcome: 'unchanged',
  }
}

const sameParts = (one: Fingerprint, other: Fingerprint): boolean => {
  const names = new Set([...Object.keys(one), ...Object.keys(other)])
  return [...names].every((name) => one[name] === other[name])
}
