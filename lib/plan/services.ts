import type { Desired, DesiredDatabase } from '../model/desired.ts'
import type { Finding } from '../model/finding.ts'
import type { Op } from '../model/op.ts'
import type { Plan } from '../model/plan.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { receiverName } from '../model/wal.ts'
import { builtImage } from './deploy-ops.ts'
import { databaseOfRelease, withoutReadiness } from './recorded-database.ts'
import { roll } from './roll.ts'
import { causeOfChange, isAtWork, isUp, releaseTargets, type Target, workingTreeTargets } from './target.ts'
import { receiverAgain } from './wal.ts'

/** Which services a command speaks of: names, a category, or all when both are absent. */
export type Selection = { names?: string[]; category?: string }

/** The names a selection stands for, in the order of the catalogue. */
export function selected(desired: Desired, selection: Selection): Set<string> {
  const names = desired.services
    .filter(({ name, category }) =>
      selection.names?.length || selection.category
        ? selection.names?.includes(name) || category === selection.category
        : true,
    )
    .map(({ name }) => name)
  return new Set(names)
}

/** The selected services and all that they depend on. */
export function withDependencies(targets: Target[], names: ReadonlySet<string>): Set<string> {
  const wanted = new Set(names)
  // Targets are in dependency order, so one pass backwards reaches every dependency.
  for (const target of [...targets].reverse()) {
    if (wanted.has(target.service)) for (const { service } of target.dependencies) wanted.add(service)
  }
  return wanted
}

/** What `services up` runs: the current release, or the working tree while there is none (or when it is asked for). */
export function upTargets(desired: Desired, snapshot: Snapshot, workingTree: boolean): UpTargets {
  const current = snapshot.releases.find((release) => release.number === snapshot.current)
  if (!current || workingTree) {
    const targets = workingTreeTargets(desired, snapshot)
    return { targets, note: 'runs the working tree', roll: { snapshot, ...databaseAs(desired.database) } }
  }
  const database = databaseOfRelease(current)
  const same = database?.password.digest === desired.database?.password.digest
  return {
    targets: releaseTargets(current),
    note: `runs release ${current.number} (${current.revision})`,
    roll: { snapshot: same ? snapshot : withoutReadiness(snapshot), ...databaseAs(database) },
  }
}

/** Targets, and what rolling them is given of the database: a release's services know the password of their day. */
export type UpTargets = {
  targets: Target[]
  note: string
  roll: { snapshot: Snapshot; database?: DesiredDatabase }
}

const databaseAs = (database: DesiredDatabase | undefined): { database?: DesiredDatabase } =>
  database ? { database } : {}

/** How `services up` was asked for. */
export type UpOptions = Selection & {
  workingTree: boolean
  /** A failure takes down only what depends on it. */
  resilient?: boolean
  /** What an earlier one had left: dependencies that are up stay as they are, too. */
  rest?: boolean
}

/** Starts what does not run, replaces what differs; each service after its dependencies' gates. */
export function planServicesUp(desired: Desired, snapshot: Snapshot, options: UpOptions): Plan {
  const { targets, note, roll: given } = upTargets(desired, snapshot, options.workingTree)
  const names = options.rest ? new Set(options.names) : selected(desired, options)
  const all = withDependencies(targets, names)
  const only = options.rest ? new Set([...all].filter((one) => names.has(one) || !isUp(snapshot.services[one]))) : all
  const builds = buildOps(targets, snapshot, only)
  const { ops, findings } = roll({
    ...given,
    targets,
    only,
    cause: (target) => causeOfChange(target, snapshot.services[target.service]),
    first: [],
    built: ownBuild(builds),
    ...(options.resilient ? { resilient: true } : {}),
  })
  return {
    operation: 'services up',
    environment: desired.environment,
    ops: [...builds, ...ops, ...receiverAgain(desired, snapshot, only, ops)],
    findings,
    notes: [note],
  }
}

/** The build of a service among these ops, as what its start waits for. */
export const ownBuild =
  (builds: Op[]) =>
  (service: string): string[] =>
    builds.filter((op) => op.service === service).map((op) => op.id)

/** Builds in the working tree whose artefact does not exist yet. */
export function buildOps(targets: Target[], snapshot: Snapshot, only: ReadonlySet<string>): Op[] {
  return targets.flatMap(({ service, spec, build }): Op[] => {
    if (!spec || !build || !only.has(service) || spec.source.kind !== 'working-tree') return []
    const artefact = spec.artefact ?? ''
    if (artefact !== '' && snapshot.built[service] === artefact) return []
    return [
      {
        id: `build:${service}`,
        kind: 'run-build',
        after: [],
        cause: snapshot.built[service] === undefined ? 'not built yet' : 'its files changed',
        changes: true,
        service,
        timeoutMs: build.timeoutMs,
        data: {
          service,
          source: spec.source,
          command: build.command,
          directory: build.directory,
          artefact,
          ...builtImage(spec, build.dockerfile),
        },
      },
    ]
  })
}

/** Stops services in reverse order of their dependencies, with what receives the WAL of one of them; keeps data. */
export function planServicesDown(desired: Desired, snapshot: Snapshot, options: Selection): Plan {
  const plan = withoutReceivers(desired, snapshot, options)
  const ops = plan.ops.flatMap((op): Op[] => {
    const name = receiverName(op.service ?? '')
    if (!isAtWork(snapshot.services[name])) return [op]
    return [stop(name, snapshot, `${op.service} is stopped`, []), { ...op, after: [...op.after, `stop:${name}`] }]
  })
  return { ...plan, ops }
}

function withoutReceivers(desired: Desired, snapshot: Snapshot, options: Selection): Plan {
  const names = selected(desired, options)
  const findings: Finding[] = []
  const ops: Op[] = []
  const stopOf = new Map<string, string>()
  for (const { name, dependencies } of [...desired.services].reverse()) {
    const observed = snapshot.services[name]
    // Containers that have ended are there until they are removed.
    if (!isAtWork(observed) && !(desired.platform === 'docker' && observed && names.has(name))) continue
    if (!names.has(name)) {
      for (const { service, optional } of dependencies) {
        if (!optional && names.has(service) && isUp(snapshot.services[service])) {
          findings.push({
            rule: 'dependent-keeps-running',
            severity: 'warning',
            service: name,
            message: `${name} needs ${service} and keeps running`,
            mend: `task services down ${name}`,
          })
        }
      }
      continue
    }
    const dependents = desired.services
      .filter((other) => other.dependencies.some((dependency) => dependency.service === name))
      .flatMap((other) => stopOf.get(other.name) ?? [])
    stopOf.set(name, `stop:${name}`)
    ops.push(stop(name, snapshot, 'asked for', dependents))
  }
  return { operation: 'services down', environment: desired.environment, ops, findings, notes: [] }
}

/** Stops the selected services and starts them again as they were or as they should be now. */
export function planServicesRestart(
  desired: Desired,
  snapshot: Snapshot,
  options: Selection & { workingTree: boolean },
): Plan {
  const names = selected(desired, options)
  // What receives WAL waits for its server by itself.
  const down = withoutReceivers(desired, snapshot, options)
  const stopped: Snapshot = { ...snapshot, services: { ...snapshot.services } }
  for (const name of names) delete stopped.services[name]
  const { targets, note, roll: given } = upTargets(desired, snapshot, options.workingTree)
  const builds = buildOps(targets, snapshot, names)
  // A failed build stops nothing, and nothing is started before what it replaces has been stopped.
  const built = builds.map((op) => op.id)
  const stops = down.ops.map((op) => (op.after.length > 0 ? op : { ...op, after: built }))
  const { ops, findings } = roll({
    ...databaseAs(given.database),
    targets,
    snapshot: stopped,
    only: names,
    cause: () => 'asked for',
    first: stops.length > 0 ? stops.map((op) => op.id) : built,
  })
  return {
    operation: 'services restart',
    environment: desired.environment,
    ops: [...builds, ...stops, ...ops],
    findings,
    notes: [note],
  }
}

/** An op that stops a service. */
export function stop(service: string, snapshot: Snapshot, cause: string, after: string[]): Op {
  return {
    id: `stop:${service}`,
    kind: 'stop-service',
    after,
    cause,
    changes: true,
    service,
    timeoutMs: 60_000,
    data: { service, before: snapshot.services[service]?.fingerprint ?? null },
  }
}
