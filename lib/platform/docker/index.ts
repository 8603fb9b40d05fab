import type { Desired, RunSpec } from '../../model/desired.ts'
import { failed, type Result, unwrap } from '../../model/failure.ts'
import type { OpKindName } from '../../model/op.ts'
import type { Handler, LockPort, Platform, SecretSource } from '../../model/platform.ts'
import type { ProbeTarget } from '../../model/probe.ts'
import type { Secret } from '../../model/secret.ts'
import type { PortAssignments } from '../../plan/ports.ts'
import { type Clock, systemClock } from '../../system/clock.ts'
import { dataHandlers } from '../data-handlers.ts'
import { pushImage } from '../images/push.ts'
import type { LocalContext } from '../local/context.ts'
import { externalAdministrator } from '../local/external-database.ts'
import { exportSource } from '../local/ops/export-source.ts'
import { sendNotification } from '../local/ops/send-notification.ts'
import { notRunning } from '../service-failures.ts'
import { observeLeftovers } from './cleanup.ts'
import { environmentContainers, serviceContainers } from './containers.ts'
import type { DockerContext } from './context.ts'
import { administratorOf, connectTo, type Ways } from './database-access.ts'
import { endLeftoversOf } from './end-leftovers.ts'
import { dockerEngine } from './engine.ts'
import { insideOf, toldOf } from './inside.ts'
import { readLogs } from './logs.ts'
import { observeDocker } from './observe.ts'
import { bringBack } from './ops/bring-back.ts'
import { dropReplaced } from './ops/drop-replaced.ts'
import { ensureNetwork } from './ops/ensure-network.ts'
import { pruneReleases } from './ops/prune-releases.ts'
import { pullImage } from './ops/pull-image.ts'
import { removeLeftover } from './ops/remove-leftover.ts'
import { runBuild } from './ops/run-build.ts'
import { inMaintenance, setMaintenance } from './ops/set-maintenance.ts'
import { startService } from './ops/start-service.ts'
import { stopService } from './ops/stop-service.ts'
import { waitGate } from './ops/wait-gate.ts'
import { preflightDocker } from './preflight.ts'
import { probeTargetOf } from './probes.ts'
import type { DockerReleases } from './releases.ts'
import { serviceStates } from './state.ts'

/** Kinds of ops that whoever runs tasks and writes configuration brings. */
type InjectedKind = 'run-hook' | 'write-env' | 'sync-data'
/** Kinds that only a server of this machine has: an engine in a container brings its own data, and WAL is received beside a server. */
type MachineKind = 'create-data' | 'receive-wal' | 'end-wal'
/** Kinds that only a cluster has. */
type ClusterKind =
  | 'apply-object'
  | 'remove-object'
  | 'shift-replicas'
  | 'switch-traffic'
  | 'drop-colour'
  | 'apply-routes'
  | 'apply-pull-secret'
/** The handlers that the platform has: a kind that is forgotten does not compile. */
export type DockerHandlers = { [K in Exclude<OpKindName, InjectedKind | MachineKind | ClusterKind>]: Handler<K> }

/** What the docker platform is made of. */
export type DockerPlatformOptions = {
  /** The workspace's folder, absolute. */
  folder: string
  /** What the environment is, from the catalogue or from a record. */
  desired: Desired
  secrets: SecretSource
  redactable?: readonly Secret[]
  clock?: Clock
  /** Host ports that are used in place of declared ones. */
  ports?: PortAssignments
  env?: NodeJS.ProcessEnv
  /** The environment's lock and releases. */
  stores(docker: Omit<DockerContext, 'releases'>): { lock: LockPort; releases: DockerReleases }
}

/** The platform, and what probes of its services look at. */
export type DockerPlatform = Platform & {
  /** Where a service's probes look now. Failures: `service-not-running`, `secret-missing`, those of reaching it. */
  probeTarget(spec: RunSpec): Promise<Result<{ target: ProbeTarget }>>
}

/** One environment on a Docker engine: Compose projects, with what is known of them read from the engine each time. */
export function createDockerPlatform(options: DockerPlatformOptions): DockerPlatform {
  const { folder, desired, secrets, clock = systemClock } = options
  const { workspace, environment, database, configuration } = desired
  const ways: Ways = new Map()
  const base: Omit<DockerContext, 'releases'> = {
    engine: dockerEngine(configuration.docker ?? {}, options.env),
    folder,
    workspaceId: workspace.id,
    workspaceName: workspace.name,
    environment,
    ports: options.ports ?? {},
    clock,
    hidden: (options.redactable ?? []).map((secret) => secret.reveal()),
    ...(database?.url !== undefined && {
      external: { service: database.service, administrator: () => externalAdministrator(database, secrets) },
    }),
  }
  const { lock, releases } = options.stores(base)
  const docker: DockerContext = { ...base, releases }
  const administrator = (service: string) => administratorOf(docker, ways, desired, service, secrets)
  const service = (name: string) => desired.services.find((one) => one.name === name)
  const local = localParts(docker)
  return {
    observe: (wanted, how) => observeDocker(docker, ways, wanted, secrets, how),
    preflight: (plan, wanted, signal) => preflightDocker(docker, plan, wanted, secrets, signal),
    handlers: handlersOf(docker, local, administrator, (name) => connectTo(docker, ways, service(name), name, '')),
    lock,
    releases,
    async status(signal) {
      const containers = unwrap(await environmentContainers(docker, signal))
      return serviceStates(containers, clock.wall(), (name) => service(name)?.spec?.docker?.published ?? [])
    },
    maintenance: (proxy, signal) => inMaintenance(docker, proxy, signal),
    logs: (query, signal) => readLogs(docker, query, signal),
    connect: (name, port) => connectTo(docker, ways, service(name), name, port),
    administrator,
    async probeTarget(spec) {
      const found = await serviceContainers(docker, spec.service)
      if (!found.ok) return found
      const main = found.value.find(
        ({ kept, status, composeService }) => !kept && status === 'running' && composeService === spec.docker?.main,
      )
      return main ? probeTargetOf(docker, spec, main, secrets) : failed(notRunning(spec.service))
    },
    inside: (name, command, { terminal }) => insideOf(docker, service(name), name, command, terminal),
    told: (spec) => toldOf(docker, spec, secrets),
    endLeftovers: (holder, signal) => endLeftoversOf(docker, administrator, database?.service, holder, signal),
    leftovers: (signal) => observeLeftovers(docker, () => releases.oldImages(), signal),
  }
}

type Administrator = Platform['administrator']

function handlersOf(
  docker: DockerContext,
  local: LocalContext,
  administrator: Administrator,
  serviceAddress: Parameters<typeof dataHandlers>[1]['serviceAddress'],
): DockerHandlers {
  return {
    ...dataHandlers(local, { administrator, serviceAddress }),
    'export-source': exportSource(local),
    'send-notification': sendNotification(local),
    'run-build': runBuild(docker),
    'ensure-network': ensureNetwork(docker),
    'pull-image': pullImage(docker),
    'push-image': pushImage(docker),
    'start-service': startService(docker),
    'stop-service': stopService(docker),
    'wait-gate': waitGate(docker),
    'drop-replaced': dropReplaced(docker),
    'bring-back': bringBack(docker),
    'remove-leftover': removeLeftover(docker, (identities) => docker.releases.forgetImages(identities)),
    'set-maintenance': setMaintenance(docker),
    'prune-releases': pruneReleases(docker),
  } satisfies DockerHandlers
}

/** What of this machine takes part in any platform's deploys: the files of a release, and programs that are told. */
const localParts = (docker: DockerContext): LocalContext => ({
  folder: docker.folder,
  workspaceId: docker.workspaceId,
  workspaceName: docker.workspaceName,
  environment: docker.environment,
  releases: docker.releases,
  ports: docker.ports,
  supervisor: {},
  clock: docker.clock,
  hidden: docker.hidden,
})
