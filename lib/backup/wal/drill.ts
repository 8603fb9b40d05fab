import { join } from 'node:path'
import { applicationName, withDatabase } from '../../database/connect.ts'
import type { PointInTime } from '../../model/backup.ts'
import { FailureError, ok, unwrap } from '../../model/failure.ts'
import type { BackupPorts } from '../context.ts'
import type { DrillOptions } from '../drill.ts'
import { physicalEngine } from '../engine.ts'
import { contentsOf, type Opened } from '../restore/files.ts'
import { restoreToTime } from '../restore/point-in-time.ts'
import { readRestored } from '../restore/read.ts'
import { inFolder } from '../scratch.ts'
import { streamPrefix } from './archive.ts'
import { changedSince, type Since } from './since.ts'

/** What a drill of a point in time found. Times are ISO 8601. */
export type PointDrill = {
  format: 1
  run: string
  at: string
  backup: number
  /** What was asked for, and when the last transaction was committed that is in it; null where none was since the backup. */
  time: string
  last: string | null
  restoreMs: number
  readMs: number
  tables: number
  rows: number
  /** Compared with what was in it when the backup was taken. */
  since: Since
  on: string
}

/**
 * Brings a backup to a moment in a scratch server, reads every table through, and compares with the backup what can be: tables that nobody wrote to since,
 * and what no statement changes. That is less than all, so it does not make the backup verified. Throws `FailureError`.
 */
export async function drillPoint(
  ports: BackupPorts,
  opened: Opened,
  point: PointInTime,
  { run, signal }: DrillOptions,
): Promise<PointDrill> {
  const source = opened.manifest.sources.find(({ method }) => method === 'physical')
  const service = source?.service ?? ''
  const version = Number.parseInt(source?.server ?? '0', 10)
  const engine = unwrap(await physicalEngine(ports, service, version, signal))
  const scratchFolder = join(await ports.scratchFolder(), `drill-${opened.manifest.number}`)
  const found = await inFolder(scratchFolder, async (folder) => {
    const started = performance.now()
    const dataFolder = join(folder, `postgres-${version}`)
    const scratch = await restoreToTime(ports, opened, point, { service, engine, dataFolder, folder, durable: false })
    try {
      const restored = performance.now()
      const address = {
        ...scratch.server,
        database: source?.database ?? '',
        applicationName: applicationName(run),
        signal,
      }
      const last = unwrap(
        await withDatabase(address, async (connection) => {
          const { rows } = await connection.query<{ at: Date | null }>('select pg_last_xact_replay_timestamp() as at')
          return ok(rows[0]?.at ?? null)
        }),
      )
      if (last !== null && last > new Date(Date.parse(point.time) + 1)) throw new FailureError(tooFar(point, last))
      const contents = await readRestored(address)
      const { tables } = contents
      const since = changedSince(await contentsOf(opened, service), contents)
      if (since.impossible.length > 0) throw new FailureError(otherDatabase(point, since.impossible))
      return {
        last: last?.toISOString() ?? null,
        restoreMs: Math.round(restored - started),
        readMs: Math.round(performance.now() - restored),
        tables: tables.length,
        rows: tables.reduce((sum, { rows }) => sum + Number(rows), 0),
        since,
      }
    } finally {
      await scratch.stop()
    }
  })
  const report: PointDrill = {
    format: 1,
    run,
    at: new Date().toISOString(),
    backup: opened.manifest.number,
    time: point.time,
    ...found,
    on: `a scratch server, PostgreSQL ${engine.version} (${engine.kind})`,
  }
  const key = `${streamPrefix(ports, point.stream)}drill-${run}.json`
  await Promise.allSettled(
    opened.targets.map((target) => target.create(key, `${JSON.stringify(report, undefined, 2)}\n`)),
  )
  return report
}

const otherDatabase = ({ time }: PointInTime, lines: string[]) => ({
  code: 'backup-differs',
  message: `the recovery to ${time} came to another database than the one of the backup`,
  lines,
})

const tooFar = ({ time }: PointInTime, last: Date) => ({
  code: 'backup-differs',
  message: `the recovery to ${time} holds a transaction of ${last.toISOString()}`,
})
