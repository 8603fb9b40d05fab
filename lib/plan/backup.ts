import type { BackupReason, CatalogueEntry, PointInTime } from '../model/backup.ts'
import type { Desired } from '../model/desired.ts'
import type { Finding } from '../model/finding.ts'
import type { Op, OpOf } from '../model/op.ts'
import type { Plan } from '../model/plan.ts'
import type { Snapshot } from '../model/snapshot.ts'
import type { WalKnowledge } from '../model/wal.ts'
import { sourcesOf } from './backup-sources.ts'
import { backupTargets } from './backup-targets.ts'
import { expiredBackups, type Retained } from './retention.ts'
import { chain } from './roll.ts'
import { receiverOps, walPruneOps } from './wal.ts'

/** What is known of the machine and of earlier backups. */
export type BackupKnowledge = {
  /** Major versions of PostgreSQL's clients that are here. */
  clients: readonly number[]
  entries: readonly (CatalogueEntry & Retained)[]
  /** Where WAL is received, or was. */
  wal?: WalKnowledge
}

/** How long a backup, a drill or a restore may take, in milliseconds. */
export const backupTimeoutMs = 12 * 60 * 60_000

/** Takes a backup of an environment and removes those that its policy does not keep any more. */
export function planBackup(desired: Desired, snapshot: Snapshot, knowledge: BackupKnowledge): Plan {
  const plan: Plan = { operation: 'backup', environment: desired.environment, ops: [], findings: [], notes: [] }
  const take = backupOp(desired, snapshot, knowledge, 'asked', plan.findings)
  if (!take) return plan
  const { keep } = desired.configuration.backup
  // The one that is about to be taken counts already.
  const next = {
    number: Math.max(0, ...knowledge.entries.map(({ number }) => number)) + 1,
    state: 'complete' as const,
    created: snapshot.at,
    verified: false,
  }
  const expired = expiredBackups([...knowledge.entries, next], keep)
  const { wal } = knowledge
  // First the slot: the WAL from the backup on is kept by it.
  const receive = wal ? receiverOps(desired, snapshot, wal, plan.findings) : []
  const prune = [...pruneOps(desired, expired), ...(wal ? walPruneOps(desired, wal, knowledge.entries, expired) : [])]
  plan.ops.push(...chain([...receive, take, ...prune], []))
  return plan
}

/** Removes what the policy does not keep. */
export function planPrune(desired: Desired, knowledge: Pick<BackupKnowledge, 'entries' | 'wal'>): Plan {
  const expired = expiredBackups(knowledge.entries, desired.configuration.backup.keep)
  return {
    operation: 'backup prune',
    environment: desired.environment,
    ops: chain(
      [
        ...pruneOps(desired, expired),
        ...(knowledge.wal ? walPruneOps(desired, knowledge.wal, knowledge.entries, expired) : []),
      ],
      [],
    ),
    findings: [],
    notes: [],
  }
}

function pruneOps(desired: Desired, expired: number[]): Op[] {
  const [first, ...rest] = expired
  if (first === undefined) return []
  return [
    {
      id: 'prune',
      kind: 'prune-backups',
      after: [],
      cause: 'no rule of the policy keeps them',
      changes: true,
      timeoutMs: backupTimeoutMs,
      data: { backups: [first, ...rest], targets: backupTargets(desired) },
    },
  ]
}

const causes: Record<BackupReason, string> = {
  asked: 'asked for',
  'before-deploy': 'before anything changes',
  'before-rollback': 'what is undone is kept',
  'before-restore': 'before the restore',
}

/** The op that takes a backup; undefined when there is nothing to take, or it cannot be taken: the findings say why. */
export function backupOp(
  desired: Desired,
  snapshot: Snapshot,
  knowledge: Pick<BackupKnowledge, 'clients'>,
  reason: BackupReason,
  findings: Finding[],
): OpOf<'take-backup'> | undefined {
  const { recipients } = desired.configuration.backup
  const targets = backupTargets(desired)
  const sources = sourcesOf(desired, snapshot, { clients: knowledge.clients, targets }, findings)
  findings.push(...keyFindings(desired))
  const [first, ...rest] = sources
  if (first === undefined) {
    if (!findings.some(({ severity }) => severity === 'error')) findings.push(nothingToTake(desired))
    return undefined
  }
  return {
    id: 'backup',
    kind: 'take-backup',
    after: [],
    cause: causes[reason],
    changes: true,
    timeoutMs: backupTimeoutMs,
    data: { reason, sources: [first, ...rest], targets, recipients, release: snapshot.current ?? null },
  }
}

/**
 * The backup before a deploy: where its policy wants one (`backupFirst`), and before a breaking migration, from which nothing but a restore leads
 * back. A database that was never made has nothing to lose.
 * @param pending versions of migrations; null where the database does not answer
 */
export function backupFirst(
  desired: Desired,
  snapshot: Snapshot,
  pending: readonly string[] | null,
  clients: readonly number[] | undefined,
  findings: Finding[],
): Op[] {
  const { database, configuration } = desired
  if (clients === undefined || !database || snapshot.database?.created === false) return []
  const breaking = database.migrations.some(
    ({ effect, version }) => effect === 'breaking' && pending?.includes(version) === true,
  )
  if (!configuration.deploy.backupFirst && !breaking) return []
  const op = backupOp(desired, snapshot, { clients }, 'before-deploy', findings)
  return op ? [op] : []
}

function keyFindings({ configuration, configuredAs }: Desired): Finding[] {
  const { recipients, recoveryKey } = configuration.backup
  const file = `config/environments/${configuredAs}.yaml`
  if (recipients.length === 0) {
    return [
      {
        rule: 'backup-unencrypted',
        severity: 'warning',
        message: `backups of ${configuredAs} are not encrypted: who can read the target can read the data`,
        mend: `age-keygen, and name its public key and another one under backup.recipients in ${file}`,
      },
    ]
  }
  if (recipients.length > 1) return []
  if (!recoveryKey) {
    return [
      {
        rule: 'no-recovery-key',
        severity: 'warning',
        message: `one key opens the backups of ${configuredAs}: when it is lost, they are lost`,
      },
    ]
  }
  return [
    {
      rule: 'no-recovery-key',
      severity: 'error',
      message: `backups of ${configuredAs} are for a single key: when it is lost, they are lost`,
      mend: `add a second one under backup.recipients in ${file}, kept elsewhere; or say recoveryKey: false`,
    },
  ]
}

const nothingToTake = ({ environment, configuredAs }: Desired): Finding => ({
  rule: 'nothing-to-back-up',
  severity: 'error',
  message: `there is nothing to back up of ${environment}`,
  mend: `name it under backup.sources in config/environments/${configuredAs}.yaml`,
})

/** Restores a backup beside everything else and compares it. */
export function planDrill(
  desired: Desired,
  backup: { number: number; digest: string },
  identity: string | undefined,
  point?: PointInTime,
): Plan {
  const { identity: configured } = desired.configuration.backup
  const targets = backupTargets(desired)
  return {
    operation: 'backup drill',
    environment: desired.environment,
    ops: [
      {
        id: 'drill',
        kind: 'drill-backup',
        after: [],
        cause: 'asked for',
        changes: true,
        timeoutMs: backupTimeoutMs,
        data: {
          backup: backup.number,
          manifest: backup.digest,
          targets,
          identity: identity ?? configured ?? null,
          ...(point && { point }),
        },
      },
    ],
    findings: [],
    notes: ['nothing of the environment is touched'],
  }
}
