import { join } from 'node:path'
import type { Engine } from '../../database/engine/postgres.ts'
import type { PointInTime } from '../../model/backup.ts'
import { type Failure, FailureError } from '../../model/failure.ts'
import type { BackupOwner } from '../catalogue.ts'
import type { ScratchServer } from '../scratch.ts'
import { feedWal } from '../wal/feed.ts'
import { fetchSegment, openWal } from '../wal/fetch.ts'
import { fileOf, type Opened } from './files.ts'
import { restorePhysical } from './physical.ts'

/**
 * Unpacks a physical backup and recovers it with the WAL of a stream up to a time: every transaction that was committed until then is in, none after it. Throws
 * `FailureError`; when this resolves the server takes statements.
 */
export async function restoreToTime(
  owner: BackupOwner,
  opened: Opened,
  point: PointInTime,
  restore: { service: string; engine: Engine; dataFolder: string; folder: string; durable: boolean },
): Promise<ScratchServer> {
  const { stream, segmentBytes, time } = point
  const recovery = [
    `recovery_target_time=${postgresTime(time)}`,
    // What a restore has begun later is another timeline.
    'recovery_target_timeline=current',
  ]
  const source = opened.manifest.sources.find(({ name }) => name === restore.service)
  if (source?.pgbackrest) {
    return restorePhysical(opened, { ...restore, recovery }).catch((error: unknown) => {
      throw error instanceof FailureError ? new FailureError(...withTime(error.failures, time)) : error
    })
  }
  // A backup that is not there fails before anything is unpacked.
  fileOf(opened, restore.service, 'cluster')
  const { identities, signal } = opened
  const wal = await openWal(opened.targets, { owner, stream, segmentBytes, identities, signal })
  const feed = await feedWal(join(restore.folder, 'wal'), restore.engine.user, (name, path) =>
    fetchSegment(wal, name, path),
  )
  let started: ScratchServer | undefined
  try {
    started = await restorePhysical(opened, {
      ...restore,
      recovery: [`restore_command=${feed.command}`, ...recovery],
    })
  } catch (error) {
    // That a file could not be fetched says more than that the server has not found it.
    await feed.stop()
    throw error instanceof FailureError ? new FailureError(...withTime(error.failures, time)) : error
  }
  try {
    await feed.stop()
    return started
  } catch (error) {
    await started.stop()
    throw error
  }
}

/** As the setting takes it: while settings are read, PostgreSQL does not know yet what `Z` is. */
const postgresTime = (time: string): string => `${new Date(time).toISOString().slice(0, 23).replace('T', ' ')}+00`

function withTime(failures: readonly Failure[], time: string): [Failure, ...Failure[]] {
  const said = failures.map((failure) =>
    failure.code === 'scratch-not-started'
      ? { ...failure, message: `recovery to ${time} did not come to its end` }
      : failure,
  )
  return said as [Failure, ...Failure[]]
}
