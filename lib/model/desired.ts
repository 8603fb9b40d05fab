import type { BackupTarget } from './backup.ts'
import type { SourceSecrets } from './backup-sources.ts'
import type { Milliseconds } from './duration.ts'
import type { EnvironmentConfiguration, PlatformName } from './environment.ts'
import type { Place } from './failure.ts'
import type { Probe } from './probe.ts'
import type { RolloutStrategy } from './rollout.ts'
import type { SecretReference } from './secret.ts'
import type { Category, Dependency, ProxyAdapterName, ServiceConfiguration } from './service.ts'

/**
 * A configured text whose secrets are references: either plain text, or the parts that joined give the text.
 * `['postgres://stats:', { secret: 'POSTGRES_PASSWORD', digest: '…' }, '@127.0.0.1:5432/stats']`
 * `{ known: 'release' | 'revision' }` stands for what only the release knows; it is no part of any digest.
 */
export type Value = string | ValuePart[]
/** A text, a secret by reference, or what only the release knows. */
export type ValuePart = string | SecretReference | { known: 'release' | 'revision' }

/** Health as gates and status use it: durations in milliseconds, overrides of the environment applied. */
export type ResolvedHealth = {
  probes: Probe[]
  intervalMs: Milliseconds
  passes: number
  deadlineMs: Milliseconds
  watchMs: Milliseconds
}

/** Where a service's files come from. */
export type Source = { kind: 'working-tree' } | { kind: 'release'; release: number }

/** A port's number in a text of a spec: between `from` and `to` (UTF-16) of the text at `path`; `declared` is what the configuration says. */
export type PortUse = {
  path: (string | number)[]
  from: number
  to: number
  service: string
  port: string
  declared: number
}

/**
 * All that a platform needs to run a service, with secrets as references only: what ops and release records carry.
 * Paths are relative to the source's root.
 */
export type RunSpec = {
  service: string
  source: Source
  command?: string[]
  engine?: { name: 'postgres'; version: number; prefer: 'embedded' | 'system' }
  directory: string
  environment: Record<string, Value>
  /** Loopback port by port name; the first is the service's default port. */
  ports: Record<string, number>
  /** The numbers that the configuration gives those ports, where this machine uses others (`--resolve-ports`). */
  declared?: Record<string, number>
  /** Where a port's number stands in the texts of this spec. */
  portUses?: PortUse[]
  restart: 'always' | 'on-failure' | 'never'
  stopSignal: 'SIGTERM' | 'SIGINT' | 'SIGQUIT' | 'SIGHUP'
  graceMs: Milliseconds
  oneShot: boolean
  database?: { name: string; user: string; password: SecretReference }
  health: ResolvedHealth
  /** Identity of the service's files: a git tree, or a digest of the content. Absent for engines. */
  artefact?: string
  /** How containers run it; only on docker. */
  docker?: ContainerSpec
  /** How a cluster runs it; only on kubernetes. */
  kubernetes?: ManifestSpec
}

/** How a cluster runs a service. The rendered manifests are kept with the release, on the cluster. */
export type ManifestSpec = {
  /** Where objects go that name no namespace. */
  namespace: string
  /** The environment's namespace goes before those that manifests name. */
  only?: true
  /** Files, folders and kustomizations, relative to the source's root. */
  manifests: string[]
  /** How many pods, where the environment says so. */
  replicas?: number
  /** What runs in the place of the images that manifests name, by their text there. */
  images?: Record<string, ContainerImage>
  /** How long its objects must stay ready before the gate passes; default is what suits each. */
  settleMs?: Milliseconds
  /** How long a cause that may heal may stand before the gate fails; default 45 s. */
  patienceMs?: Milliseconds
  /** How new pods take the place of the old ones; absent: they are rolled. */
  strategy?: RolloutStrategy
  /** Secrets that its pods name to pull images with, where the environment says `pullSecretsOn: pods`. */
  pullSecrets?: string[]
  /** The storage classes of claims that name none, as the environment's list has chosen them. */
  storage?: Record<string, string>
  /** Its manifests lead requests from outside to it: that is applied once everything is ready. */
  routes?: true
}

/** An image of a Compose service, or of a container in manifests. */
export type ContainerImage = {
  /** `postgres:17-alpine`, with its variables filled in. */
  reference: string
  /** What the reference stands for: `postgres@sha256:…`, or the engine's id of an image that no registry knows. Absent while nobody knows. */
  identity?: string
  /** Made by the service's own build: `identity` is known once it is built. */
  built?: true
  /** It goes to its registry when it is built, so that it can be fetched from there. */
  pushed?: true
}

/** A port of a container that the host publishes. */
export type PublishedPort = {
  name: string
  /** The service of the Compose file. */
  of: string
  container: number
  host: number
  /** What the configuration gives it, where this host uses another (`--resolve-ports`). */
  declared?: number
  /** The address of the host that it is published on; default is all. */
  address?: string
  protocol: 'tcp' | 'udp'
}

/** The new containers of a service run beside the old ones until they have passed their gate. */
export type Overlap = {
  /** How long requests that are under way may take once a container gets no new ones. */
  drainMs: Milliseconds
  /** The proxy through which requests come: a service of the environment; its port of the containers, and the network (as on the engine) that both are on. */
  proxy?: { service: string; adapter: ProxyAdapterName; port: number; network: string }
}

/** How containers run a service: all that the engine is told, by content. A record of it needs no working tree. */
export type ContainerSpec = {
  /** The Compose project: `<name>-<environment>-<service>`. */
  project: string
  /** The service of the Compose file that the catalogue's ports and probes are about. */
  main: string
  /** The Compose file as JSON, its variables not filled in; what it mounts of the workspace is in it by content. */
  compose: string
  /** What Compose fills in besides the service's own variables. */
  variables: Record<string, Value>
  /** By service of the Compose file. */
  images: Record<string, ContainerImage>
  /** How many containers, by service of the Compose file. */
  replicas: Record<string, number>
  /** Shared networks: their name in the Compose file, and on the engine. */
  networks: Record<string, string>
  published: PublishedPort[]
  /** How they change without downtime; absent: the old ones stop before the new ones start. */
  overlap?: Overlap
}

/**
 * The parts of a RunSpec that a running service was started with, by a readable name (`command`, `environment.LOG_LEVEL`,
 * `ports.http`, `artefact`), each as a digest. Two specs are the same when all their parts are; a cause names the parts that differ.
 */
export type Fingerprint = Record<string, string>

/** A service of an environment, with everything resolved that can be before anything runs. */
export type DesiredService = {
  name: string
  category: Category
  dependencies: Dependency[]
  /** Why this platform cannot run it; then `spec` is absent. */
  unavailable?: string
  spec?: RunSpec
  fingerprint: Fingerprint
  build?: {
    command: string[]
    directory: string
    context: string
    timeoutMs: Milliseconds
    /** An image instead of files, on docker and kubernetes. */
    dockerfile?: string
    /** Where the image goes. */
    repository?: string
  }
  rollout: 'overlap' | 'recreate'
  configuration: ServiceConfiguration
  place: Place
}

/** What an environment should be: the whole input of the planners besides the snapshot. */
export type Desired = {
  workspace: { name: string; id: string; folder: string }
  /** `dev`, or `production@local` for a rehearsal. */
  environment: string
  /** The configured environment's name without `@platform`. */
  configuredAs: string
  platform: PlatformName
  rehearsal: boolean
  configuration: EnvironmentConfiguration
  /** With what its cluster pulls images, besides what the manifests bring. */
  pullSecrets?: DesiredPullSecret[]
  /** In the order of dependencies: each after all that it depends on. */
  services: DesiredService[]
  database?: DesiredDatabase
  /** Where its backups go, with secrets as references; absent for an environment that is known from a record alone. */
  backupTargets?: [BackupTarget, ...BackupTarget[]]
  /** The addresses of what is backed up, in the order of the policy's sources. */
  backupSources?: SourceSecrets[]
}

/** A login to a registry: by reference, or (absent) the one that the docker command has. */
export type DesiredPullSecret = {
  name: string
  registry: string
  login?: { user: string; password: SecretReference }
}

/** The environment's database and the files that belong to it. */
export type DesiredDatabase = {
  service: string
  name: string
  user: string
  password: SecretReference
  /** Where it is when no service of the environment runs it. */
  url?: Value
  /** All migration files, in version order. */
  migrations: MigrationFile[]
  /** How long each statement of a migration may take; absent: as long as it wants. */
  statementTimeoutMs?: Milliseconds
  seeds: SeedFile[]
}

/** A migration's file, as read. `sha256` is over the text with line ends normalised. */
export type MigrationFile = {
  version: string
  name: string
  path: string
  sha256: string
  effect: 'expand' | 'breaking'
  /** Runs again whenever its text is another one, after all others (Flyway's `R__`). */
  repeatable?: true
  /** The file that undoes it, where that is one of its own (`.down.sql`, `U1__`). */
  down?: { path: string; sha256: string }
  /** The first thing in it that PostgreSQL's parser cannot read (a newer server may), and where. */
  problem?: { message: string; line: number; column: number }
}

/** A seed's file. */
export type SeedFile = { name: string; path: string; sha256: string }
