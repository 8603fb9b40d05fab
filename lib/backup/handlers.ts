import { join } from 'node:path'
import type { BackupManifest, BackupTarget } from '../model/backup.ts'
import { formatDuration } from '../model/duration.ts'
import { type Failure, FailureError, failed, ok, type Result } from '../model/failure.ts'
import type { Handler, OpContext, OpResult, SecretSource } from '../model/platform.ts'
import { keepBackups } from '../plan/retention.ts'
import { backupPrefix, readCatalogue } from './catalogue.ts'
import type { BackupPorts } from './context.ts'
import { drill } from './drill.ts'
import { openBackup } from './open.ts'
import { withRepository } from './pgbackrest/program.ts'
import { expireBackup, findRepository, placesIn } from './pgbackrest/repository.ts'
import { restoreDatabase } from './restore/database.ts'
import { restoreFiles, switchFiles } from './restore/folder.ts'
import { restoreRedis } from './restore/redis-into.ts'
import { switchDatabase } from './restore/switch.ts'
import { takeBackup } from './take.ts'
import { openTarget } from './targets/index.ts'
import { drillPoint } from './wal/drill.ts'
import { pruneWal } from './wal/prune.ts'
import { sinceText } from './wal/since.ts'

/** The handlers of the kinds of ops that concern backups. */
export type BackupHandlers = {
  [K in
    | 'take-backup'
    | 'prune-backups'
    | 'prune-wal'
    | 'drill-backup'
    | 'restore-database'
    | 'switch-database'
    | 'restore-redis'
    | 'restore-files'
    | 'switch-files']: Handler<K>
}

/** Makes the handlers for a platform. */
export function backupHandlers(ports: BackupPorts): BackupHandlers {
  return {
    'take-backup': take(ports),
    'prune-backups': prune(ports),
    'prune-wal': pruneWal(ports),
    'drill-backup': drillOne(ports),
    'restore-database': {
      run: (op, context) => expected(async () => ok(await restoreDatabase(ports, op.data, context))),
      check: async () => 'pending',
    },
    'switch-database': {
      run: (op, context) => expected(async () => ok(await switchDatabase(ports, op.data, context))),
      check: async () => 'unknown',
    },
    'restore-redis': {
      run: (op, context) => expected(async () => ok(await restoreRedis(ports, op.data, context))),
      check: async () => 'pending',
    },
    'restore-files': {
      run: (op, context) => expected(async () => ok(await restoreFiles(ports, op.data, context))),
      check: async () => 'pending',
    },
    'switch-files': {
      run: (op) => expected(async () => ok(await switchFiles(ports, op.data))),
      check: async () => 'unknown',
    },
  }
}

/** What is thrown as an expected failure, as a result. */
async function expected<T>(work: () => Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof FailureError) return { ok: false, failures: error.failures as [Failure, ...Failure[]] }
    if ((error as Error).name === 'AbortError')
      return failed({ code: 'aborted', message: 'the command was interrupted' })
    throw error
  }
}

function take(ports: BackupPorts): Handler<'take-backup'> {
  return {
    run: ({ data }, context) =>
      expected(async () => {
        const targets = data.targets.map((target) =>
          openTarget(target, { folder: ports.folder, secrets: context.secrets }),
        )
        const { manifest, missed } = await takeBackup(ports, {
          ...data,
          targets,
          secrets: context.secrets,
          ...given(context),
        })
        const bytes = bytesOfBackup(manifest)
        for (const { target, failure } of missed) context.output(`${target}: ${failure.message}`)
        if (missed.length > 0) {
          const names = missed.map(({ target }) => target).join(', ')
          const [first] = missed
          return failed({
            ...(first as { failure: Failure }).failure,
            message: `backup ${manifest.number} is not in ${names}: ${first?.failure.message}`,
            why: `it is whole in ${data.targets.length - missed.length} of ${data.targets.length} targets`,
            outcome: 'partial',
          })
        }
        return ok({ message: `backup ${manifest.number}, ${sizeText(bytes)}`, value: manifest.number })
      }),
    // Whether another one has been taken meanwhile says nothing about this one.
    check: async () => 'pending',
  }
}

const given = ({ run, signal, output }: OpContext) => ({ run, signal, output })

function prune(ports: BackupPorts): Handler<'prune-backups'> {
  const remaining = async (numbers: readonly number[], data: BackupTarget[], secrets: SecretSource) => {
    const targets = data.map((target) => openTarget(target, { folder: ports.folder, secrets }))
    const { entries } = await readCatalogue(targets, ports)
    return { targets, entries, wanted: entries.filter(({ number }) => numbers.includes(number)) }
  }
  return {
    run: ({ data }, { output, secrets, signal }) =>
      expected(async () => {
        const { targets, entries, wanted } = await remaining(data.backups, data.targets, secrets)
        // Whatever the plan says: what has become the newest verified one meanwhile stays.
        const safe = keepBackups(entries, { last: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 })
        const gone: number[] = []
        for (const { number, manifest } of wanted) {
          if (safe.has(number)) {
            output(`backup ${number} stays: ${safe.get(number)?.join(', ')}`)
            continue
          }
          // First there: without the manifest nobody would know of it.
          for (const { stanza, label } of placesIn(manifest)) {
            const repository = await findRepository(targets, ports)
            await withRepository({ repository, stanza }, (place) => expireBackup(place, label, signal))
          }
          for (const target of targets) await target.remove(backupPrefix(ports, number))
          gone.push(number)
        }
        return ok({ message: gone.length === 0 ? 'nothing was left to remove' : `removed ${gone.join(', ')}` })
      }),
    async check({ data }, { secrets }) {
      const { wanted } = await remaining(data.backups, data.targets, secrets)
      return wanted.length === 0 ? 'done' : 'pending'
    },
  }
}

function drillOne(ports: BackupPorts): Handler<'drill-backup'> {
  return {
    run: ({ data }, context) =>
      expected<OpResult>(async () => {
        const opened = await openBackup(ports, data, context)
        if (data.point) {
          const found = await drillPoint(ports, opened, data.point, given(context))
          const last = found.last === null ? '' : `, the last transaction in it of ${found.last}`
          const read = `${found.tables} tables with ${found.rows} rows read through in ${formatDuration(found.readMs)}`
          return ok({
            message: `there in ${formatDuration(found.restoreMs)}${last}; ${read}, on ${found.on}; ${sinceText(found.since)}`,
            value: found,
          })
        }
        const report = await drill(ports, opened, given(context))
        const key = join(opened.prefix, `drill-${context.run}.json`)
        const written = await Promise.allSettled(
          opened.targets.map((target) => target.create(key, `${JSON.stringify(report, undefined, 2)}\n`)),
        )
        const lost = written.find((one) => one.status === 'rejected')
        if (lost && written.every((one) => one.status === 'rejected')) throw (lost as PromiseRejectedResult).reason
        if (!report.ok) return failed(differs(data.backup, report.differences))
        const { tables = 0, rows = 0 } = report.compared
        const time = `restored in ${formatDuration(report.restoreMs)}, compared in ${formatDuration(report.compareMs)}`
        return ok({ message: `verified: ${tables} tables with ${rows} rows, ${time}, on ${report.on}`, value: report })
      }),
    check: async () => 'pending',
  }
}

const differs = (number: number, differences: string[]): Failure => ({
  code: 'backup-differs',
  message: `backup ${number} restores to something else than was backed up: ${differences.length} ${differences.length === 1 ? 'difference' : 'differences'}`,
  lines: differences.slice(0, 20),
  next: ['take another backup and drill that one: task backup; task backup drill'],
})

/** What a backup takes in a target, in bytes; with what it has in a repository. */
export const bytesOfBackup = (manifest: BackupManifest): number =>
  [...manifest.files, ...placesIn(manifest)].reduce((sum, { bytes }) => sum + bytes, 0)

/** `1.4 MB`: bytes for people. */
export function sizeText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3))
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`
}
