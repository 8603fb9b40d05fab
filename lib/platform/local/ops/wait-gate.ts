import { isDeepStrictEqual } from 'node:util'
import { type Failure, failed, ok, type Result } from '../../../model/failure.ts'
import type { OpOf } from '../../../model/op.ts'
import type { Handler, OpContext, OpResult } from '../../../model/platform.ts'
import { gateFailed } from '../../service-failures.ts'
import { connectSupervisor, type SupervisorClient } from '../client.ts'
import type { LocalContext } from '../context.ts'
import type { GatedProcess } from '../gate.ts'
import { type GateEnd, type GateInputs, runGate } from '../gate-run.ts'
import { tailLog } from '../logs.ts'
import { probesOf, probeTarget } from '../prepare.ts'
import { readLocalState } from '../state.ts'
import { attemptAll } from '../supervisor/health.ts'
import { exitText, type ServiceRecord } from '../supervisor/record.ts'

/** How many of its last log lines a failed gate shows. */
const shownLines = 50

/** Waits until a service is ready, or fails with the cause and the last lines of its log. */
export const waitGate = (local: LocalContext): Handler<'wait-gate'> => ({
  async run(op, context) {
    const connected = await connectSupervisor(local.folder, local.supervisor)
    if (!connected.ok) return connected
    if (!connected.value) return afterSupervisor(local, op)
    try {
      return await waitFor(local, op, context, connected.value)
    } finally {
      connected.value.close()
    }
  },

  async check(op) {
    const state = await readLocalState(local)
    if (!state.ok) return 'unknown'
    const record = state.value.records.find(({ service }) => service === op.data.service)
    // Whether a running service is ready is only known by asking it anew.
    return op.data.spec.oneShot && record?.phase === 'ended' && record.exit?.status === 0 ? 'done' : 'unknown'
  },
})

/** A one-shot service may have ended, and its supervisor with it, before the gate was opened. */
async function afterSupervisor(local: LocalContext, { data }: OpOf<'wait-gate'>): Promise<Result<OpResult>> {
  const state = await readLocalState(local)
  if (!state.ok) return state
  const record = state.value.records.find(({ service }) => service === data.service)
  const process = gatedProcess(record)
  if (process.kind === 'finished' && data.spec.oneShot) return ok({ message: 'ran to its end' })
  const cause = process.kind === 'dead' ? process.cause : 'it is not running'
  return failed(await gateFailure(local, data.service, cause, record))
}

async function waitFor(
  local: LocalContext,
  { data: { service, spec } }: OpOf<'wait-gate'>,
  context: OpContext,
  client: SupervisorClient,
): Promise<Result<OpResult>> {
  const target = await probeTarget(local, spec, context.secrets)
  if (!target.ok) return target
  let record: ServiceRecord | undefined
  let lost = false
  let wake = () => {}
  const subscribed = await client.subscribe(
    local.environment,
    (changed) => {
      if (changed.service !== service) return
      const before = record
      record = changed
      // What the supervisor's own probes find changes the record too, and must not cut short an attempt of ours.
      if (!isDeepStrictEqual(gatedProcess(before), gatedProcess(changed))) wake()
    },
    { signal: context.signal },
  )
  if (!subscribed.ok) return subscribed
  record ??= subscribed.value.find((one) => one.service === service)
  void client.closed.then(() => {
    lost = true
    wake()
  })
  const inputs: GateInputs = {
    process: () =>
      lost && !isFinal(record) ? { kind: 'dead', cause: 'its supervisor has ended' } : gatedProcess(record),
    changed: () =>
      new Promise((resolve) => {
        wake = resolve
      }),
    attempt: (signal) => attemptAll(probesOf(spec), target.value.target, signal),
    progress: ({ passed, message }) => context.output(passed ? message : `not ready yet: ${message}`),
  }
  const { passes, intervalMs, deadlineMs } = spec.health
  const rule = { passes, intervalMs, deadlineMs, oneShot: spec.oneShot }
  const begin = local.clock.now()
  const end = await runGate(rule, inputs, local.clock, context.signal)
  if (!end) return failed(givenUp(service))
  return conclude(local, service, record, end, client, local.clock.now() - begin)
}

async function conclude(
  local: LocalContext,
  service: string,
  record: ServiceRecord | undefined,
  { verdict, gate }: GateEnd,
  client: SupervisorClient,
  tookMs: number,
): Promise<Result<OpResult>> {
  if (verdict.kind === 'failed') return failed(await gateFailure(local, service, verdict.cause, record))
  const startedAt = record?.startedAt
  if (startedAt !== undefined) await client.request('settle', { environment: local.environment, service, startedAt })
  const seconds = `${(tookMs / 1000).toFixed(1)}s`
  return ok({
    message: gate.rule.oneShot
      ? `ran to its end, waited ${seconds}`
      : `ready after ${seconds}, ${gate.attempts} attempts`,
  })
}

const givenUp = (service: string): Failure => ({
  code: 'aborted',
  message: `the gate of ${service} was given up, because the command was interrupted`,
  service,
})

const isFinal = (record: ServiceRecord | undefined): boolean => record?.phase === 'ended'

/** What a record says to a gate. A crash loop is not waited for, though the supervisor goes on with it. */
export function gatedProcess(record: ServiceRecord | undefined): GatedProcess {
  if (!record) return { kind: 'dead', cause: 'it was not started' }
  const { phase, crashLoop, reason, exit } = record
  const cause = reason ?? (exit ? `its process ${exitText(exit)}` : 'it is not running')
  if (crashLoop) return { kind: 'dead', cause }
  switch (phase) {
    case 'up':
      return { kind: 'alive', instance: record.startedAt ?? '' }
    case 'starting':
    case 'waiting':
      return { kind: 'restarting', cause }
    case 'ended':
      return exit?.status === 0 ? { kind: 'finished' } : { kind: 'dead', cause }
    case 'stopping':
    case 'stopped':
      return { kind: 'dead', cause: 'somebody has stopped it meanwhile' }
    case 'lost':
      return { kind: 'dead', cause }
  }
}

async function gateFailure(
  local: LocalContext,
  service: string,
  cause: string,
  record: ServiceRecord | undefined,
): Promise<Failure> {
  const lines = record
    ? await tailLog(local.folder, local.environment, service, { lines: shownLines, since: record.requestedAt })
    : []
  return gateFailed(service, cause, lines)
}
