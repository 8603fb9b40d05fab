import { setTimeout as pause } from 'node:timers/promises'
import { table } from '../../lib/log/table.ts'
import type { DesiredService } from '../../lib/model/desired.ts'
import { formatDuration } from '../../lib/model/duration.ts'
import type { PlatformName } from '../../lib/model/environment.ts'
import type { ProbeResult } from '../../lib/model/probe.ts'
import { finish, type TaskContext, type View } from '../../lib/task/definition.ts'
import type { Scope } from './flags.ts'
import { openNamed, type Session } from './session.ts'
import { watching } from './watching.ts'

type Arguments = {
  readonly environment: string
  readonly platform?: PlatformName | undefined
  readonly wait?: number | undefined
  readonly watch: boolean
}
type Row = ProbeResult & { service: string; probe: string; optional: boolean }

/** `task health-check`: all probes of all services at once. Never changes anything. */
export async function runHealthCheck(scope: Scope, context: TaskContext & { args: Arguments }) {
  const { args } = context
  const session = await openNamed(scope, context, 'record')
  if (args.watch) {
    const last = await watching(context, async () => report(session, await check(session, context.signal)))
    if (last) return finish(last.healthy ? 'done' : 'failed', last)
  }
  const deadline = performance.now() + (args.wait ?? 0)
  let rows = await check(session, context.signal)
  while (!healthy(rows) && performance.now() < deadline && !context.signal.aborted) {
    await pause(500, undefined, { signal: context.signal }).catch(() => undefined)
    rows = await check(session, context.signal)
  }
  rows = [...rows, ...(await backupRow(session))]
  return finish(healthy(rows) ? 'done' : 'failed', report(session, rows))
}

const healthy = (rows: Row[]): boolean => rows.every(({ passed, optional }) => passed || optional)

/** Every probe with its own deadline; a service without probes is healthy when it runs. */
async function check(session: Session, signal: AbortSignal): Promise<Row[]> {
  const { runProbe } = await import('../../lib/probes/index.ts')
  const states = await session.platform.status(signal)
  const rows = session.desired.services.map(async (service): Promise<Row[]> => {
    const state = states.find((entry) => entry.service === service.name)
    const optional = isOptional(session, service)
    if (!service.spec) {
      return [{ ...absent(service.unavailable ?? 'unavailable'), service: service.name, probe: '', optional: true }]
    }
    if (state?.status !== 'running') {
      const finished = service.spec.oneShot && state?.exit?.status === 0
      const message = finished ? 'ran to its end' : (state?.reason ?? state?.status ?? 'stopped')
      return [{ passed: finished, message, latencyMs: 0, service: service.name, probe: 'process', optional }]
    }
    const { probes, target } = await session.probesOf(service.name, states)
    if (probes.length === 0) {
      return [{ passed: true, message: 'running', latencyMs: 0, service: service.name, probe: 'process', optional }]
    }
    return Promise.all(
      probes.map(async (probe) => ({
        ...(await runProbe(probe, target, signal)),
        service: service.name,
        probe: probe.name ?? probe.type,
        optional,
      })),
    )
  })
  return (await Promise.all(rows)).flat()
}

/** The backups, as one that fails nothing: services are healthy without. `task backup check` is what fails. */
async function backupRow(session: Session): Promise<Row[]> {
  const { backupHealth } = await import('./backup-age.ts')
  const found = await backupHealth(session)
  if (!found) return []
  const { passed, message } = found
  return [{ passed, message, latencyMs: 0, service: 'backup', probe: 'verified', optional: true }]
}

const absent = (why: string): ProbeResult => ({ passed: false, message: `unavailable: ${why}`, latencyMs: 0 })

/** A service that others only use optionally degrades them and fails nothing. */
const isOptional = (session: Session, service: DesiredService): boolean => {
  const uses = session.desired.services.flatMap(({ dependencies }) =>
    dependencies.filter((dependency) => dependency.service === service.name),
  )
  return uses.length > 0 && uses.every(({ optional }) => optional)
}

function report(session: Session, rows: Row[]) {
  return {
    environment: session.desired.environment,
    healthy: healthy(rows),
    checks: rows,
    text: (view: View) =>
      table(
        ['service', 'probe', 'result', 'latency', 'message'],
        rows.map(({ service, probe, passed, optional, latencyMs, message }) => [
          service,
          probe,
          passed ? 'passed' : optional ? 'degraded' : 'FAILED',
          latencyMs > 0 ? formatDuration(latencyMs) : '',
          message,
        ]),
        view,
      ),
  }
}
