import type { Fingerprint } from '../../../model/desired.ts'
import type { HealthStatus, ObservedService, ServiceStatus } from '../../../model/snapshot.ts'
import type { ProcessIdentity } from '../../../system/process-identity.ts'

/** What a supervised service does. */
export type Phase =
  /** Its process is being started. */
  | 'starting'
  /** Its main process lives. */
  | 'up'
  /** Its main process ended, and the next start is due. */
  | 'waiting'
  /** It is being ended because somebody asked for it. */
  | 'stopping'
  /** It was ended because somebody asked for it. */
  | 'stopped'
  /** It ended, or could not be started, and is not started again. */
  | 'ended'
  /** It ended with its supervisor. */
  | 'lost'

/** A process group of a service, with what is needed to end it even when its supervisor is gone. */
export type GroupRecord = {
  /** The main process, which is the group's leader. */
  identity: ProcessIdentity
  /** The value of VITAL_OPS_GROUP in its processes' environment. */
  mark: string
  stopSignal: NodeJS.Signals
  stopTarget: 'group' | 'leader'
  graceMs: number
}

/** A service as its supervisor records it, on disk and on the wire. Times are ISO 8601. Holds no secret. */
export type ServiceRecord = {
  environment: string
  service: string
  fingerprint: Fingerprint
  ports: Record<string, number>
  /** The release that it runs; absent for the working tree. */
  release?: number
  /** The major version of the embedded engine that it is. */
  engine?: number
  oneShot: boolean
  phase: Phase
  /** The group of the newest start, as long as anyone of it may live. */
  group?: GroupRecord
  /** Who of the group lives on after the main process has ended. */
  survivors: number[]
  /** When the start was asked for. */
  requestedAt: string
  /** When the newest process was started. */
  startedAt?: string
  /** Starts after the first one. */
  restarts: number
  exit?: { status: number; signal?: string; at: string }
  /** It ends again and again, and is still retried. */
  crashLoop: boolean
  health: HealthStatus
  /** Whether it was healthy once since its newest start, or has had the time to become so. */
  settled: boolean
  /** Why it is in `error` or unhealthy, one line. */
  reason?: string
  last_updated: string
}

/** The key of a service within its workspace. */
export const serviceKey = ({ environment, service }: Pick<ServiceRecord, 'environment' | 'service'>): string =>
  `${environment}/${service}`

/** A record as `status` and the planners see it, at the time `now` in milliseconds since 1970. */
export function observedService(record: ServiceRecord, now: number): ObservedService {
  const { phase, group, survivors, startedAt, release, exit, reason } = record
  const status = statusOf(record)
  const leaderLives = phase === 'up' || phase === 'stopping'
  const pid = leaderLives ? group?.identity.pid : survivors[0]
  return {
    service: record.service,
    status,
    health: phase === 'up' ? record.health : 'unknown',
    ...(reason !== undefined && { reason }),
    ports: record.ports,
    ...(pid !== undefined && { pid }),
    ...(startedAt !== undefined && { startedAt }),
    ...(phase === 'up' && startedAt !== undefined && { uptimeMs: Math.max(0, now - Date.parse(startedAt)) }),
    restarts: record.restarts,
    ...(exit && { exit: { status: exit.status, at: exit.at } }),
    ...(release !== undefined && { release }),
    last_updated: record.last_updated,
    fingerprint: record.fingerprint,
    ...((phase === 'starting' || phase === 'waiting') && { retrying: true as const }),
  }
}

function statusOf({ phase, crashLoop, settled, exit, survivors, oneShot }: ServiceRecord): ServiceStatus {
  switch (phase) {
    case 'starting':
    case 'waiting':
      return crashLoop ? 'error' : 'pending'
    case 'up':
      return crashLoop ? 'error' : settled ? 'running' : 'pending'
    case 'stopping':
      return 'pending'
    case 'stopped':
      return survivors.length > 0 ? 'error' : 'stopped'
    case 'lost':
      return 'error'
    case 'ended':
      return exit?.status === 0 && (survivors.length === 0 || oneShot) ? 'stopped' : 'error'
  }
}

/** How an exit reads in a reason: `ended with status 7`, `was ended by SIGKILL`. */
export const exitText = (exit: { status: number; signal?: string }): string =>
  exit.signal === undefined ? `ended with status ${exit.status}` : `was ended by ${exit.signal}`
