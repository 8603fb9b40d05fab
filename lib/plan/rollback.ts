import type { Finding } from '../model/finding.ts'
import type { Op } from '../model/op.ts'
import type { Plan } from '../model/plan.ts'
import type { Release } from '../model/release.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { hookOps } from './hooks.ts'
import { notificationOps } from './notifications.ts'
import { rollbackTarget } from './prune.ts'
import { databaseOfRelease, passwordCause, withoutReadiness } from './recorded-database.ts'
import { chain, roll } from './roll.ts'
import { type DatabaseBack, databaseBack } from './rollback-database.ts'
import { stop } from './services.ts'
import { causeOfChange, hasFiles, isAtWork, releaseTargets, type Target } from './target.ts'

/** How a rollback was asked for. */
export type RollbackOptions = {
  environment: string
  /** `--to N`; default is the newest healthy release that no rollback left. */
  to?: number
  /** Going back because a deploy failed: the release that failed. Then the target is the current release. */
  from?: number
  /** `--with-database`: what was migrated since the target is undone, after a backup. */
  withDatabase?: DatabaseBack
}

/** A rollback, planned from the release records and what was observed alone: needs no working tree, no catalogue. */
export function planRollback(snapshot: Snapshot, options: RollbackOptions): Plan {
  const { environment } = options
  const findings: Finding[] = []
  const plan: Plan = { operation: 'rollback', environment, ops: [], findings, notes: [] }
  const current = snapshot.releases.find((release) => release.number === snapshot.current)
  const target = chooseTarget(snapshot, options, findings)
  if (!target) return plan
  const left = snapshot.releases.find((release) => release.number === (options.from ?? current?.number))
  if (!options.withDatabase) findings.push(...breakingBetween(snapshot, target))

  const targets = releaseTargets(target)
  const causes = new Map<string, string>()
  for (const service of targets) {
    const cause = rollbackCause(service, snapshot)
    if (cause !== undefined) causes.set(service.service, cause)
  }
  const told = options.from !== undefined && left ? failureOps(left, snapshot.current) : []
  const back = options.withDatabase ? databaseBack(options.withDatabase, snapshot, target, findings) : []
  const [undone] = back.slice(-1)
  const first = [...told, ...back].slice(-1).map((op) => op.id)
  const database = databaseOfRelease(target)
  const ensure = passwordCause(left, target)
  const rolled = roll({
    targets,
    snapshot: withoutReadiness(snapshot),
    cause: (service) => causes.get(service.service),
    first,
    back: true,
    ...(database ? { database } : {}),
    ...(ensure === undefined ? {} : { ensure }),
  })
  const ops: Op[] = [...told, ...back, ...rolled.ops]
  const extra = (left?.services ?? []).filter(
    ({ service }) => !targets.some((t) => t.service === service) && isAtWork(snapshot.services[service]),
  )
  ops.push(...extra.map(({ service }) => stop(service, snapshot, `release ${target.number} does not have it`, first)))
  const gone = snapshot.current !== target.number
  const hooks = hookOps(target.hooks, 'afterRollback', {
    environment,
    release: target.number,
    revision: target.revision,
    previous: left?.number ?? null,
  })
  const messages = notificationOps((left ?? target).notifications, 'rolled-back', target.number)
  const ends = ops.map((op) => op.id).filter((id) => !ops.some((op) => op.after.includes(id)))
  ops.push(...chain([...(ops.some((op) => op.changes) ? hooks : []), ...messages], ends))
  if (!gone) return { ...plan, ops }
  const schema = undone ? `the schema goes back first, while release ${left?.number} still runs` : 'the schema stays'
  const note = `release ${target.number} (${target.revision}) becomes current; ${schema}`
  return { ...plan, ops, notes: [note], target: target.number }
}

/** What follows a failure before anything is changed back: the failed release's hooks, then who is told. A failing one only warns. */
function failureOps(failed: Release, previous: number | undefined): Op[] {
  const { environment, number, revision } = failed
  const given = { environment, release: number, revision, previous: previous ?? null }
  const hooks = hookOps(failed.hooks, 'onFailure', given).map((op) =>
    op.kind === 'run-hook' ? { ...op, data: { ...op.data, onError: 'warn' as const } } : op,
  )
  return chain([...hooks, ...notificationOps(failed.notifications, 'failed', number)], [])
}

/** What of a plan may run where the way back is refused: its ops before the first one that changes anything. */
export function withoutChanges(plan: Plan): Plan {
  const changing = plan.ops.findIndex((op) => op.changes)
  const told = plan.ops.filter((op, index) => (changing < 0 || index < changing) && !isLast(op))
  return { ...plan, ops: told }
}

/** Ops that say that the way back was gone. */
const isLast = (op: Op): boolean =>
  (op.kind === 'run-hook' && op.data.moment === 'afterRollback') ||
  (op.kind === 'send-notification' && op.data.on === 'rolled-back')

function chooseTarget(snapshot: Snapshot, options: RollbackOptions, findings: Finding[]): Release | undefined {
  const { releases, current } = snapshot
  const refuse = (rule: string, message: string, mend: string) => {
    findings.push({ rule, severity: 'error', message, mend })
    return undefined
  }
  const list = `task releases ${options.environment}`
  if (options.from !== undefined && options.to === undefined) return releases.find((r) => r.number === current)
  if (options.to !== undefined) {
    const target = releases.find((release) => release.number === options.to)
    if (!target) return refuse('unknown-release', `there is no release ${options.to} of ${options.environment}`, list)
    if (target.outcome !== 'healthy') {
      return refuse('release-not-healthy', `release ${target.number} was never healthy (${target.outcome})`, list)
    }
    return target
  }
  if (current === undefined) {
    return refuse('no-release', `${options.environment} has no release to roll back from`, list)
  }
  return (
    rollbackTarget(releases, current) ??
    refuse('no-rollback-target', `no healthy release is older than the current one (${current})`, list)
  )
}

/** A rollback is refused across an applied breaking migration: the old code does not work with that schema. */
function breakingBetween(snapshot: Snapshot, target: Release): Finding[] {
  const current = snapshot.releases.find((release) => release.number === snapshot.current)
  const applied = snapshot.database?.applied ?? current?.schema ?? []
  const known = new Set(target.schema.map((migration) => migration.version))
  return applied
    .filter((migration) => migration.effect === 'breaking' && !known.has(migration.version))
    .map((migration) => ({
      rule: 'rollback-across-breaking',
      severity: 'error' as const,
      message: `migration ${migration.version} ${migration.name} is breaking and was applied after release ${target.number}`,
      mend: 'undo it as well (--with-database, where it has a down part), deploy a revision that works with the present schema, or restore a backup taken before it',
    }))
}

function rollbackCause(target: Target, snapshot: Snapshot): string | undefined {
  const observed = snapshot.services[target.service]
  const cause = causeOfChange(target, observed)
  if (cause !== undefined || !target.spec || !hasFiles(target.spec)) return cause
  if (observed?.release === undefined) return 'runs the working tree'
  const from = snapshot.releases.find((release) => release.number === observed.release)
  return from?.outcome === 'healthy' ? undefined : `runs release ${observed.release}, which is not healthy`
}

/** After a failed first deploy: stops what it started, keeps data. An engine that ran before it goes on. */
export function planStopRelease(snapshot: Snapshot, release: Release): Plan {
  const ops: Op[] = failureOps(release, undefined)
  for (const { service, spec } of [...release.services].reverse()) {
    const observed = snapshot.services[service]
    // An engine runs no release's files: only the record says whose it is.
    const own = observed?.release === release.number || (spec && !hasFiles(spec) && release.starts?.includes(service))
    if (!own || !isAtWork(observed)) continue
    const previous = ops.at(-1)
    ops.push(stop(service, snapshot, `release ${release.number} failed`, previous ? [previous.id] : []))
  }
  return { operation: 'stop failed release', environment: release.environment, ops, findings: [], notes: [] }
}
