import { createHash } from 'node:crypto'
import {
  type BackupManifest,
  type CatalogueEntry,
  type DrillReport,
  drillReportSchema,
  manifestSchema,
} from '../model/backup.ts'
import { type Failure, FailureError } from '../model/failure.ts'
import { canonical } from '../plan/digest.ts'
import { failureOf } from './store.ts'
import type { Target } from './targets/target.ts'

/** Whose backups are meant. */
export type BackupOwner = { workspace: { name: string; id: string }; environment: string }

/**
 * Where an environment's backups are in a target. Folders and not prefixes of names, so that none is part of another; by
 * the workspace's id, which a new name leaves as it is.
 */
export const ownerPrefix = ({ workspace, environment }: BackupOwner): string => `${workspace.id}/${environment}/`

/** Where one backup is. */
export const backupPrefix = (owner: BackupOwner, number: number): string =>
  `${ownerPrefix(owner)}${String(number).padStart(6, '0')}/`

/** SHA-256 over a manifest's other fields. */
export function manifestDigest(manifest: Omit<BackupManifest, 'digest'>): string {
  const { digest: _, ...rest } = manifest as BackupManifest
  return createHash('sha256').update(canonical(rest)).digest('hex')
}

/** The backups of an environment as its targets have them, and the targets that could not be read. */
export type Catalogue = { entries: CatalogueEntry[]; failures: { target: string; failure: Failure }[] }

/**
 * Reads the catalogue out of the targets themselves: there is no other, so that none can be lost or be wrong. In order of numbers, oldest first.
 */
export async function readCatalogue(targets: readonly Target[], owner: BackupOwner): Promise<Catalogue> {
  const byNumber = new Map<number, CatalogueEntry>()
  const failures: Catalogue['failures'] = []
  for (const target of targets) {
    try {
      for (const entry of await entriesOf(target, owner)) {
        const known = byNumber.get(entry.number)
        byNumber.set(entry.number, known ? merged(known, entry) : entry)
      }
    } catch (error) {
      failures.push({ target: target.name, failure: failureOf(error, target) })
    }
  }
  const entries = [...byNumber.values()].sort((a, b) => a.number - b.number)
  return { entries, failures }
}

async function entriesOf(target: Target, owner: BackupOwner): Promise<CatalogueEntry[]> {
  const prefix = ownerPrefix(owner)
  const numbers = new Map<number, string[]>()
  for (const { key } of await target.list(prefix)) {
    const [, number, name] = /^(\d{6,})\/([^/]+)$/.exec(key.slice(prefix.length)) ?? []
    if (number === undefined || name === undefined) continue
    numbers.set(Number(number), [...(numbers.get(Number(number)) ?? []), name])
  }
  return Promise.all([...numbers].map(([number, names]) => entryOf(target, owner, number, names)))
}

async function entryOf(target: Target, owner: BackupOwner, number: number, names: string[]): Promise<CatalogueEntry> {
  const prefix = backupPrefix(owner, number)
  const claim = (await readJson(target, `${prefix}claim.json`)) as CatalogueEntry['claim'] | undefined
  const begun: CatalogueEntry = {
    number,
    state: 'begun',
    created: claim?.at ?? '',
    drills: [],
    verified: false,
    targets: [target.name],
    ...(claim && { claim }),
  }
  if (!names.includes('manifest.json')) return begun
  const parsed = manifestSchema.safeParse(await readJson(target, `${prefix}manifest.json`))
  if (!parsed.success) return { ...begun, state: 'damaged', damage: 'its manifest cannot be read' }
  const manifest = parsed.data
  if (manifestDigest(manifest) !== manifest.digest || manifest.number !== number) {
    return { ...begun, state: 'damaged', damage: 'its manifest is not what was written' }
  }
  const reports = names.filter((name) => /^drill-.*\.json$/.test(name)).sort()
  const drills: DrillReport[] = []
  for (const name of reports) {
    const report = drillReportSchema.safeParse(await readJson(target, `${prefix}${name}`))
    if (report.success && report.data.manifest === manifest.digest) drills.push(report.data)
  }
  drills.sort((a, b) => (a.at < b.at ? -1 : 1))
  return { ...begun, state: 'complete', created: manifest.created, manifest, drills, verified: isVerified(drills) }
}

/** The newest drill says whether a backup is verified: one that failed since takes it back. */
const isVerified = (drills: DrillReport[]): boolean => drills.at(-1)?.ok === true

function merged(a: CatalogueEntry, b: CatalogueEntry): CatalogueEntry {
  const [best, other] = rank(a) >= rank(b) ? [a, b] : [b, a]
  const drills = [...best.drills]
  for (const drill of other.drills) if (!drills.some(({ run }) => run === drill.run)) drills.push(drill)
  drills.sort((x, y) => (x.at < y.at ? -1 : 1))
  const complete = [a, b].filter(({ state }) => state === best.state)
  return { ...best, drills, verified: isVerified(drills), targets: complete.flatMap(({ targets }) => targets) }
}

const rank = ({ state }: CatalogueEntry): number => ['begun', 'damaged', 'complete'].indexOf(state)

async function readJson(target: Target, key: string): Promise<unknown> {
  const stream = await target.read(key)
  if (stream === undefined) return undefined
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    return undefined
  }
}

/** Finds a backup: by number, or the newest complete one. Throws `no-such-backup`, `backup-damaged`, `backup-not-complete`. */
export function findBackup(
  entries: readonly CatalogueEntry[],
  wanted: number | 'latest',
  environment: string,
): CatalogueEntry & { manifest: BackupManifest } {
  const entry =
    wanted === 'latest'
      ? entries.findLast(({ state }) => state === 'complete')
      : entries.find(({ number }) => number === wanted)
  if (entry?.manifest) return { ...entry, manifest: entry.manifest }
  if (entry) {
    throw new FailureError({
      code: entry.state === 'damaged' ? 'backup-damaged' : 'backup-not-complete',
      message: `backup ${entry.number} of ${environment} cannot be used: ${entry.damage ?? 'it was begun and never finished'}`,
      next: [`task backups ${environment}`],
      outcome: 'unchanged',
    })
  }
  throw new FailureError({
    code: 'no-such-backup',
    message:
      wanted === 'latest' ? `there is no backup of ${environment}` : `there is no backup ${wanted} of ${environment}`,
    next: [wanted === 'latest' ? `task backup ${environment}` : `task backups ${environment}`],
    outcome: 'unchanged',
  })
}
