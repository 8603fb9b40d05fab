import type { Desired, DesiredDatabase } from '../model/desired.ts'
import type { Finding } from '../model/finding.ts'
import type { Op, OpId, OpOf } from '../model/op.ts'
import type { Plan } from '../model/plan.ts'
import type { Release } from '../model/release.ts'
import type { ObservedSource, Snapshot } from '../model/snapshot.ts'
import { backupFirst } from './backup.ts'
import { afterTheBuilds, buildOps, exportOp, pruneOps, withBeforeGate } from './deploy-ops.ts'
import { freshTargets } from './deploy-targets.ts'
import { envOps } from './env.ts'
import { gatePolicy } from './gates.ts'
import { type HookArguments, hookOps, recordedHooks } from './hooks.ts'
import { strategyFindings } from './kubernetes/rollout.ts'
import { storageSaid } from './kubernetes/storage-classes.ts'
import { leaves } from './leaves.ts'
import { notificationOps, recordedNotifications } from './notifications.ts'
import { chain, pendingMigrations, roll } from './roll.ts'
import { schemaAfter, unknownBreaking } from './schema.ts'
import { ownBuild, stop, withDependencies } from './services.ts'
import { causeOfChange, hasFiles, isAtWork, released, releaseTargets, type Target } from './target.ts'

/** What a deploy was asked to do, and who asks. */
export type DeployOptions = {
  /** Services to roll; the others stay as the current release has them. */
  only?: string[]
  allowDirty: boolean
  /** Images in the place of those of the catalogue, by service. */
  images?: Readonly<Record<string, string>>
  /** The environment's `.env` that has to be written first (a rehearsal's). */
  writeEnv?: OpOf<'write-env'>['data']
  /** Major versions of PostgreSQL's clients here, for the backup before; without it none is taken. */
  clients?: readonly number[]
  run: string
  by: string
  /** ISO 8601 */
  at: string
}

/**
 * A deploy: take the revision's files, build what changed, migrate, roll each changed service after its dependencies, gate, record, prune.
 * Hooks, gates, pruning and notifications enter only beside a changing op.
 */
export function planDeploy(desired: Desired, snapshot: Snapshot, options: DeployOptions): Plan {
  const source = snapshot.source as ObservedSource
  const number = Math.max(0, ...snapshot.releases.map((release) => release.number)) + 1
  const current = snapshot.releases.find((release) => release.number === snapshot.current)
  const findings = [...sourceFindings(source, options), ...imagesNotDeployed(options)]
  const environment = desired.environment
  const empty: Plan = { operation: 'deploy', environment, ops: [], findings, notes: [] }
  if (options.only && !current) {
    findings.push({
      rule: 'partial-first-deploy',
      severity: 'error',
      message:
        'the first deploy of an environment cannot be a partial one: there is no release to copy the others from',
      mend: `task deploy ${desired.configuredAs}`,
    })
    return empty
  }

  const fresh = freshTargets(desired, { ...snapshot, source }, options.images ?? {}, findings)
  if (findings.some(({ rule }) => rule.startsWith('image-'))) return empty
  const chosen = options.only ? withDependencies(fresh, new Set(options.only)) : new Set(fresh.map((t) => t.service))
  const copied = new Map(current ? releaseTargets(current).map((target) => [target.service, target]) : [])
  const asked = (name: string) => options.only === undefined || options.only.includes(name)
  // Of what it does not name, a partial deploy takes over all that the current release has, and nothing else.
  const wanted = [
    ...fresh
      .filter(({ service }) => chosen.has(service) || copied.has(service))
      .map((target) => (asked(target.service) ? target : (copied.get(target.service) ?? target))),
    ...(options.only ? [...copied.values()].filter(({ service }) => !fresh.some((t) => t.service === service)) : []),
  ]
  const causes = new Map<string, string>()
  for (const target of wanted) {
    // The record says that the others run as before, so what an unhealthy release has left of them is replaced as well.
    if (!chosen.has(target.service) && !runsUnhealthy(target.service, snapshot)) continue
    const cause = deployCause(target, snapshot, current)
    if (cause !== undefined) causes.set(target.service, cause)
  }
  const rolling = new Set([...chosen, ...causes.keys()])
  // What stays as it is keeps the files that it runs from.
  const targets = wanted.map((target) => (causes.has(target.service) ? target : keep(target, copied)))

  const migrates = desired.database !== undefined && chosen.has(desired.database.service)
  const pending = desired.database && migrates ? pendingMigrations(desired.database, snapshot.database) : []
  if (pending === null) findings.push(...unknownBreaking(desired, current))
  const removed = options.only
    ? []
    : [...copied.keys()].filter((name) => !fresh.some((t) => t.service === name) && isAtWork(snapshot.services[name]))
  const schemaChanges = pending === null || pending.length > 0
  if (causes.size === 0 && !schemaChanges && removed.length === 0) return empty

  const hooks = recordedHooks(desired.configuration)
  const notifications = recordedNotifications(desired.configuration)
  const given: HookArguments = {
    environment,
    release: number,
    revision: nameOf(source),
    previous: snapshot.current ?? null,
  }
  const moment = (name: Parameters<typeof hookOps>[1]) => hookOps(hooks, name, given)

  const env = envOps(options.writeEnv)
  const ops: Op[] = [
    ...env,
    ...chain(
      [exportOp(number, source)],
      env.map((op) => op.id),
    ),
  ]
  const first = backupFirst(desired, snapshot, pending, options.clients, findings)
  const prepared = chain([...first, ...moment('beforeBuild')], ['export'])
  ops.push(...prepared)
  const beforeBuild = [prepared.at(-1)?.id ?? 'export']
  const builds = buildOps(targets, causes, number).map((op) =>
    op.after.length === 0 ? { ...op, after: beforeBuild } : op,
  )
  ops.push(...builds)
  const built = builds.length > 0 ? builds.map((op) => op.id) : beforeBuild
  const afterBuild = chain(moment('afterBuild'), built)
  ops.push(...afterBuild)
  const readyToRoll = afterBuild.length > 0 ? [(afterBuild.at(-1) as Op).id] : built

  const rolled = roll({
    targets,
    snapshot,
    only: rolling,
    cause: (target) => causes.get(target.service),
    first: [],
    gates: gatePolicy(desired.configuration),
    built: (service) => (afterBuild.length > 0 ? readyToRoll : orBefore(ownBuild(builds)(service), beforeBuild)),
    ...(desired.database ? { database: desired.database } : {}),
    steps: { migrate: true, seed: false, source: { kind: 'release', release: number } },
    aroundMigration: { before: moment('beforeMigrate'), after: moment('afterMigrate') },
  })
  ops.push(...withBeforeGate(afterTheBuilds(rolled.ops, readyToRoll), moment('beforeGate')))
  findings.push(
    ...rolled.findings,
    ...strategyFindings(
      targets.filter(({ service }) => causes.has(service)),
      source,
    ),
  )
  ops.push(...removed.map((name) => stop(name, snapshot, 'no longer in the catalogue', leaves(ops))))

  const tail = chain(
    [
      ...moment('afterHealthy'),
      ...pruneOps(desired, snapshot, number, targets),
      ...notificationOps(notifications, 'healthy', number),
    ],
    leaves(ops),
  )
  ops.push(...tail)

  const release: Release = {
    version: 1,
    number,
    workspace: { name: desired.workspace.name, id: desired.workspace.id },
    environment,
    platform: desired.platform,
    ...(desired.database ? { database: databaseRecord(desired.database) } : {}),
    created: options.at,
    by: options.by,
    run: options.run,
    revision: nameOf(source),
    commit: source.commit,
    services: targets.map(released),
    starts: startsOf(ops, snapshot, targets),
    ...(options.only ? { only: options.only } : {}),
    ...(options.images && { given: options.images }),
    hooks,
    ...(notifications.length > 0 ? { notifications } : {}),
    schema: schemaAfter(migrates ? desired.database : undefined, snapshot, current),
    outcome: 'pending',
  }
  const said = storageSaid([...causes.keys()], source)
  findings.push(...said.findings)
  return { ...empty, ops, notes: [...notes(desired, snapshot, current, pending), ...said.notes], release }
}

/**
 * What a deploy has to answer for as its own start: what it starts, and what still is at work of the starts of deploys that died. Their
 * records are closed once this deploy has ended, so that only its own can say then whose an engine is.
 */
function startsOf(ops: Op[], { services, releases }: Snapshot, targets: Target[]): string[] {
  const own = ops.flatMap((op) => (op.kind === 'start-service' && op.data.before === null ? [op.data.service] : []))
  const left = new Set(releases.flatMap(({ outcome, starts }) => (outcome === 'pending' ? (starts ?? []) : [])))
  const inherited = targets.flatMap(({ service }) =>
    left.has(service) && isAtWork(services[service]) && !own.includes(service) ? [service] : [],
  )
  return [...own, ...inherited]
}

const databaseRecord = ({ service, name, user, password }: DesiredDatabase) => ({ service, name, user, password })

/** `HEAD` is another one tomorrow: a record names the commit. */
const nameOf = ({ revision, commit }: ObservedSource): string =>
  revision === 'HEAD' || revision === commit ? commit.slice(0, 12) : revision

/** A deploy also replaces what runs from elsewhere than a healthy release. */
function deployCause(target: Target, snapshot: Snapshot, current: Release | undefined): string | undefined {
  const observed = snapshot.services[target.service]
  const cause = causeOfChange(target, observed)
  if (cause !== undefined || !target.spec || !hasFiles(target.spec)) return cause
  if (observed?.release === undefined) return 'runs the working tree'
  const from = snapshot.releases.find((release) => release.number === observed.release)
  const trusted = from?.outcome === 'healthy' && current !== undefined
  return trusted ? undefined : `runs release ${observed.release}, which is not healthy`
}

const runsUnhealthy = (service: string, { services, releases }: Snapshot): boolean => {
  const observed = services[service]
  if (observed?.release === undefined || !isAtWork(observed)) return false
  return releases.find(({ number }) => number === observed.release)?.outcome !== 'healthy'
}

function keep(target: Target, copied: Map<string, Target>): Target {
  const before = copied.get(target.service)
  return before?.spec && target.spec ? { ...target, spec: { ...target.spec, source: before.spec.source } } : target
}

function sourceFindings(source: ObservedSource, options: DeployOptions): Finding[] {
  if (source.dirty.length === 0 || options.allowDirty) return []
  const shown = source.dirty.slice(0, 5).join(', ')
  const more = source.dirty.length > 5 ? ` and ${source.dirty.length - 5} more` : ''
  return [
    {
      rule: 'uncommitted-changes',
      severity: 'error',
      message: `uncommitted changes would not be in the release: ${shown}${more}`,
      mend: 'commit them, or deploy them as they are with --allow-dirty',
    },
  ]
}

/** An image for a service that a partial deploy takes over as it is. */
function imagesNotDeployed({ images = {}, only }: DeployOptions): Finding[] {
  return Object.keys(images).flatMap((service): Finding[] =>
    only === undefined || only.includes(service)
      ? []
      : [
          {
            rule: 'image-not-deployed',
            severity: 'error',
            service,
            message: `${service} is given an image, and is not among the services that are deployed`,
            mend: `name it too: task deploy … ${[...only, service].join(' ')}`,
          },
        ],
  )
}

const orBefore = (own: OpId[], before: OpId[]): OpId[] => (own.length > 0 ? own : before)

function notes(desired: Desired, snapshot: Snapshot, current: Release | undefined, pending: string[] | null): string[] {
  const breaking = (desired.database?.migrations ?? []).filter(
    (file) => file.effect === 'breaking' && pending?.includes(file.version),
  )
  if (breaking.length > 0 && snapshot.database?.created !== false) {
    return [`no way back but restore once ${breaking.map((file) => file.version).join(', ')} is applied (breaking)`]
  }
  return [
    current
      ? `when a gate fails: back to release ${current.number} (${current.revision}); the schema stays`
      : 'when a gate fails: what this deploy started is stopped, data are kept',
  ]
}
