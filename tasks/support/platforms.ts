import { join } from 'node:path'
import type { Desired, RunSpec } from '../../lib/model/desired.ts'
import type { PlatformName } from '../../lib/model/environment.ts'
import type { Result } from '../../lib/model/failure.ts'
import type { LockPort, Platform, ReleaseStore, SecretSource } from '../../lib/model/platform.ts'
import type { ProbeTarget } from '../../lib/model/probe.ts'
import type { Secret } from '../../lib/model/secret.ts'
import type { PortAssignments } from '../../lib/plan/ports.ts'
import { dockerEngine } from '../../lib/platform/docker/engine.ts'
import { createDockerPlatform } from '../../lib/platform/docker/index.ts'
import { dockerLock } from '../../lib/platform/docker/lock.ts'
import { dockerReleases } from '../../lib/platform/docker/releases.ts'
import { sharedKey } from '../../lib/platform/docker/shared-key.ts'
import { createKubernetesPlatform, homeOf } from '../../lib/platform/kubernetes/index.ts'
import { kubectlOf } from '../../lib/platform/kubernetes/kubectl.ts'
import { kubernetesLock } from '../../lib/platform/kubernetes/lock.ts'
import { kubernetesReleases } from '../../lib/platform/kubernetes/releases.ts'
import { sharedKey as clusterKey } from '../../lib/platform/kubernetes/shared-key.ts'
import { createLocalPlatform } from '../../lib/platform/local/index.ts'
import { localLock } from '../../lib/platform/local/lock.ts'
import { localReleases } from '../../lib/platform/local/releases.ts'
import type { Identity } from '../../lib/validate/identity.ts'

/** What a platform is made of. */
export type PlatformParts = {
  /** The workspace's folder. */
  folder: string
  desired: Desired
  secrets: SecretSource
  redactable: readonly Secret[]
  ports: PortAssignments
}

/** An environment on its platform, and where the probes of its services look. */
export type DrivenPlatform = Platform & {
  probeTarget(spec: RunSpec): Promise<Result<{ target: ProbeTarget }>>
}

/** The key under which secrets get their digests, where the platform is. */
export type SharedKey = { read(): Promise<string | undefined>; share(key: string): Promise<void> }

/** How an environment's platform is made, and where its records are before anything else of it is known. */
type Driver = {
  create(parts: PlatformParts): DrivenPlatform
  records(folder: string, environment: string, identity: Identity): Pick<ReleaseStore, 'list' | 'current'>
  /** The environment's lock; undefined where it is not known where that is. */
  lock(folder: string, environment: string, identity: Identity): Pick<LockPort, 'inspect'> | undefined
  /** The key of the environment's digests, where clones share it. */
  sharedKey?(environment: string, identity: Identity): SharedKey | undefined
}

const local: Driver = {
  create: ({ folder, desired, secrets, redactable, ports }) =>
    createLocalPlatform({
      folder,
      workspaceId: desired.workspace.id,
      workspaceName: desired.workspace.name,
      environment: desired.environment,
      secrets,
      redactable,
      ports,
      ...(desired.database ? { database: desired.database } : {}),
    }),
  records: (folder, environment) => localReleases(join(folder, '.ops'), environment),
  lock: (folder, environment) => localLock({ ops: join(folder, '.ops'), environment }),
}

const docker: Driver = {
  create: (parts) =>
    createDockerPlatform({
      ...parts,
      stores: (on) => ({
        lock: dockerLock({ engine: on.engine, owner: on }),
        releases: dockerReleases(on.engine, on),
      }),
    }),
  records: (_, environment, identity) => {
    const place = onEngine(environment, identity)
    return place ? dockerReleases(place.engine, place.owner) : none
  },
  lock: (_, environment, identity) => {
    const place = onEngine(environment, identity)
    return place && dockerLock(place)
  },
  sharedKey: (environment, identity) => {
    const place = onEngine(environment, identity)
    return place && sharedKey(place.engine, place.owner)
  },
}

const kubernetes: Driver = {
  create: ({ folder, desired, secrets, redactable }) => {
    const address = desired.configuration.kubernetes
    if (!address) throw new Error(`${desired.environment} names no cluster`)
    return createKubernetesPlatform({ folder, desired, address, secrets, redactable })
  },
  records: (_, environment, identity) => {
    const place = onCluster(environment, identity)
    return place ? kubernetesReleases(place) : none
  },
  lock: (_, environment, identity) => {
    const place = onCluster(environment, identity)
    return place && kubernetesLock(place)
  },
  sharedKey: (environment, identity) => {
    const place = onCluster(environment, identity)
    return place && clusterKey(place)
  },
}

/** Which engine an environment is on, and whose it is there; undefined where the workspace has no name that can be read. */
function onEngine(environment: string, { workspace, docker: address }: Identity) {
  if (!workspace) return undefined
  const owner = { workspaceName: workspace.name, workspaceId: workspace.id, environment }
  return { engine: dockerEngine(address ?? {}), owner }
}

/** Where on which cluster an environment's records are; undefined where that cannot be read. */
function onCluster(environment: string, { workspace, kubernetes: address }: Identity) {
  if (!workspace || !address) return undefined
  const home = homeOf(address, workspace.name, environment)
  return { kubectl: kubectlOf(address), home, workspaceId: workspace.id, environment }
}

/** The records of an environment of which it is not known where they are. */
const none: Pick<ReleaseStore, 'list' | 'current'> = { list: async () => [], current: async () => undefined }

/** The platforms that this version drives. */
const drivers: Partial<Record<PlatformName, Driver>> = { local, docker, kubernetes }

/** Whether this version drives a platform. */
export const isDriven = (platform: PlatformName): boolean => drivers[platform] !== undefined

/** The driver of a platform; undefined for one that this version does not drive. */
export const driverOf = (platform: PlatformName): Driver | undefined => drivers[platform]
