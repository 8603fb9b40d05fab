import { createHash } from 'node:crypto'
import { z } from 'zod'
import { backupFileSchema } from '../../model/backup.ts'
import { FailureError } from '../../model/failure.ts'
import { canonical } from '../../plan/digest.ts'
import { damaged } from '../age.ts'
import type { BackupOwner } from '../catalogue.ts'
import type { Target } from '../targets/target.ts'

/*
 * In a target, beside the backups: `<workspace id>/_wal/<environment>/<stream>/`, in it `stream.json` and a folder for each WAL file, with the file and, written
 * last, its `manifest.json`. A stream is what one replication slot has kept together; the server's slot has its name. So WAL of two servers, or of one
 * before and after it was restored, is never mixed up, though its files may have the same names.
 */

/** Where an environment's WAL is in a target. */
export const walPrefix = ({ workspace, environment }: BackupOwner): string => `${workspace.id}/_wal/${environment}/`

/** Where a stream is in a target. */
export const streamPrefix = (owner: BackupOwner, stream: string): string => `${walPrefix(owner)}${stream}/`

/** `stream.json`: whose WAL it is. */
export const streamSchema = z.strictObject({
  format: z.literal(1),
  workspace: z.strictObject({ name: z.string(), id: z.string() }),
  environment: z.string(),
  service: z.string(),
  stream: z.string(),
  /** The server's system identifier, and the timeline at the start. */
  system: z.string(),
  timeline: z.int(),
  segmentBytes: z.int(),
  server: z.string(),
  /** ISO 8601. */
  created: z.string(),
})
/** Whose WAL a stream is. */
export type WalStream = z.output<typeof streamSchema>

/** `manifest.json` of a WAL file. */
export const walManifestSchema = z.strictObject({
  format: z.literal(1),
  stream: z.string(),
  /** `000000010000000000000003`, or of one that is not complete `000000010000000000000003.partial-00A50000`. */
  item: z.string(),
  /** The server's time up to which all transactions are in this file or before it; ISO 8601. Null where it is not known. */
  until: z.string().nullable(),
  received: z.string(),
  recipients: z.array(z.string()),
  file: backupFileSchema,
  /** SHA-256 over all of the above, as JSON with sorted keys. */
  digest: z.string(),
})
/** What is known of a WAL file in a target. */
export type WalManifest = z.output<typeof walManifestSchema>

/** SHA-256 over a manifest's other fields. */
export function walDigest(manifest: Omit<WalManifest, 'digest'>): string {
  const { digest: _, ...rest } = manifest as WalManifest
  return createHash('sha256').update(canonical(rest)).digest('hex')
}

/** The folder of a WAL file that is not complete: named by how many bytes of it there are, so that a later one sorts behind an earlier one. */
export const partialItem = (segment: string, bytes: number): string =>
  `${segment}.partial-${bytes.toString(16).toUpperCase().padStart(8, '0')}`

/** What a target has of a stream: complete files, and the newest part of each that is not. Sorted. */
export type Listed = { segments: string[]; partials: string[] }

/** What a target has of each stream of an environment, by names alone. */
export async function listStreams(target: Target, owner: BackupOwner): Promise<Map<string, Listed>> {
  const prefix = walPrefix(owner)
  const found = new Map<string, Listed>()
  for (const { key } of await target.list(prefix)) {
    const [stream = '', item = '', name] = key.slice(prefix.length).split('/')
    const listed = found.get(stream) ?? { segments: [], partials: [] }
    if (name === 'manifest.json' && /^[0-9A-F]{24}$/.test(item)) listed.segments.push(item)
    else if (name === 'manifest.json' && /^[0-9A-F]{24}\.partial-[0-9A-F]{8}$/.test(item)) listed.partials.push(item)
    found.set(stream, listed)
  }
  for (const listed of found.values()) {
    listed.segments.sort()
    listed.partials.sort()
  }
  return found
}

/** The manifest of a WAL file; undefined where there is none. Throws `backup-damaged`. */
export async function readWalManifest(
  target: Target,
  owner: BackupOwner,
  stream: string,
  item: string,
): Promise<WalManifest | undefined> {
  const key = `${streamPrefix(owner, stream)}${item}/manifest.json`
  const raw = await readJson(target, key)
  if (raw === undefined) return undefined
  const parsed = walManifestSchema.safeParse(raw)
  if (!parsed.success) throw damaged(`${key} in ${target.name}`, 'it cannot be read')
  const { data } = parsed
  if (walDigest(data) !== data.digest || data.item !== item || data.stream !== stream)
    throw damaged(`${key} in ${target.name}`, 'it is not what was written')
  return data
}

async function readJson(target: Target, key: string): Promise<unknown> {
  const content = await target.read(key)
  if (content === undefined) return undefined
  const chunks: Buffer[] = []
  for await (const chunk of content) chunks.push(chunk as Buffer)
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    return null
  }
}

/** The failure of a WAL file that no target has. */
export const walMissing = (segment: string): FailureError =>
  new FailureError({
    code: 'wal-missing',
    message: `no target has the WAL file ${segment}, without which nothing after it can be restored`,
    next: ['task backup check', 'restore to a time before it'],
    outcome: 'unchanged',
  })
