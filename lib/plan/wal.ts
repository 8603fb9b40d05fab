import { createHash } from 'node:crypto'
import type { CatalogueEntry } from '../model/backup.ts'
import type { Desired, Fingerprint } from '../model/desired.ts'
import type { Finding } from '../model/finding.ts'
import type { Op, OpOf } from '../model/op.ts'
import type { Plan } from '../model/plan.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { type RestorableSpan, receiverName, type WalKnowledge, walPolicy } from '../model/wal.ts'
import { backupTargets } from './backup-targets.ts'
import { canonical } from './digest.ts'
import { isAtWork, isUp } from './target.ts'

/** What a receiver was started with, as a fingerprint: one that works with other words is replaced. */
export const receiverFingerprint = (data: OpOf<'receive-wal'>['data']): Fingerprint => ({
  wal: createHash('sha256').update(canonical(data)).digest('hex').slice(0, 32),
})

/** How WAL is to be received of the environment's database; undefined where the policy does not want it, or there is no such server. */
export function receiverData(desired: Desired): OpOf<'receive-wal'>['data'] | undefined {
  const policy = walPolicy(desired.configuration.backup)
  const spec = desired.services.find(({ name }) => name === desired.database?.service)?.spec
  if (!policy || !spec?.engine) return undefined
  const { service, engine, ports } = spec
  return {
    service,
    version: engine.version,
    port: Object.values(ports)[0] ?? 5432,
    targets: backupTargets(desired),
    recipients: [...desired.configuration.backup.recipients],
    ...policy,
  }
}

/**
 * Brings what receives WAL to what the policy says: starts or replaces it, or ends it and removes its slot. Nothing where all is as it should be. Without the
 * program a finding says so, and backups are taken all the same.
 */
export function receiverOps(desired: Desired, snapshot: Snapshot, wal: WalKnowledge, findings: Finding[]): Op[] {
  const { database } = desired
  if (!database) return []
  const data = receiverData(desired)
  const observed = snapshot.services[receiverName(database.service)]
  if (!data) {
    if (walPolicy(desired.configuration.backup) || (!isAtWork(observed) && !wal.slot)) return []
    return [endOp(database.service, 'point-in-time is switched off')]
  }
  if (!isUp(snapshot.services[data.service])) return []
  if (!wal.programs.some((major) => major >= data.version)) {
    findings.push(noProgram(data.service, data.version))
    return []
  }
  const same = observed?.fingerprint?.wal === receiverFingerprint(data).wal
  if (isUp(observed) && same) return []
  return [receiveOp(data, isUp(observed) ? 'configuration changed' : 'not running')]
}

/**
 * Starts what received a service's WAL before it was stopped, behind whatever is done to the service. Whoever never had it started has not got it from
 * `services up`: that it can be started a backup finds out.
 */
export function receiverAgain(desired: Desired, snapshot: Snapshot, names: ReadonlySet<string>, before: Op[]): Op[] {
  const data = receiverData(desired)
  if (!data || !names.has(data.service)) return []
  const observed = snapshot.services[receiverName(data.service)]
  if (!observed || isUp(observed)) return []
  const last = before.findLast(({ service }) => service === data.service)
  return [{ ...receiveOp(data, 'not running'), after: last ? [last.id] : [] }]
}

const receiveOp = (data: OpOf<'receive-wal'>['data'], cause: string): Op => ({
  id: `receive-wal:${data.service}`,
  kind: 'receive-wal',
  after: [],
  cause,
  changes: true,
  service: data.service,
  timeoutMs: 120_000,
  data,
})

const endOp = (service: string, cause: string): Op => ({
  id: `end-wal:${service}`,
  kind: 'end-wal',
  after: [],
  cause,
  changes: true,
  service,
  timeoutMs: 120_000,
  data: { service },
})

/** Removes WAL from before the oldest backup of its stream that stays, and streams that no backup needs and no slot goes on with. */
export function walPruneOps(
  desired: Desired,
  wal: WalKnowledge,
  entries: readonly Pick<CatalogueEntry, 'number' | 'manifest'>[],
  expired: readonly number[],
): Op[] {
  const firsts = new Map<string, string>()
  for (const { number, manifest } of entries) {
    const base = manifest?.sources.find((source) => source.wal !== undefined)?.wal
    if (!base || expired.includes(number)) continue
    const known = firsts.get(base.stream)
    if (known === undefined || base.first < known) firsts.set(base.stream, base.first)
  }
  // Which slot goes on is not known while the server does not answer: the newest stream stays.
  const current = wal.slot?.stream ?? [...wal.streams.keys()].sort().at(-1)
  type Pruned = OpOf<'prune-wal'>['data']['streams'][number]
  const streams = [...wal.streams].sort().flatMap(([stream, segments]): Pruned[] => {
    const before = firsts.get(stream)
    if (before === undefined) return stream === current ? [] : [{ stream, before: null }]
    return segments.some((name) => name < before) ? [{ stream, before }] : []
  })
  const [first, ...rest] = streams
  if (first === undefined) return []
  return [
    {
      id: 'prune-wal',
      kind: 'prune-wal',
      after: [],
      cause: 'no backup that is kept needs it',
      changes: true,
      timeoutMs: 60 * 60_000,
      data: { streams: [first, ...rest], targets: backupTargets(desired) },
    },
  ]
}

/** `task backup wal start` */
export function planWalStart(desired: Desired, snapshot: Snapshot, wal: WalKnowledge): Plan {
  const findings: Finding[] = []
  const { configuredAs, database } = desired
  if (!walPolicy(desired.configuration.backup)) findings.push(notWanted(configuredAs))
  else if (!database || !receiverData(desired)) findings.push(noServer(configuredAs))
  else if (!isUp(snapshot.services[database.service])) findings.push(notReady(database.service, configuredAs))
  const ops = findings.length > 0 ? [] : receiverOps(desired, snapshot, wal, findings)
  const refused = findings.map((finding) => ({ ...finding, severity: 'error' as const }))
  return { operation: 'backup wal start', environment: desired.environment, ops, findings: refused, notes: [] }
}

/** `task backup wal stop` */
export function planWalStop(desired: Desired, snapshot: Snapshot, wal: WalKnowledge): Plan {
  const service = desired.database?.service
  const isThere =
    service !== undefined && (isAtWork(snapshot.services[receiverName(service)]) || wal.slot !== undefined)
  return {
    operation: 'backup wal stop',
    environment: desired.environment,
    ops: isThere ? [endOp(service, 'asked for')] : [],
    findings: [],
    notes: ['what is in the targets stays, and can be restored to; from now on nothing is added'],
  }
}

/** Chooses the backup from which a time is reached: the newest one that was whole by then and whose WAL leads there. Pure. */
export const spanOf = (spans: readonly RestorableSpan[], time: string): RestorableSpan | undefined =>
  spans.findLast(({ from, to }) => from <= time && time <= to)

/** Why a time cannot be restored, with the nearest ones that can. */
export function noSuchTime(spans: readonly RestorableSpan[], time: string, environment: string): Finding {
  const before = spans
    .filter(({ to }) => to < time)
    .sort((a, b) => (a.to < b.to ? -1 : 1))
    .at(-1)
  const after = spans.filter(({ from }) => from > time).sort((a, b) => (a.from < b.from ? -1 : 1))[0]
  const near = [
    before &&
      `${shown(before.to)} (backup ${before.backup}${before.gap === undefined ? '' : `, then ${before.gap} is missing`})`,
    after && `${shown(after.from)} (backup ${after.backup})`,
  ].filter((text) => text !== undefined)
  return {
    rule: 'time-not-covered',
    severity: 'error',
    message:
      near.length > 0
        ? `${shown(time)} cannot be restored: the nearest possible times are ${near.join(' and ')}`
        : `no time of ${environment} can be restored: there is no backup with WAL behind it`,
    mend:
      near.length > 0
        ? `--to '${before?.to ?? after?.from}'`
        : `set pointInTime: true under backup, then task backup ${environment}`,
  }
}

const shown = (time: string): string => time.replace('T', ' ').replace('Z', ' UTC')

const noProgram = (service: string, version: number): Finding => ({
  rule: 'no-pg-receivewal',
  severity: 'warning',
  service,
  message: `the WAL of PostgreSQL ${version} is received by pg_receivewal ${version} or newer, which is not on this machine: nothing but the backups themselves can be restored`,
  mend: `apt-get install postgresql-client-${version}, or set pointInTime: false`,
})

const notWanted = (environment: string): Finding => ({
  rule: 'no-point-in-time',
  severity: 'error',
  message: `the policy of ${environment} wants no WAL to be received`,
  mend: `set pointInTime: true under backup in config/environments/${environment}.yaml`,
})

const noServer = (environment: string): Finding => ({
  rule: 'no-database',
  severity: 'error',
  message: `${environment} has no PostgreSQL server that this platform runs itself`,
})

const notReady = (service: string, environment: string): Finding => ({
  rule: 'database-not-ready',
  severity: 'error',
  service,
  message: `${service} does not run`,
  mend: `task services up ${service} --environment ${environment}`,
})
