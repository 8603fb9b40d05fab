import { backupPrefix } from '../../lib/backup/catalogue.ts'
import { checkStored } from '../../lib/backup/fetch.ts'
import { bytesOfBackup, sizeText } from '../../lib/backup/handlers.ts'
import { checkRepository, placesIn } from '../../lib/backup/pgbackrest/repository.ts'
import { table } from '../../lib/log/table.ts'
import type { CatalogueEntry, ManifestSource } from '../../lib/model/backup.ts'
import { formatDuration } from '../../lib/model/duration.ts'
import type { PlatformName } from '../../lib/model/environment.ts'
import { type Failure, FailureError } from '../../lib/model/failure.ts'
import { keepBackups } from '../../lib/plan/retention.ts'
import { finish, type TaskContext, type View } from '../../lib/task/definition.ts'
import { backupAge } from './backup-age.ts'
import { type Backups, chosen, readBackups } from './backup-knowledge.ts'
import type { Scope } from './flags.ts'
import { openNamed } from './session.ts'
import { checkWal } from './wal-check.ts'

type Arguments = { readonly environment: string; readonly platform?: PlatformName | undefined }

const bytesOf = ({ manifest }: CatalogueEntry): number => (manifest ? bytesOfBackup(manifest) : 0)

const takenBy = ({ method, pgbackrest }: ManifestSource): string | undefined => (pgbackrest ? 'pgbackrest' : method)

const stateOf = (entry: CatalogueEntry & { dead?: boolean }): string => {
  if (entry.state === 'begun') return entry.dead ? 'cut off' : 'being taken'
  if (entry.state === 'damaged') return 'damaged'
  if (entry.verified) return 'verified'
  return entry.drills.length > 0 ? 'drill failed' : 'not verified'
}

/** `task backups` */
export async function runBackups(scope: Scope, context: TaskContext & { args: Arguments }) {
  const session = await openNamed(scope, context, 'environment')
  const { desired } = session
  const backups = await readBackups(session, context.signal)
  for (const { target, failure } of backups.failures) context.log.warn(`${target}: ${failure.message}`)
  const kept = keepBackups(backups.entries, desired.configuration.backup.keep)
  const rows = backups.entries.map((entry) => ({
    number: entry.number,
    state: stateOf(entry),
    created: entry.created,
    bytes: bytesOf(entry),
    sources:
      entry.manifest?.sources.map((source) =>
        takenBy(source) ? `${source.name} (${takenBy(source)})` : source.name,
      ) ?? [],
    encrypted: (entry.manifest?.recipients.length ?? 0) > 0,
    targets: entry.targets,
    kept: kept.get(entry.number) ?? [],
  }))
  return {
    environment: desired.environment,
    backups: rows,
    text: (view: View) =>
      rows.length === 0
        ? `there is no backup of ${desired.environment}; task backup ${desired.configuredAs} takes one\n`
        : table(
            ['number', 'taken', 'state', 'size', 'what', 'key', 'where', 'kept as'],
            rows.map((row) => [
              String(row.number),
              row.created.slice(0, 19).replace('T', ' '),
              row.state,
              row.bytes > 0 ? sizeText(row.bytes) : '',
              row.sources.join(', '),
              row.encrypted ? 'yes' : '',
              row.targets.join(', '),
              row.kept.join(', ') || 'goes with the next backup',
            ]),
            view,
          ),
  }
}

/** `task backups show` */
export async function runShow(scope: Scope, context: TaskContext & { args: Arguments & { readonly backup: number } }) {
  const session = await openNamed(scope, context, 'environment')
  const { desired } = session
  const entry = chosen(await readBackups(session, context.signal), context.args.backup, desired.configuredAs)
  const { manifest, drills, targets } = entry
  return {
    manifest,
    drills,
    targets,
    verified: entry.verified,
    text: (view: View) => {
      const lines = [
        `backup ${manifest.number} of ${manifest.environment}: ${stateOf(entry)}`,
        `taken ${manifest.created.slice(0, 19).replace('T', ' ')} in ${formatDuration(Date.parse(manifest.finished) - Date.parse(manifest.created))} by ${manifest.by} (${manifest.reason})`,
        `in ${targets.join(', ')}`,
        manifest.recipients.length > 0 ? `for the keys ${manifest.recipients.join(', ')}` : 'not encrypted',
        ...manifest.sources.map(
          (source) =>
            `${source.name}: ${[takenBy(source), source.pgbackrest?.label, source.server && `${source.type === 'redis' ? 'Redis' : 'PostgreSQL'} ${source.server}`, source.tables !== undefined && `${source.tables} tables, ${source.rows} rows`, source.keys !== undefined && `${source.keys} keys`, source.entries !== undefined && `${source.entries} files and folders`, source.changed && `${source.changed.length} changed while they were read: ${source.changed.slice(0, 5).join(', ')}`].filter(Boolean).join(', ')}`,
        ),
        ...drills.map(
          (drill) =>
            `drill ${drill.at.slice(0, 19).replace('T', ' ')}: ${drill.ok ? 'the same' : `${drill.differences.length} differences`}, restored in ${formatDuration(drill.restoreMs)}, on ${drill.on}`,
        ),
        ...drills.flatMap(({ differences }) => differences.slice(0, 20).map((line) => `  ${line}`)),
      ]
      const files = manifest.files.map((file) => [
        file.name,
        sizeText(file.bytes),
        file.plainBytes === undefined ? '' : sizeText(file.plainBytes),
        file.sha256.slice(0, 16),
      ])
      return `${lines.join('\n')}\n${table(['file', 'size', 'expanded', 'sha256'], files, view)}`
    },
  }
}

/** `task backup check` */
export async function runCheck(scope: Scope, context: TaskContext & { args: Arguments & { readonly all: boolean } }) {
  const session = await openNamed(scope, context, 'environment')
  const { desired } = session
  const environment = desired.configuredAs
  const backups = await readBackups(session, context.signal)
  const failures: Failure[] = backups.failures.map(({ failure }) => failure)
  const complete = backups.entries.filter(({ state }) => state === 'complete')
  const read = context.args.all ? complete : complete.slice(-1)
  const whole: number[] = []
  for (const entry of read) {
    const found = await damageOf(backups, entry, session, context.signal)
    failures.push(...found)
    if (found.length === 0) whole.push(entry.number)
  }
  for (const { number, damage } of backups.entries.filter(({ state }) => state === 'damaged')) {
    failures.push({
      code: 'backup-damaged',
      message: `backup ${number} of ${environment} is damaged`,
      why: damage ?? '',
    })
  }
  failures.push(...(await checkWal(session, backups.entries, context.args.all, context.signal)))
  const { passed, message, verified, ageMs } = backupAge(session, complete)
  if (!passed) failures.push(tooOld(environment, message))
  const data = {
    environment: desired.environment,
    read: whole,
    ...(verified ? { verified: verified.number, verifiedAgeMs: ageMs } : {}),
    text: (_view: View) =>
      failures.length > 0
        ? ''
        : `${whole.length} ${whole.length === 1 ? 'backup is' : 'backups are'} whole; backup ${verified?.number} is verified, ${formatDuration(ageMs ?? 0)} old\n`,
  }
  return finish(failures.length === 0 ? 'done' : 'failed', data, failures)
}

/** Every file of a backup in every target that has it, read through. */
async function damageOf(
  { targets }: Backups,
  { number, manifest, targets: names }: CatalogueEntry,
  { desired }: Parameters<typeof readBackups>[0],
  signal: AbortSignal,
): Promise<Failure[]> {
  const failures: Failure[] = []
  for (const target of targets.filter(({ name }) => names.includes(name))) {
    for (const file of manifest?.files ?? []) {
      try {
        await checkStored(target, backupPrefix(desired, number), file, signal)
      } catch (error) {
        if (!(error instanceof FailureError)) throw error
        failures.push(...error.failures)
      }
    }
  }
  for (const place of placesIn(manifest)) {
    try {
      failures.push(...(await checkRepository(targets, desired, number, place, signal)))
    } catch (error) {
      if (!(error instanceof FailureError)) throw error
      failures.push(...error.failures)
    }
  }
  return failures
}

const tooOld = (environment: string, message: string): Failure => ({
  code: 'no-verified-backup',
  message,
  why: 'a backup is one that was restored and compared',
  next: [`task backup ${environment}`, `task backup drill ${environment}`],
})
