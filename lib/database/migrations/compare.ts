import type { MigrationFile } from '../../model/desired.ts'
import type { Failure } from '../../model/failure.ts'
import type { Ledger, LedgerEntry } from './ledger.ts'
import { compareVersions, isRepeatable } from './names.ts'
import { isTyped } from './source.ts'

/** `missing`: in the ledger, but there is no such file. `failed`: the last attempt ended with an error, or was cut off between two of its statements. */
export type MigrationState = 'applied' | 'pending' | 'failed' | 'changed' | 'missing' | 'out-of-order'

/** One line of `task migrate status`. */
export type MigrationRow = {
  version: string
  name: string
  state: MigrationState
  effect: 'expand' | 'breaking'
  path?: string
  /** ISO 8601. */
  appliedAt?: string
  appliedBy?: string
  durationMs?: number
  release?: number
  /** Statements that it had. */
  statements?: number
  /** What the last attempt ended with, and how far it came. */
  failure?: string
  /** What to do, in words; absent when there is nothing to do. */
  action?: string
}

type Applied = Pick<LedgerEntry, 'version' | 'name' | 'sha256' | 'effect'> & Partial<LedgerEntry>

/** What the ledger knows of attempts that did not end. */
export type Attempts = Partial<Pick<Ledger, 'progress' | 'failures'>>

/** Compares the files with the ledger: every migration with its state and what to do about it, in version order. Pure. */
export function migrationStatus(
  files: readonly MigrationFile[],
  applied: readonly Applied[],
  attempts: Attempts = {},
): MigrationRow[] {
  const byVersion = new Map(applied.map((entry) => [entry.version, entry]))
  const known = new Set(files.map((file) => file.version))
  const newest = applied
    .map((entry) => entry.version)
    .filter((version) => !isRepeatable(version))
    .reduce<string | undefined>(later, undefined)
  const rows = files.map((file): MigrationRow => {
    const entry = byVersion.get(file.version)
    const { version, name, path, effect } = file
    if (entry) {
      const changed = entry.sha256 !== file.sha256
      if (changed && file.repeatable) {
        const again = { ...ledgerPart(entry), name, path, effect, action: 'task migrate up: its text is another one' }
        return { ...again, ...unfinished(file, attempts, 'pending') }
      }
      return {
        ...ledgerPart(entry),
        name,
        path,
        state: changed ? 'changed' : 'applied',
        ...(changed && { action: changedAction(path) }),
      }
    }
    const late = newest !== undefined && compareVersions(version, newest) < 0
    const base = { version, name, path, effect }
    return late
      ? { ...base, state: 'out-of-order', action: lateAction(file, newest) }
      : { ...base, action: 'task migrate up', ...unfinished(file, attempts, 'pending') }
  })
  for (const entry of applied) {
    if (known.has(entry.version)) continue
    rows.push({
      ...ledgerPart(entry),
      state: 'missing',
      action:
        'take the file back from the revision that had it (nothing is undone by its absence), or task migrate repair',
    })
  }
  return rows.sort((a, b) => compareVersions(a.version, b.version))
}

/** The state of a migration that is to run: as good as new, or tried already. */
function unfinished(
  { version, path }: MigrationFile,
  { progress = [], failures = [] }: Attempts,
  state: MigrationState,
): Pick<MigrationRow, 'state' | 'failure' | 'action'> {
  const failure = failures.find((one) => one.version === version)
  const begun = progress.find((one) => one.version === version)
  if (failure === undefined && begun === undefined) return { state }
  const done = begun ? `${begun.done === 1 ? '1 statement is' : `${begun.done} statements are`} done` : undefined
  return {
    state: 'failed',
    failure: [failure?.message, isTyped(path) && begun ? 'it was begun' : done].filter(Boolean).join('; '),
    action: isTyped(path)
      ? `mend the file, then task migrate up: ${begun ? 'it begins with the first statement again' : 'nothing of it is in the database'}`
      : begun
        ? 'mend what has not run, then task migrate up: it goes on with that statement'
        : 'mend the file, then task migrate up: nothing of it is in the database',
  }
}

function later(newest: string | undefined, version: string): string {
  return newest !== undefined && compareVersions(newest, version) > 0 ? newest : version
}

function ledgerPart(entry: Applied): Omit<MigrationRow, 'state'> {
  const { version, name, effect, appliedAt, appliedBy, durationMs, release, statements } = entry
  return {
    version,
    name,
    effect,
    ...(appliedAt !== undefined && { appliedAt }),
    ...(appliedBy !== undefined && { appliedBy }),
    ...(durationMs !== undefined && { durationMs }),
    ...(release !== undefined && { release }),
    ...(statements !== undefined && { statements }),
  }
}

const changedAction = (path: string) =>
  `restore it (git log -p ${path}) and write what is to change as a new migration; or, where its effect is the same, task migrate repair`

const lateAction = (file: MigrationFile, newest: string) =>
  `give it a version after ${newest} (git mv ${file.path} …), so that it runs in the same order everywhere`

/** What keeps the pending migrations from being applied: changed files and files out of order, each with its next command. */
export function blockingFailures(rows: readonly MigrationRow[]): Failure[] {
  return rows.flatMap((row): Failure[] => {
    const { version, name, path = '', state, action = '' } = row
    if (state === 'changed') {
      return [
        {
          code: 'migration-changed',
          message: `migration ${version} ${name} was changed after it was applied`,
          place: { file: path },
          why: `it was applied ${row.appliedAt ?? 'before'}; a database made from the files now would be another one`,
          next: [action],
          outcome: 'unchanged',
        },
      ]
    }
    if (state === 'out-of-order') {
      return [
        {
          code: 'migration-out-of-order',
          message: `migration ${version} ${name} comes before one that is already applied`,
          place: { file: path },
          why: 'run late here, it would run in another order than on a new database',
          next: [action],
          outcome: 'unchanged',
        },
      ]
    }
    return []
  })
}
