import type { BackupPolicy } from './backup.ts'
import { type Milliseconds, parseDuration } from './duration.ts'

/** The times that can be restored from one backup with the WAL behind it. ISO 8601, by the server's clock. */
export type RestorableSpan = {
  backup: number
  stream: string
  segmentBytes: number
  from: string
  to: string
  /** How many WAL files lie behind the backup. */
  files: number
  /** The file that is missing although later ones are there. */
  gap?: string
}

/** What is known of a server's WAL and of what receives it. */
export type WalKnowledge = {
  /** Major versions of the `pg_receivewal` that are here. */
  programs: readonly number[]
  /** Our slot on the server; absent where there is none, or the server does not answer. */
  slot?: { stream: string; active: boolean; lost: boolean; keptBytes: number }
  /** What the targets have, by stream: the names of complete files, sorted. */
  streams: ReadonlyMap<string, readonly string[]>
}

/** How WAL is received, as the policy says it; undefined where it says that it is not. */
export function walPolicy({
  pointInTime,
  sources,
}: BackupPolicy): { everyMs: Milliseconds; keepBytes: number } | undefined {
  if (pointInTime === false) return undefined
  // The server hands its WAL over to that by itself.
  if (sources?.some((source) => source.type === 'database' && source.engine !== undefined)) return undefined
  const { every, keepAtMost } = pointInTime === true ? { every: '1m', keepAtMost: '4GB' } : pointInTime
  const unit = keepAtMost.endsWith('GB') ? 1024 ** 3 : 1024 ** 2
  return { everyMs: parseDuration(every) ?? 60_000, keepBytes: Number.parseInt(keepAtMost, 10) * unit }
}

/** The name under which what receives a service's WAL is supervised. No service can have it: there is a dot in it. */
export const receiverName = (service: string): string => `${service}.wal`
