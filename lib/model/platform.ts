import type { ClusterSetup } from './cluster-setup.ts'
import type { Desired, RunSpec } from './desired.ts'
import type { Milliseconds } from './duration.ts'
import type { Result } from './failure.ts'
import type { Finding } from './finding.ts'
import type { Leftovers } from './leftovers.ts'
import type { OpId, OpKindName, OpOf } from './op.ts'
import type { Plan } from './plan.ts'
import type { Release } from './release.ts'
import type { Secret, SecretReference } from './secret.ts'
import type { ProxyAdapterName } from './service.ts'
import type { ServiceState, Snapshot } from './snapshot.ts'

/** The secrets of an environment, by reference. Values of earlier releases are found by their digest. */
export interface SecretSource {
  /** The secret's value; undefined when neither the providers nor the kept values have one with that digest. */
  find(reference: SecretReference): Secret | undefined
}

/** What a handler is given besides its op. */
export type OpContext = {
  /** Aborts on a signal, a lost lease, or a failed sibling. Handlers end what they started before they return. */
  signal: AbortSignal
  run: string
  secrets: SecretSource
  /** One line of progress or of a child's output, redacted before a person sees it. */
  output(line: string): void
}

/** What an op did: a line for people, and values for ops that said `later`. */
export type OpResult = { message?: string; value?: unknown }

/** Executes one kind of op. */
export type Handler<K extends OpKindName> = {
  /** Idempotent. Compares its own before-value first; a difference is the failure `changed-meanwhile` (outcome `unchanged`). */
  run(op: OpOf<K>, context: OpContext): Promise<Result<OpResult>>
  /** Whether the op's effect is there already (recovery skips it then). `unknown`: cannot be observed. */
  check(op: OpOf<K>, context: OpContext): Promise<'done' | 'pending' | 'unknown'>
}
/** A handler for each kind of op that a platform has. */
export type Handlers = { [K in OpKindName]?: Handler<K> }

/** Who holds a lock, readable for people. `since` is ISO 8601. */
export type Holder = {
  run: string
  user: string
  host: string
  pid: number
  purpose: string
  since: string
}

/** A held lock. Time is the holder's own monotonic clock. */
export interface Lease {
  readonly holder: Holder
  /** Renews so that at least `needMs` are left, and proves that it is still ours. False: it is lost. */
  prove(needMs: Milliseconds): Promise<boolean>
  /** Aborted when the lease is lost. */
  readonly lost: AbortSignal
  /** Gives the lock back. Does nothing when it is lost. */
  release(): Promise<void>
}

/** The lock of one environment. What an adapter cannot promise is said in docs/locks.md. */
export interface LockPort {
  /**
   * Takes the lock, or fails with `locked` (outcome `locked`), naming the holder within a second. A dead holder's lock is
   * taken over; `takenFrom` says whose work must be ended first, oldest first: more than one when a taker died as well.
   */
  acquire(request: {
    mode: 'exclusive' | 'shared'
    run: string
    purpose: string
    signal: AbortSignal
  }): Promise<Result<{ lease: Lease; takenFrom: Holder[] }>>
  inspect(): Promise<Holder | undefined>
}

/**
 * How an op whose effect cannot be observed ended. `begun` is written before one that may not run twice: without an end after it,
 * nobody knows.
 */
export type Effect = { op: OpId; ended: 'begun' | 'done' | 'failed'; at: string }

/** The releases of one environment, kept where the platform is. */
export interface ReleaseStore {
  /** Oldest first. A torn or foreign record is left out and said by `findings`. */
  list(): Promise<Release[]>
  current(): Promise<number | undefined>
  /** Writes a new record; fails when the number is taken. */
  open(release: Release): Promise<void>
  /** Writes the later-known fields of a record. */
  close(
    number: number,
    change: Pick<Release, 'outcome'> & Partial<Pick<Release, 'ended' | 'cause' | 'left' | 'schema' | 'pushed'>>,
  ): Promise<void>
  /** Makes a release current; one that a rollback had left is not left any more. */
  setCurrent(number: number, run: string): Promise<void>
  recordEffect(number: number, effect: Effect): Promise<void>
  effects(number: number): Promise<Effect[]>
  /** Removes records and what belongs to them alone. */
  remove(numbers: number[]): Promise<void>
}

/** One line of a service's log. `at` is ISO 8601 where the line carries a time. */
export type LogLine = { service: string; text: string; at?: string }

/** A network address of a service's port, as reachable from here, and what ends the access (a tunnel). */
export type Endpoint = { host: string; port: number; close(): Promise<void> }

/** TLS with a database server, in libpq's words. `rootCertificate`: the path of a file of certificates, one of which signed the server's. */
export type DatabaseTls = { mode: 'require' | 'verify-ca' | 'verify-full'; rootCertificate?: string }

/** How the administrator of a database server gets in, as reachable from here. */
export type DatabaseAdministrator = {
  host: string
  port: number
  user: string
  password: Secret
  /** Where the password is kept in a file of its own on this machine: that. */
  passwordFile?: string
  /** Without it, none is asked for. */
  tls?: DatabaseTls
}

/** Options of observation. */
export type ObserveOptions = {
  /** Look at the files a deploy would take. */
  source?: { revision?: string; allowDirty: boolean }
  /** Images besides those of the catalogue that are to be looked for. */
  images?: readonly string[]
  signal: AbortSignal
}

/** The same port for local, docker and kubernetes. */
export interface Platform {
  /** Read-only; fails only when the platform itself is not reachable. */
  observe(desired: Desired, options: ObserveOptions): Promise<Result<Snapshot>>
  /** Read-only checks of a plan before it runs. */
  preflight(plan: Plan, desired: Desired | undefined, signal: AbortSignal): Promise<Finding[]>
  readonly handlers: Handlers
  readonly lock: LockPort
  readonly releases: ReleaseStore
  status(signal: AbortSignal): Promise<ServiceState[]>
  /** Whether a proxy is in maintenance; only where there are proxies that can be. Failures: `service-not-running`. */
  maintenance?(proxy: { service: string; adapter: ProxyAdapterName }, signal: AbortSignal): Promise<Result<boolean>>
  logs(query: { services: string[]; follow: boolean; lines: number }, signal: AbortSignal): AsyncIterable<LogLine>
  connect(service: string, port: string): Promise<Result<Endpoint>>
  /** The administrator of the server that a service is. Failures: `service-not-running`, and those of reading its secret. */
  administrator(service: string): Promise<Result<DatabaseAdministrator>>
  /** The command that runs another one inside of a service; absent where services have no inside (processes of this machine). */
  inside?(
    service: string,
    command: readonly string[],
    options: { terminal: boolean },
  ): Promise<Result<{ argv: string[]; env: Record<string, string> }>>
  /** What the platform is told of a service (a Compose file). May hold secrets: hide them. Absent where it is told nothing. */
  told?(spec: RunSpec): Promise<Result<string>>
  /** Ends what a dead holder left working: its children, and its sessions on servers. Resolves when they are gone. */
  endLeftovers(holder: Holder, signal: AbortSignal): Promise<void>
  /** What the environment should have besides its services; absent where nothing has to be set up beforehand. Failures: those of reading it. */
  setup?(desired: Desired, signal: AbortSignal): Promise<Result<ClusterSetup>>
  /** What `cleanup` chooses from; absent on a platform that leaves nothing behind. Failures: the platform is not reachable. */
  leftovers?(signal: AbortSignal): Promise<Result<Leftovers>>
}
