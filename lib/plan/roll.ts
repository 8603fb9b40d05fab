import type { DesiredDatabase, Fingerprint, RunSpec, Source } from '../model/desired.ts'
import type { Finding } from '../model/finding.ts'
import { pendingAmong } from '../model/migration.ts'
import type { Op, OpId, OpOf } from '../model/op.ts'
import type { ObservedDatabase, ObservedService, Snapshot } from '../model/snapshot.ts'
import { containerOps, dropOp, neededBy } from './containers.ts'
import { type GatePolicy, gate } from './gates.ts'
import { leftOps, routeOps, turnOps } from './kubernetes/rollout.ts'
import { leaves } from './leaves.ts'
import { hasFiles, isUp, type Target } from './target.ts'

/** What a plan does to the database besides starting it. */
export type DatabaseSteps = { migrate: boolean; seed: boolean; source: Source }

/** How services are rolled. */
export type RollOptions = {
  targets: Target[]
  snapshot: Snapshot
  /** Why a service is started or replaced; undefined leaves it alone. */
  cause(target: Target): string | undefined
  /** Services whose start is left to somebody else, though their cause may say otherwise. */
  only?: ReadonlySet<string>
  /** Ops that everything waits for, e.g. the export of the source. */
  first: OpId[]
  /** Ops that a service with files waits for too: its build, and the hooks after all builds. */
  built?: (service: string) => OpId[]
  database?: DesiredDatabase
  steps?: DatabaseSteps
  /** Why the database's role is set again, although it is not known to be missing. */
  ensure?: string
  /** Each service waits for no more than it cannot do without: a failure of others is none of its own. */
  resilient?: boolean
  /** What the policy of deploys says of the gates, in place of what services say. */
  gates?: GatePolicy
  /** Ops around the migration; they enter only beside one. */
  aroundMigration?: { before: Op[]; after: Op[] }
  /** The way back to what was good: no steps that try it. */
  back?: boolean
}

/** Ops that roll services, and for each service the ops after which it is ready. */
export type Roll = { ops: Op[]; readyAfter: Map<string, OpId[]>; findings: Finding[] }

const startTimeoutMs = 60_000
const migrationTimeoutMs = 30 * 60_000

/** Chains ops one after the other, the first after `after`. */
export function chain(ops: Op[], after: OpId[]): Op[] {
  return ops.map((op, index) => ({ ...op, after: index === 0 ? after : [(ops[index - 1] as Op).id] }))
}

/** Starts or replaces each service that has a cause, in dependency order, each after its dependencies' gates. */
export function roll(options: RollOptions): Roll {
  const { targets, first } = options
  const ops: Op[] = []
  const findings: Finding[] = []
  const readyAfter = new Map<string, OpId[]>()
  /** What a service that stays as it is could do without, and its dependents as well. */
  const passedOn = new Map<string, OpId[]>()
  const isWanted = ({ service }: Target) => options.only === undefined || options.only.has(service)
  const needed = containerOps(
    targets.filter((target) => isWanted(target) && options.cause(target) !== undefined),
    options.snapshot,
  )
  findings.push(...needed.findings)
  ops.push(...needed.ops.map((op) => ({ ...op, after: first })))
  const prepared = needed.ops.length > 0 ? needed.ops.map((op) => op.id) : first
  for (const target of targets) {
    const { service, spec } = target
    const needs = target.dependencies.filter(({ optional }) => !(options.resilient && optional))
    const dependencies = needs.flatMap((dependency) => readyAfter.get(dependency.service) ?? [])
    const spared = [
      ...target.dependencies.flatMap((one) => (needs.includes(one) ? [] : (readyAfter.get(one.service) ?? []))),
      ...target.dependencies.flatMap((one) => passedOn.get(one.service) ?? []),
    ].filter((id) => !dependencies.includes(id))
    const waits = [...new Set([...(spec && hasFiles(spec) ? (options.built?.(service) ?? []) : []), ...dependencies])]
    const isRoot = waits.length === 0 || (dependencies.length === 0 && needed.ops.length > 0)
    const after = options.resilient
      ? [...new Set([...waits, ...first, ...neededBy(target, needed.ops)])]
      : isRoot
        ? [...new Set([...waits, ...prepared])]
        : waits
    const wanted = isWanted(target)
    if (!spec) {
      if (wanted && target.unavailable !== undefined) {
        findings.push({
          rule: 'service-unavailable',
          severity: 'warning',
          service,
          message: `${service} is not available on this platform: ${target.unavailable}`,
        })
      }
      continue
    }
    const cause = wanted ? options.cause(target) : undefined
    if (cause !== undefined && spec.engine && options.database?.service !== service)
      findings.push(notItsDatabase(target))
    const own =
      cause === undefined ? keptOps(target, options, wanted, after) : serviceOps(target, options, cause, after)
    const [head, ...rest] = own
    if (head) ops.push(spared.length > 0 ? { ...head, afterEnd: [...new Set(spared)] } : head, ...rest)
    else if (spared.length > 0) passedOn.set(service, spared)
    // A service that stays as it is passes on what its dependencies wait for.
    // What is next may be the proxy: the old containers leave it before it is touched.
    const last = spec.docker?.overlap
      ? own.at(-1)
      : own.findLast(({ kind }) => kind !== 'drop-replaced' && kind !== 'drop-colour')
    let ready = last ? [last.id] : dependencies
    if (options.database?.service === service && wanted) {
      const steps = databaseOps(options, own.length > 0, ready.length > 0 ? ready : first)
      ops.push(...steps)
      if (steps.length > 0) ready = [(steps.at(-1) as Op).id]
    }
    if (ready.length > 0) readyAfter.set(service, ready)
  }
  const started = new Set(ops.flatMap((op) => (op.kind === 'start-service' ? [op.data.service] : [])))
  const routed = targets.filter(({ service }) => started.has(service))
  const ownLeaves = (name: string) => leaves(ops.filter((op) => op.service === name))
  if (options.resilient) ops.push(...routed.flatMap((one) => routeOps([one], ownLeaves(one.service))))
  else ops.push(...routeOps(routed, leaves(ops)))
  return { ops, readyAfter, findings }
}

/** The local platform makes and keeps the data of one database in an environment. */
const notItsDatabase = ({ service }: Target): Finding => ({
  rule: 'engine-without-database',
  severity: 'error',
  service,
  message: `${service} is an embedded database, and not the one of this environment`,
  mend: `name it in the environment’s file (database: { service: ${service} }), or run it by a command of its own (local.command)`,
})

/** Creates the data where there are none, starts the service, waits for its gate. */
function serviceOps(
  target: Target,
  { snapshot, gates, back = false }: RollOptions,
  cause: string,
  after: OpId[],
): Op[] {
  const { service, fingerprint } = target
  const spec = target.spec as NonNullable<Target['spec']>
  const observed = snapshot.services[service]
  const ops: Op[] = []
  if (spec.engine && spec.database && snapshot.database?.created === false) {
    ops.push({
      id: `create:${service}`,
      kind: 'create-data',
      after: [],
      cause: 'no data yet',
      changes: true,
      service,
      timeoutMs: 120_000,
      data: { service, engine: spec.engine.name, version: spec.engine.version, prefer: spec.engine.prefer },
    })
  }
  const start: OpOf<'start-service'> = {
    id: `start:${service}`,
    kind: 'start-service',
    after: [],
    cause,
    changes: true,
    service,
    timeoutMs: startTimeoutMs + spec.graceMs,
    data: { service, spec, fingerprint, before: beforeOf(spec, observed) },
  }
  const passes = gate(target, gates)
  ops.push(...(turnOps({ target, observed, start, gate: passes, back }) ?? [start, passes]))
  // Where nothing was there, nothing is kept.
  if (spec.docker && observed) ops.push(dropOp(service, spec, 'the new ones have passed their gate'))
  return chain(ops, after)
}

/**
 * What is there before. A process that does not run is nothing; a container is there until it is removed, and whether one in a crash loop runs at this
 * moment is no part of a plan.
 */
function beforeOf({ docker }: RunSpec, observed: ObservedService | undefined): Fingerprint | null {
  if (docker) return observed ? (observed.fingerprint ?? {}) : null
  return isUp(observed) ? (observed?.fingerprint ?? {}) : null
}

/** A dead run may have left what it replaced, before or after the gate: that is passed now, and they are removed. */
function keptOps(target: Target, { snapshot, gates }: RollOptions, wanted: boolean, after: OpId[]): Op[] {
  const observed = snapshot.services[target.service]
  if (wanted && target.spec?.kubernetes) return chain(leftOps(target, observed), after)
  if (!wanted || !target.spec?.docker || observed?.kept === undefined) return []
  return chain([gate(target, gates), dropOp(target.service, target.spec, 'an earlier run left them')], after)
}

/** Versions of the files that the ledger lacks; null while the database cannot say. */
export const pendingMigrations = (
  database: DesiredDatabase,
  observed: ObservedDatabase | undefined,
): string[] | null => {
  if (observed?.applied === undefined)
    return observed?.created === false ? database.migrations.map((m) => m.version) : null
  return pendingAmong(database.migrations, observed.applied)
}

const pendingSeeds = (database: DesiredDatabase, observed: ObservedDatabase | undefined): string[] | null => {
  if (observed?.seeded === undefined) return observed?.created === false ? database.seeds.map((s) => s.name) : null
  const seeded = new Map(observed.seeded.map((seed) => [seed.name, seed.sha256]))
  return database.seeds.filter((file) => seeded.get(file.name) !== file.sha256).map((file) => file.name)
}

/** How long each statement may take, as ops carry it. */
export const statementTimeout = ({ statementTimeoutMs }: DesiredDatabase) =>
  statementTimeoutMs === undefined ? {} : { statementTimeoutMs }

/** The migration op of a plan, or undefined when nothing is pending. */
export function migrationOp(
  database: DesiredDatabase,
  observed: ObservedDatabase | undefined,
  source: Source,
): OpOf<'apply-migrations'> | undefined {
  const pending = pendingMigrations(database, observed)
  if (pending?.length === 0 || database.migrations.length === 0) return undefined
  const breaking = database.migrations.some(
    (file) => file.effect === 'breaking' && (pending === null || pending.includes(file.version)),
  )
  return {
    id: `migrate:${database.service}`,
    kind: 'apply-migrations',
    after: [],
    cause: pending === null ? 'the ledger is not readable yet' : `${pending.length} pending`,
    changes: true,
    // A database that was just made has nothing to lose.
    ...(breaking && pending !== null && observed?.created !== false ? { destructive: true } : {}),
    service: database.service,
    timeoutMs: migrationTimeoutMs,
    data: {
      service: database.service,
      database: database.name,
      source,
      ...statementTimeout(database),
      files: database.migrations,
      pending,
    },
  }
}

/** The op that runs the seeds which are new or changed, or undefined when none is. */
export function seedOp(
  database: DesiredDatabase,
  observed: ObservedDatabase | undefined,
  source: Source,
): OpOf<'apply-seeds'> | undefined {
  const pending = pendingSeeds(database, observed)
  if (database.seeds.length === 0 || pending?.length === 0) return undefined
  return {
    id: `seed:${database.service}`,
    kind: 'apply-seeds',
    after: [],
    cause: pending === null ? 'not known until it runs' : `${pending.length} new or changed`,
    changes: true,
    service: database.service,
    timeoutMs: migrationTimeoutMs,
    data: { service: database.service, database: database.name, source, files: database.seeds, pending },
  }
}

function ensureCause(observed: ObservedDatabase | undefined): string {
  if (observed?.created === false) return 'the data are new'
  return observed?.ready === false ? 'missing, or with another password' : 'not known until it runs'
}

function databaseOps(options: RollOptions, started: boolean, after: OpId[]): Op[] {
  const database = options.database as DesiredDatabase
  const observed = options.snapshot.database
  const ops: Op[] = []
  if (started || options.ensure !== undefined || observed?.ready === false) {
    ops.push({
      id: `ensure:${database.service}`,
      kind: 'ensure-database',
      after: [],
      cause: options.ensure ?? ensureCause(observed),
      changes: true,
      service: database.service,
      timeoutMs: 60_000,
      data: { service: database.service, name: database.name, user: database.user, password: database.password },
    })
  }
  const { steps } = options
  if (steps?.migrate) {
    const migrate = migrationOp(database, observed, steps.source)
    if (migrate) {
      ops.push(...(options.aroundMigration?.before ?? []), migrate, ...(options.aroundMigration?.after ?? []))
    }
  }
  if (steps?.seed) {
    const seed = seedOp(database, observed, steps.source)
    if (seed) ops.push(seed)
  }
  return chain(ops, after)
}
