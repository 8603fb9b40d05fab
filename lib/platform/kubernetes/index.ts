import type { Desired, RunSpec } from '../../model/desired.ts'
import type { EnvironmentConfiguration } from '../../model/environment.ts'
import { ok, type Result } from '../../model/failure.ts'
import type { Handlers, Platform, SecretSource } from '../../model/platform.ts'
import type { ProbeTarget } from '../../model/probe.ts'
import type { Secret } from '../../model/secret.ts'
import { type Clock, systemClock } from '../../system/clock.ts'
import { dataHandlers } from '../data-handlers.ts'
import { dockerEngine } from '../docker/engine.ts'
import { endProcessesOf } from '../end-processes.ts'
import { endSessionsOf } from '../end-sessions.ts'
import { pushImage } from '../images/push.ts'
import type { LocalContext } from '../local/context.ts'
import { exportSource as exportFiles } from '../local/ops/export-source.ts'
import { sendNotification } from '../local/ops/send-notification.ts'
import { observeSetup } from './cluster-setup.ts'
import type { KubernetesContext } from './context.ts'
import { insideOf } from './inside.ts'
import { kubectlOf } from './kubectl.ts'
import { observeLeftovers } from './leftovers.ts'
import { kubernetesLock } from './lock.ts'
import { readLogs } from './logs.ts'
import { observedServices, observeKubernetes } from './observe.ts'
import { applyObject } from './ops/apply-object.ts'
import { applyPullSecret } from './ops/apply-pull-secret.ts'
import { applyRoutes } from './ops/apply-routes.ts'
import { dropColour } from './ops/drop-colour.ts'
import { exportSource } from './ops/export-source.ts'
import { pruneReleases } from './ops/prune-releases.ts'
import { removeObject } from './ops/remove-object.ts'
import { runBuild } from './ops/run-build.ts'
import { shiftReplicas } from './ops/shift-replicas.ts'
import { startService } from './ops/start-service.ts'
import { stopService } from './ops/stop-service.ts'
import { switchTraffic } from './ops/switch-traffic.ts'
import { waitGate } from './ops/wait-gate.ts'
import { preflightKubernetes } from './preflight.ts'
import { Ways } from './reach.ts'
import { kubernetesReleases } from './releases.ts'

/** What the kubernetes platform is made of. */
export type KubernetesPlatformOptions = {
  /** The workspace's folder, absolute. */
  folder: string
  /** What the environment is, from the catalogue or from a record. */
  desired: Desired
  /** The cluster; a namespace names where lock and releases are. */
  address: NonNullable<EnvironmentConfiguration['kubernetes']>
  secrets: SecretSource
  /** What no log may hold. */
  redactable?: readonly Secret[]
  say?(text: string): void
  clock?: Clock
}

/** The platform, and what probes of its services look at: the cluster runs the probes of its pods itself. */
export type KubernetesPlatform = Platform & {
  probeTarget(spec: RunSpec): Promise<Result<{ target: ProbeTarget }>>
}

/** The namespace of an environment's lock and releases. */
export const homeOf = (
  address: { namespace?: string | undefined },
  workspaceName: string,
  environment: string,
): string => address.namespace ?? `${workspaceName}-${environment}`

/** What builds and pushes images for clusters: the engine that the docker command reaches by itself. */
const imageEngine = dockerEngine({})

/** One environment on a cluster, driven through kubectl: releases, lock and inventories are objects of its namespace. */
export function createKubernetesPlatform(options: KubernetesPlatformOptions): KubernetesPlatform {
  const { folder, desired, address, secrets, say } = options
  const { workspace, environment, database } = desired
  const { id: workspaceId, name: workspaceName } = workspace
  const kubectl = kubectlOf(address)
  const home = homeOf(address, workspaceName, environment)
  const place = { kubectl, home, workspaceId, environment }
  const cluster: KubernetesContext = {
    ...place,
    folder,
    workspaceName,
    releases: kubernetesReleases(place),
    secrets,
    clock: options.clock ?? systemClock,
    hidden: (options.redactable ?? []).map((secret) => secret.reveal()),
    before: new Map(),
  }
  const ways = new Ways(cluster, desired)
  const handlers = handlersOf(cluster, ways, database !== undefined)
  return {
    observe: (wanted, how) => observeKubernetes(cluster, ways, wanted, how),
    preflight: (plan, wanted, signal) => preflightKubernetes(cluster, ways, handlers, plan, wanted, signal),
    handlers,
    lock: kubernetesLock({ ...place, ...(say && { say }) }),
    releases: cluster.releases,
    async status(signal) {
      return Object.values(await observedServices(cluster, signal)).map(
        ({ fingerprint: _, colours: __, ...state }) => state,
      )
    },
    leftovers: (signal) => observeLeftovers(cluster, signal),
    setup: (wanted, signal) => observeSetup(cluster, wanted, address, signal),
    logs: (query, signal) => readLogs(cluster, query, signal),
    connect: (service, port) => ways.connect(service, port),
    administrator: (service) => ways.administrator(service),
    inside: (service, command, how) => insideOf(cluster, service, command, how),
    probeTarget: async ({ service }) =>
      ok({ target: { service, host: '', ports: {}, directory: folder, environment: {} } }),
    async endLeftovers(holder, signal) {
      await endProcessesOf(holder)
      await endSessionsOf((service) => ways.administrator(service), database?.service, holder, signal)
    },
  }
}

const handlersOf = (cluster: KubernetesContext, ways: Ways, hasDatabase: boolean): Handlers => {
  const local = localParts(cluster)
  return {
    ...dataHandlers(local, {
      administrator: (service) => ways.administrator(service),
      serviceAddress: (service) => ways.connect(service, ''),
    }),
    'run-build': runBuild(cluster, imageEngine),
    'push-image': pushImage({ ...cluster, engine: imageEngine }),
    'apply-object': applyObject(cluster),
    'export-source': exportSource(cluster, hasDatabase ? exportFiles(local) : undefined),
    'start-service': startService(cluster),
    'stop-service': stopService(cluster),
    'wait-gate': waitGate(cluster),
    'shift-replicas': shiftReplicas(cluster),
    'switch-traffic': switchTraffic(cluster),
    'drop-colour': dropColour(cluster),
    'apply-routes': applyRoutes(cluster),
    'apply-pull-secret': applyPullSecret(cluster),
    'prune-releases': pruneReleases(cluster),
    'remove-object': removeObject(cluster),
    'send-notification': sendNotification(local),
  }
}

/** What of this machine takes part in the environment's work: files of a release, programs, scratch servers. */
const localParts = ({
  folder,
  workspaceId,
  workspaceName,
  environment,
  releases,
  clock,
  hidden,
}: KubernetesContext): LocalContext => ({
  folder,
  workspaceId,
  workspaceName,
  environment,
  releases,
  clock,
  hidden,
  ports: {},
  supervisor: {},
})
