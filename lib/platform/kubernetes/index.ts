import type { RunSpec } from '../../model/desired.ts'
import type { EnvironmentConfiguration } from '../../model/environment.ts'
import { failed, ok, type Result } from '../../model/failure.ts'
import type { Handlers, Platform, SecretSource } from '../../model/platform.ts'
import type { ProbeTarget } from '../../model/probe.ts'
import type { Secret } from '../../model/secret.ts'
import { type Clock, systemClock } from '../../system/clock.ts'
import { endProcessesOf } from '../end-processes.ts'
import { observeSetup } from './cluster-setup.ts'
import type { KubernetesContext } from './context.ts'
import { kubectlOf } from './kubectl.ts'
import { observeLeftovers } from './leftovers.ts'
import { kubernetesLock } from './lock.ts'
import { readLogs } from './logs.ts'
import { observedServices, observeKubernetes } from './observe.ts'
import { applyObject } from './ops/apply-object.ts'
import { exportSource } from './ops/export-source.ts'
import { pruneReleases } from './ops/prune-releases.ts'
import { removeObject } from './ops/remove-object.ts'
import { startService } from './ops/start-service.ts'
import { stopService } from './ops/stop-service.ts'
import { waitGate } from './ops/wait-gate.ts'
import { preflightKubernetes } from './preflight.ts'
import { kubernetesReleases } from './releases.ts'

/** What the kubernetes platform is made of. */
export type KubernetesPlatformOptions = {
  /** The workspace's folder, absolute. */
  folder: string
  workspaceId: string
  workspaceName: string
  environment: string
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

/** One environment on a cluster, driven through kubectl: releases, lock and inventories are objects of its namespace. */
export function createKubernetesPlatform(options: KubernetesPlatformOptions): KubernetesPlatform {
  const { folder, workspaceId, workspaceName, environment, address, secrets, say } = options
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
  return {
    observe: (desired, how) => observeKubernetes(cluster, desired, how),
    preflight: (plan, desired, signal) => preflightKubernetes(cluster, plan, desired, signal),
    handlers: handlersOf(cluster),
    lock: kubernetesLock({ ...place, ...(say && { say }) }),
    releases: cluster.releases,
    async status(signal) {
      return Object.values(await observedServices(cluster, signal)).map(({ fingerprint: _, ...state }) => state)
    },
    leftovers: (signal) => observeLeftovers(cluster, signal),
    setup: (desired, signal) => observeSetup(cluster, desired, address, signal),
    logs: (query, signal) => readLogs(cluster, query, signal),
    connect: async (service) => failed(notReached(service)),
    administrator: async (service) => failed(notReached(service)),
    probeTarget: async ({ service }) =>
      ok({ target: { service, host: '', ports: {}, directory: folder, environment: {} } }),
    endLeftovers: endProcessesOf,
  }
}

const handlersOf = (cluster: KubernetesContext): Handlers => ({
  'apply-object': applyObject(cluster),
  'export-source': exportSource(cluster),
  'start-service': startService(cluster),
  'stop-service': stopService(cluster),
  'wait-gate': waitGate(cluster),
  'prune-releases': pruneReleases(cluster),
  'remove-object': removeObject(cluster),
})

const notReached = (service: string) => ({
  code: 'service-not-reached',
  message: `${service} cannot be reached from here: this version opens no tunnel into a cluster`,
  service,
  next: [`kubectl port-forward service/${service} <port>`],
  outcome: 'unchanged' as const,
})
