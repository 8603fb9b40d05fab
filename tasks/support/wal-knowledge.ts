import type { Target } from '../../lib/backup/targets/target.ts'
import { findWalPrograms } from '../../lib/backup/wal/program.ts'
import { observeWal, type WalServer } from '../../lib/backup/wal/slot.ts'
import { listAll } from '../../lib/backup/wal/spans.ts'
import { applicationName, withDatabase } from '../../lib/database/connect.ts'
import type { CatalogueEntry } from '../../lib/model/backup.ts'
import { FailureError, ok } from '../../lib/model/failure.ts'
import { type WalKnowledge, walPolicy } from '../../lib/model/wal.ts'
import type { Session } from './session.ts'

/** The server that WAL is received of, as it is; undefined where it does not answer. */
export async function readWalServer(
  { desired, platform, run }: Session,
  signal: AbortSignal,
): Promise<WalServer | undefined> {
  const service = desired.database?.service
  if (service === undefined) return undefined
  const admin = await platform.administrator(service)
  if (!admin.ok) return undefined
  const address = { ...admin.value, database: 'postgres', applicationName: applicationName(run), signal }
  const read = await withDatabase(address, async (session) => ok(await observeWal(session)))
  return read.ok ? read.value : undefined
}

/** What is known of an environment's WAL; undefined where none is received or ever was, so that nobody else waits for this. */
export async function readWal(
  session: Session,
  targets: readonly Target[],
  entries: readonly CatalogueEntry[],
  signal: AbortSignal,
): Promise<WalKnowledge | undefined> {
  const { desired } = session
  const wanted = walPolicy(desired.configuration.backup) !== undefined
  const was = entries.some(({ manifest }) => manifest?.sources.some(({ wal }) => wal !== undefined))
  if (!wanted && !was) return undefined
  const [streams, programs, server] = await Promise.all([
    listAll(targets, desired),
    findWalPrograms(signal),
    readWalServer(session, signal),
  ])
  return {
    programs: programs.map(({ major }) => major),
    streams: new Map([...streams].map(([stream, { segments }]) => [stream, segments])),
    ...(server?.slot && { slot: server.slot }),
  }
}

/** Reads a time as it is typed. One without a zone is refused: at night nobody knows which one was meant. Throws a usage failure. */
export function parseTime(text: string): string {
  const at = new Date(text)
  const hasZone = /(Z|UTC|GMT|[+-]\d{2}(:?\d{2})?)$/i.test(text.trim()) && /\d:\d/.test(text)
  if (!Number.isNaN(at.getTime()) && hasZone) return at.toISOString()
  throw new FailureError({
    code: 'usage',
    message: `--to ${JSON.stringify(text)} is no time with a zone`,
    next: [`--to '${new Date(Date.now() - 3_600_000).toISOString().slice(0, 19).replace('T', ' ')}+00'`],
    outcome: 'usage',
  })
}
