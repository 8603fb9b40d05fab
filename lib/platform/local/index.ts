import type { BackupPorts } from '../../backup/context.ts'
import { backupHandlers } from '../../backup/handlers.ts'
import { makeFolders } from '../../database/engine/native.ts'
import { type DatabasePorts, databaseHandlers } from '../../database/handlers.ts'
import { KnownFiles, knownFilesPath } from '../../database/known-files.ts'
import type { DesiredDatabase, RunSpec } from '../../model/desired.ts'
import { FailureError, failed, ok, type Result } from '../../model/failure.ts'
import type { OpKindName } from '../../model/op.ts'
import type { DatabaseAdministrator, Endpoint, Handler, Platform, SecretSource } from '../../model/platform.ts'
import type { ProbeTarget } from '../../model/probe.ts'
import type { Secret } from '../../model/secret.ts'
import type { PortAssignments } from '../../plan/ports.ts'
import { type Clock, systemClock } from '../../system/clock.ts'
import { noSuchPort, notRunning } from '../service-failures.ts'
import type { SupervisorOptions } from './client.ts'
import type { LocalContext } from './context.ts'
import { ensureDataFolder } from './data-root.ts'
import { adminAddress } from './database-access.ts'
import { endLeftoversOf } from './end-leftovers.ts'
import { externalAdministrator } from './external-database.ts'
import { localLock } from './lock.ts'
import { readLogs } from './logs.ts'
import { observedServices, observeLocal } from './observe.ts'
import { endWal } from './ops/end-wal.ts'
import { exportSource } from './ops/export-source.ts'
import { pruneReleases } from './ops/prune-releases.ts'
import { receiveWal } from './ops/receive-wal.ts'
import { runBuild } from './ops/run-build.ts'
import { sendNotification } from './ops/send-notification.ts'
import { startService } from './ops/start-service.ts'
import { stopService } from './ops/stop-service.ts'
import { waitGate } from './ops/wait-gate.ts'
import { opsFolder } from './paths.ts'
import { preflightLocal } from './preflight.ts'
import { locate, probeTarget, sourceFolder } from './prepare.ts'
import { localReleases } from './releases.ts'
import { readLocalState } from './state.ts'

/** Kinds of ops that belong to no platform, or to two: whoever runs tasks and writes configuration brings their handlers. */
type InjectedKind = 'run-hook' | 'write-env' | 'sync-data'
/** Kinds that only an engine with containers, or a cluster, has. */
type ContainerKind =
  | 'ensure-network'
  | 'pull-image'
  | 'push-image'
  | 'drop-replaced'
  | 'bring-back'
  | 'remove-leftover'
  | 'set-maintenance'
  | 'apply-object'
  | 'remove-object'
  | 'shift-replicas'
  | 'switch-traffic'
  | 'drop-colour'
  | 'apply-routes'
  | 'apply-pull-secret'
/** The handlers that the platform has itself: a kind that is forgotten does not compile. */
export type LocalHandlers = { [K in Exclude<OpKindName, InjectedKind | ContainerKind>]: Handler<K> }
/** The handlers that are brought along. */
export type InjectedHandlers = { [K in InjectedKind]?: Handler<K> }

/** What the local platform is made of. */
export type LocalPlatformOptions = {
  /** The workspace's folder, absolute. */
  folder: string
  workspaceId: string
  /** For people; default is the id. */
  workspaceName?: string
  /** `dev`, or `production@local` for a rehearsal. */
  environment: string
  /** For looking at the database, and for checks; ops are given their own. */
  secrets: SecretSource
  /** What no log may hold, besides each service's own secrets. */
  redactable?: readonly Secret[]
  injected?: InjectedHandlers
  /** Told of what takes longer than a moment, e.g. that a silent holder of the lock is watched. */
  say?(text: string): void
  supervisor?: SupervisorOptions
  clock?: Clock
  /** Ports that this machine uses in place of declared ones: releases are observed as they run here. */
  ports?: PortAssignments
  /** The environment's database: with a `url` it is reached there. */
  database?: Pick<DesiredDatabase, 'service' | 'name' | 'url'>
}

/** The platform, and what probes of its services look at. */
export type LocalPlatform = Platform & {
  /** Where a service's probes look, with the values that they must not show. Failures: `secret-missing`. */
  probeTarget(spec: RunSpec): Promise<Result<{ target: ProbeTarget; secrets: string[] }>>
}

/** One environment on this machine: processes under a supervisor, releases and lock as files of the workspace. */
export function createLocalPlatform(options: LocalPlatformOptions): LocalPlatform {
  const { folder, workspaceId, environment, secrets, injected = {}, say, database } = options
  const local: LocalContext = {
    folder,
    workspaceId,
    workspaceName: options.workspaceName ?? workspaceId,
    environment,
    releases: localReleases(opsFolder(folder), environment),
    ports: options.ports ?? {},
    supervisor: options.supervisor ?? {},
    clock: options.clock ?? systemClock,
    hidden: (options.redactable ?? []).map((secret) => secret.reveal()),
    ...(database?.url !== undefined && {
      external: { service: database.service, administrator: () => externalAdministrator(database, secrets) },
    }),
  }
  return {
    observe: (desired, how) => observeLocal(local, desired, secrets, how),
    preflight: (plan, desired, signal) => preflightLocal(local, plan, desired, secrets, signal),
    handlers: { ...localHandlers(local), ...injected },
    lock: localLock({ ops: opsFolder(folder), environment, ...(say && { say }) }),
    releases: local.releases,
    async status() {
      const state = await readLocalState(local)
      if (!state.ok) throw new FailureError(...state.failures)
      return Object.values(observedServices(state.value.records, local.clock.wall().getTime())).map(
        ({ fingerprint: _, ...state }) => state,
      )
    },
    logs: (query, signal) => readLogs(folder, environment, query, signal),
    connect: (service, port) => connect(local, service, port),
    administrator: (service) => administrator(local, service),
    probeTarget: (spec) => probeTarget(local, spec, secrets),
    endLeftovers: (holder, signal) => endLeftoversOf(local, holder, signal),
  }
}

function localHandlers(local: LocalContext): LocalHandlers {
  return {
    ...databaseHandlers(databasePorts(local)),
    ...backupHandlers(backupPorts(local)),
    'export-source': exportSource(local),
    'run-build': runBuild(local),
    'start-service': startService(local),
    'stop-service': stopService(local),
    'wait-gate': waitGate(local),
    'prune-releases': pruneReleases(local),
    'send-notification': sendNotification(local),
    'receive-wal': receiveWal(local, (service) => administrator(local, service)),
    'end-wal': endWal(local, (service) => administrator(local, service)),
  } satisfies LocalHandlers
}

function databasePorts(local: LocalContext): DatabasePorts {
  return {
    engine: (wanted, signal) => locate(local, wanted, signal),
    dataFolder: (service) => ensureDataFolder({ ...local, service }),
    environment: local.environment.replace('@', ' --platform '),
    sourceFolder: (source) => sourceFolder(local, source),
    administrator: (service) => administrator(local, service),
    knownFiles: () => KnownFiles.read(knownFilesPath(local.folder)),
  }
}

/** The administrator of a service's engine, where it runs now; of a database that is only known by its address, whoever that names. */
async function administrator(local: LocalContext, service: string): Promise<Result<DatabaseAdministrator>> {
  if (local.external?.service === service) return local.external.administrator()
  const state = await readLocalState(local)
  if (!state.ok) return state
  const record = state.value.records.find((one) => one.service === service && one.phase === 'up')
  if (record?.engine === undefined) return failed(notRunning(service))
  return adminAddress(local, { service, version: record.engine, ports: record.ports }, 'administrator')
}

/** What backups need to know of this platform. */
function backupPorts(local: LocalContext): BackupPorts {
  const { engine, dataFolder, administrator } = databasePorts(local)
  const { folder, environment } = local
  return {
    workspace: { name: local.workspaceName, id: local.workspaceId },
    environment,
    folder,
    engine,
    dataFolder,
    administrator,
    serviceAddress: (service) => connect(local, service, ''),
    async scratchFolder() {
      const path = await ensureDataFolder({ ...local, service: '.scratch' })
      // Others pass through to what is theirs, as with data.
      await makeFolders(path, 0o711)
      return path
    },
  }
}

/** Everything local is on loopback: no tunnel is needed, and nothing has to be closed. */
async function connect(local: LocalContext, service: string, port: string): Promise<Result<Endpoint>> {
  const state = await readLocalState(local)
  if (!state.ok) return state
  const record = state.value.records.find((one) => one.service === service)
  if (record?.phase !== 'up') return failed(notRunning(service))
  const number = port === '' ? Object.values(record.ports)[0] : record.ports[port]
  if (number !== undefined) return ok({ host: '127.0.0.1', port: number, close: async () => {} })
  const names = Object.keys(record.ports)
  return failed(noSuchPort(service, port, names))
}
