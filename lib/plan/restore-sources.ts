import type { BackupManifest, CatalogueEntry, ManifestSource } from '../model/backup.ts'
import type { TakenSource } from '../model/backup-sources.ts'
import type { Desired } from '../model/desired.ts'
import type { Finding } from '../model/finding.ts'
import type { Op } from '../model/op.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { backupTimeoutMs } from './backup.ts'
import { sourcesOf } from './backup-sources.ts'
import { backupTargets } from './backup-targets.ts'

/** What restoring a source takes: first what is beside what is there, then what takes its place. */
export type RestorePart = { beside: Op[]; change: Op[] }

/** Which of a backup's sources are restored, and how. */
export type SourceChoice = {
  entry: CatalogueEntry & { manifest: BackupManifest }
  /** By name; undefined: all, but not the configuration. */
  sources?: readonly string[] | undefined
  /** The database alone is meant. */
  databaseOnly: boolean
  identity: string | null
  into?: string | undefined
  roles: Readonly<Record<string, string>>
}

/** The sources that are restored; findings for names that the backup does not have. */
export function chosenSources({ entry, sources, databaseOnly }: SourceChoice, findings: Finding[]): ManifestSource[] {
  const { manifest, number } = entry
  if (sources) {
    const names = manifest.sources.map(({ name }) => name)
    for (const name of sources.filter((one) => !names.includes(one))) {
      findings.push(error('no-such-source', `backup ${number} has no ${name}`, `it has ${names.join(', ')}`))
    }
    return manifest.sources.filter(({ name }) => sources.includes(name))
  }
  return manifest.sources.filter(({ type }) => (databaseOnly ? type === 'database' : type !== 'configuration'))
}

/** How the environment's own database is told from others: it is the source with the name of its service. */
export const isOwnDatabase = ({ database }: Desired, { name, type }: ManifestSource): boolean =>
  type === 'database' && database?.url === undefined && database?.service === name

/** The ops of sources besides the environment's own database. */
export function restoreSources(
  desired: Desired,
  snapshot: Snapshot,
  wanted: readonly ManifestSource[],
  choice: SourceChoice,
  findings: Finding[],
): RestorePart {
  const others = wanted.filter((source) => !isOwnDatabase(desired, source))
  if (others.length === 0) return { beside: [], change: [] }
  const targets = backupTargets(desired)
  // What is wrong with sources that are not restored is not asked here.
  const unasked: Finding[] = []
  const known = sourcesOf(desired, snapshot, { clients: [], targets }, unasked)
  const parts = others.map((source) => {
    const policy = known.find((one) => one.type === source.type && nameOf(one) === source.name)
    if (!policy && source.type !== 'configuration') {
      const reason = unasked.find(({ service }) => service === source.name)
      findings.push(reason ?? notInPolicy(desired, source.name))
      return { beside: [], change: [] }
    }
    return partOf(desired, source, policy, choice)
  })
  return { beside: parts.flatMap(({ beside }) => beside), change: parts.flatMap(({ change }) => change) }
}

const nameOf = (source: TakenSource): string => (source.type === 'database' ? source.service : source.name)

function partOf(
  desired: Desired,
  source: ManifestSource,
  policy: TakenSource | undefined,
  { entry, identity, into, roles }: SourceChoice,
): RestorePart {
  const { name } = source
  const from = {
    backup: entry.number,
    manifest: entry.manifest.digest,
    targets: backupTargets(desired),
    identity,
  }
  const common = {
    after: [],
    cause: `backup ${entry.number} of ${entry.created.slice(0, 16).replace('T', ' ')}`,
    changes: true,
    timeoutMs: backupTimeoutMs,
  }
  const place = { after: [], cause: 'what was restored takes its place', changes: true, destructive: true }
  if (policy?.type === 'redis') {
    const op: Op = {
      ...common,
      id: `restore:${name}`,
      kind: 'restore-redis',
      destructive: true,
      data: { ...from, source: policy },
    }
    return { beside: [], change: [op] }
  }
  if (policy?.type === 'database') {
    const database = source.database ?? policy.database
    const wanted = into ?? `${database.slice(0, 50)}_restored`
    const at = {
      service: name,
      version: 0,
      method: 'logical' as const,
      ...(policy.url !== undefined && { url: policy.url }),
    }
    const data = { ...from, ...at, database, into: wanted, tables: null, roles: { ...roles } }
    return {
      beside: [{ ...common, id: `restore:${name}`, kind: 'restore-database', data }],
      change:
        into === undefined
          ? [
              {
                ...place,
                id: `switch:${name}`,
                kind: 'switch-database',
                timeoutMs: 300_000,
                data: { ...at, database, from: wanted },
              },
            ]
          : [],
    }
  }
  // The configuration is what this very command runs by: a person looks at it, and takes what is wanted.
  const aside = policy?.type === 'folder' ? null : `.ops/restored/${entry.number}-${name}`
  const path = policy?.type === 'folder' ? policy.path : '.'
  return {
    beside: [
      { ...common, id: `restore:${name}`, kind: 'restore-files', data: { ...from, source: name, into: aside, path } },
    ],
    change:
      aside === null
        ? [{ ...place, id: `switch:${name}`, kind: 'switch-files', timeoutMs: 300_000, data: { source: name, path } }]
        : [],
  }
}

const error = (rule: string, message: string, mend: string): Finding => ({ rule, severity: 'error', message, mend })

const notInPolicy = ({ configuredAs }: Desired, name: string): Finding =>
  error(
    'source-not-in-policy',
    `${name} is in the backup, and its policy does not say any more where it belongs`,
    `name it under backup.sources in config/environments/${configuredAs}.yaml, or choose others with --source`,
  )
