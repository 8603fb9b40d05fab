import type { Fingerprint } from './desired.ts'
import type { Milliseconds } from './duration.ts'
import type { Finding } from './finding.ts'
import type { AppliedMigration } from './migration.ts'
import type { Release } from './release.ts'
import type { Colour } from './rollout.ts'

/** Whether a service runs; `error` after an end that nobody asked for, `pending` while it starts or waits to be restarted. */
export type ServiceStatus = 'running' | 'stopped' | 'error' | 'pending'
/** What a service's probes say; `unknown` when they have not said anything yet. */
export type HealthStatus = 'healthy' | 'unhealthy' | 'unknown'

/** The deployment state model of seeds/5: one service as the platform sees it. Times are ISO 8601. */
export type ServiceState = {
  service: string
  status: ServiceStatus
  health: HealthStatus
  /** Why it is in `error` or unhealthy, one line. */
  reason?: string
  ports: Record<string, number>
  pid?: number
  startedAt?: string
  uptimeMs?: Milliseconds
  restarts: number
  exit?: { status: number; at: string }
  /** The release that it runs; absent for the working tree. */
  release?: number
  last_updated: string
}

/** A service as observed, with what it was started with. */
export type ObservedService = ServiceState & {
  fingerprint?: Fingerprint
  /** It does not run at this moment and is started again later: a crash loop between two starts. */
  retrying?: true
  /** What it has replaced is kept beside it still, so that it can come back. */
  kept?: true
  /** Its Deployments that take turns, where there are such. */
  colours?: { live: ObservedColour; beside?: ObservedColour & { kept?: true } }
}

/** The pods of one colour: the release that they are of, and what they were made with. */
export type ObservedColour = { colour: Colour; release?: number; fingerprint?: Fingerprint }

/** The storage class that an environment's list chooses on its cluster. */
export type ObservedStorage = {
  /** Absent: the cluster has none of the list. */
  chosen?: string
  why: string
  findings: Finding[]
  /** Claims that name no class, by service: `PersistentVolumeClaim/data`, `StatefulSet/store/data`; and whether they are there. */
  claims: Record<string, { key: string; there: boolean }[]>
}

/** What a deploy has to know of a service's rendered manifests. */
export type ManifestShape = {
  /** They lead requests from outside to it. */
  routes?: true
  /** Why its strategy cannot be followed, and what to do. */
  refusal?: { message: string; mend: string }
}

/** Who listens on a port that the environment wants: a process, or a container. */
export type PortOwner = { pid?: number; command?: string; user?: string; container?: string; project?: string }

/** A shared network of an engine; `foreign`: one of that name is there, and not the environment's. */
export type ObservedNetwork = 'missing' | 'present' | 'foreign'

/** An image as the engine has it; `missing`: it has to be pulled. `identity` as in `ContainerImage`. */
export type ObservedImage = { state: 'present' | 'missing'; identity?: string }

/** What a registry says of an image; `refused`: not to us, `login` when docker is logged in there; `unknown`: it did not say. */
export type RegistryImage =
  | { state: 'found'; digest: string }
  | { state: 'missing'; why: string }
  | { state: 'refused'; why: string; login: boolean }
  | { state: 'unknown'; why: string }

/** A port that the environment wants and that somebody else has. */
export type PortConflict = { service: string; port: number; name: string; owner: PortOwner; free: number }

/** What is known of the environment's database. */
export type ObservedDatabase = {
  /** The engine's data folder (or volume) exists. */
  created: boolean
  /** A connection was made as the engine's administrator. */
  reachable: boolean
  /** The database and its user exist and the password fits; undefined when not reachable. */
  ready?: boolean
  applied?: AppliedMigration[]
  seeded?: { name: string; sha256: string }[]
}

/** The files that a deploy would take. */
export type ObservedSource = {
  /** What was asked for: a ref, or `working tree`. */
  revision: string
  /** The commit, or `tree-<digest>` for uncommitted content. */
  commit: string
  /** Uncommitted files, relative to the workspace. */
  dirty: string[]
  /** Identity of each service's files at that revision, by service. */
  artefacts: Record<string, string>
  /** Identity of what each service's image is built from, by service; only on kubernetes, where an artefact is the rendered manifests. */
  builds?: Record<string, string>
  /** The images that each service's manifests name, by service; only on kubernetes. */
  manifestImages?: Record<string, string[]>
  /** Where claims that name no storage class get their storage, on a cluster whose environment names classes. */
  storage?: ObservedStorage
  /** Of manifests for a cluster, by service. */
  shapes?: Record<string, ManifestShape>
}

/** An environment as observed, read-only, at one moment. */
export type Snapshot = {
  at: string
  services: Record<string, ObservedService>
  ports: PortConflict[]
  database?: ObservedDatabase
  source?: ObservedSource
  /** Oldest first. */
  releases: Release[]
  current?: number
  /** Programs that services require, with the path or undefined. */
  programs: Record<string, string | undefined>
  /** Builds that exist already in the working tree, service to artefact. */
  built: Record<string, string>
  /** Shared networks that services join, by their name on the engine; only on docker. */
  networks?: Record<string, ObservedNetwork>
  /** Images that services run, by reference; only on docker. */
  images?: Record<string, ObservedImage>
  /** What registries have, by reference: of images that are built, given, or not yet there. Only for a deploy. */
  registry?: Record<string, RegistryImage>
}
