import type { BackupManifest, CatalogueEntry, PointInTime } from '../model/backup.ts'
import type { Desired } from '../model/desired.ts'
import { formatDuration } from '../model/duration.ts'
import type { Finding } from '../model/finding.ts'
import type { Op } from '../model/op.ts'
import type { Plan } from '../model/plan.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { type BackupKnowledge, backupOp, backupTimeoutMs } from './backup.ts'
import { backupTargets } from './backup-targets.ts'
import { chosenSources, isOwnDatabase, restoreSources } from './restore-sources.ts'
import { chain } from './roll.ts'
import { planServicesUp, stop } from './services.ts'
import { isAtWork, isUp } from './target.ts'

/** What is to be restored. */
export type RestoreOptions = {
  entry: CatalogueEntry & { manifest: BackupManifest }
  identity?: string | undefined
  /** Another name for the database: then nothing is overwritten, and nothing is switched. */
  into?: string | undefined
  tables?: readonly string[] | undefined
  /** Of what the backup has, by name; default is all of it, but not the configuration. */
  sources?: readonly string[] | undefined
  roles: Readonly<Record<string, string>>
  /** To this moment, by the WAL behind the backup. */
  point?: PointInTime | undefined
  /** Without a safety backup of what is overwritten. */
  noSafetyBackup: boolean
  /** Milliseconds since 1970, for how old the backup is. */
  now: number
}

/**
 * A restore: a safety backup of what is there, the backup into a new place beside it, compared, and then both renamed. Until the last op nothing is
 * lost; a failure leaves what is there.
 */
export function planRestore(
  desired: Desired,
  snapshot: Snapshot,
  knowledge: BackupKnowledge,
  options: RestoreOptions,
): Plan {
  const { entry, into, tables } = options
  const { environment, database, configuration } = desired
  const plan: Plan = { operation: 'restore', environment, ops: [], findings: [], notes: notesOf(options) }
  const { findings } = plan
  const identity = options.identity ?? configuration.backup.identity ?? null
  const choice = {
    ...options,
    databaseOnly: into !== undefined || tables !== undefined || options.point !== undefined,
    identity,
  }
  const wanted = chosenSources(choice, findings)
  const others = restoreSources(desired, snapshot, wanted, choice, findings)
  if (findings.some(({ severity }) => severity === 'error')) return plan
  const source = wanted.find((one) => isOwnDatabase(desired, one))
  if (!source && others.beside.length + others.change.length > 0) {
    plan.ops = chain(
      [...safetyOps(desired, snapshot, knowledge, options, others.change, findings), ...both(others)],
      [],
    )
    return plan
  }
  if (!database || !source?.method || !source.database) {
    findings.push(noDatabase(desired, entry.number))
    return plan
  }
  const { service } = database
  const spec = desired.services.find((one) => one.name === service)?.spec
  const { method } = source
  const physical = method === 'physical'
  if (!spec || (physical && !spec.engine)) {
    findings.push(notDriven(service))
    return plan
  }
  // Of a server in a container only it knows its version.
  const version = spec.engine?.version ?? 0
  const switches = into === undefined && tables === undefined
  const copied = physical && !switches
  if (copied && !knowledge.clients.some((major) => major >= version)) {
    findings.push({
      rule: 'restore-whole-only',
      severity: 'error',
      message: `backup ${entry.number} is a physical one: without pg_dump and pg_restore ${version} or newer on this machine it is restored as a whole, without --into and --tables`,
      mend: `apt-get install postgresql-client-${version}`,
    })
    return plan
  }
  const observed = snapshot.services[service]
  if (!(physical && switches) && !isUp(observed)) {
    findings.push({
      rule: 'database-not-ready',
      severity: 'error',
      service,
      message: `${service} does not run, and a dump is restored into a running server`,
      mend: `task services up ${service} --environment ${desired.configuredAs}`,
    })
    return plan
  }
  findings.push(...ledgerFindings(desired, entry))
  const ops: Op[] = []
  if (switches && isUp(observed) && snapshot.database?.ready !== false) {
    ops.push(...safetyOps(desired, snapshot, knowledge, options, true, findings))
  }
  ops.push(...others.beside)
  const beside = into ?? `${database.name.slice(0, 50)}_restored`
  ops.push({
    id: `restore:${service}`,
    kind: 'restore-database',
    after: [],
    cause: `backup ${entry.number} of ${entry.created.slice(0, 16).replace('T', ' ')}`,
    changes: true,
    service,
    timeoutMs: backupTimeoutMs,
    data: {
      backup: entry.number,
      manifest: entry.manifest.digest,
      targets: backupTargets(desired),
      identity,
      service,
      version,
      method,
      database: source.database,
      into: beside,
      tables: tables ? [...tables] : null,
      roles: { ...options.roles },
      ...(copied && { copied }),
      ...(options.point && { point: options.point }),
    },
  })
  if (switches) {
    const change: Op = {
      id: `switch:${service}`,
      kind: 'switch-database',
      after: [],
      cause: 'what was restored takes its place',
      changes: true,
      destructive: true,
      service,
      timeoutMs: 300_000,
      data: { service, version, method, database: database.name, from: beside },
    }
    if (!physical) ops.push(change)
    else {
      // A data folder changes hands while nobody has it in use.
      const { [service]: _, ...others } = snapshot.services
      const up = planServicesUp(desired, { ...snapshot, services: others }, { names: [service], workingTree: false })
      if (isAtWork(observed)) ops.push(stop(service, snapshot, 'its data are replaced', []))
      // With the gate behind it the roles get the passwords of this environment: those of the backup may be others.
      ops.push(change, ...up.ops)
      findings.push(...up.findings)
    }
  }
  plan.ops = chain([...ops, ...others.change], [])
  return plan
}

const both = ({ beside, change }: ReturnType<typeof restoreSources>): Op[] => [...beside, ...change]

/** The backup of what is overwritten, where anything is and nobody has said otherwise. */
function safetyOps(
  desired: Desired,
  snapshot: Snapshot,
  knowledge: BackupKnowledge,
  { noSafetyBackup }: RestoreOptions,
  overwrites: boolean | readonly Op[],
  findings: Finding[],
): Op[] {
  if (noSafetyBackup || overwrites === false || (Array.isArray(overwrites) && overwrites.length === 0)) return []
  const safety = backupOp(desired, snapshot, knowledge, 'before-restore', findings)
  return safety ? [safety] : []
}

function notesOf({ entry, into, now, point }: RestoreOptions): string[] {
  if (point) {
    const before = formatDuration(Math.max(0, now - Date.parse(point.time)))
    const reached = `backup ${entry.number} is brought there by the WAL behind it`
    if (into !== undefined) {
      return [
        `${point.time} is ${before} ago: what was committed since is not in it; ${reached}`,
        `what is there stays; ${into} stands beside it`,
      ]
    }
    return [
      `${point.time} is ${before} ago: what was committed since is lost; ${reached}`,
      'after it another stream of WAL begins: take a backup, from which later times can be restored again',
    ]
  }
  const age = formatDuration(Math.max(0, now - Date.parse(entry.created)))
  const drill = entry.drills.at(-1)
  const notes = [
    `backup ${entry.number} is ${age} old: what was written since is ${into === undefined ? 'lost' : 'not in it'}`,
    entry.verified && drill
      ? `verified by a drill on ${drill.at.slice(0, 16).replace('T', ' ')}: restored in ${formatDuration(drill.restoreMs)}`
      : 'it was never verified by a drill',
  ]
  return into === undefined ? notes : [...notes, `what is there stays; ${into} stands beside it`]
}

/** A backup that is older than the schema which the code needs, or newer. */
function ledgerFindings({ database, configuredAs }: Desired, { number, manifest }: RestoreOptions['entry']): Finding[] {
  const recorded = manifest.sources.find(({ type }) => type === 'database')?.migrations
  if (!database || !Array.isArray(recorded)) return []
  const known = new Set(database.migrations.map(({ version }) => version))
  const missing = database.migrations.filter(({ version }) => !recorded.includes(version))
  const unknown = recorded.filter((version) => !known.has(String(version)))
  const findings: Finding[] = []
  if (missing.length > 0) {
    findings.push({
      rule: 'backup-older-than-schema',
      severity: 'warning',
      message: `backup ${number} is from before ${missing.map(({ version }) => version).join(', ')}`,
      mend: `task migrate up ${configuredAs}`,
    })
  }
  if (unknown.length > 0) {
    findings.push({
      rule: 'backup-newer-than-schema',
      severity: 'warning',
      message: `backup ${number} has migrations that this working tree does not know: ${unknown.join(', ')}`,
      mend: 'check out the revision that was deployed then',
    })
  }
  return findings
}

const noDatabase = ({ environment }: Desired, number: number): Finding => ({
  rule: 'no-database',
  severity: 'error',
  message: `${environment} names no database, or backup ${number} holds none`,
})

const notDriven = (service: string): Finding => ({
  rule: 'database-not-driven',
  severity: 'error',
  service,
  message: `${service} is no server that this platform runs itself`,
})
