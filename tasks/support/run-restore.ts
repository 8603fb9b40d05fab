import { restorableSpans } from '../../lib/backup/wal/spans.ts'
import type { PointInTime } from '../../lib/model/backup.ts'
import type { Desired } from '../../lib/model/desired.ts'
import type { PlatformName } from '../../lib/model/environment.ts'
import { FailureError, ok, unwrap } from '../../lib/model/failure.ts'
import type { Plan } from '../../lib/model/plan.ts'
import { planRestore } from '../../lib/plan/restore.ts'
import { noSuchTime, spanOf } from '../../lib/plan/wal.ts'
import type { TaskContext, View } from '../../lib/task/definition.ts'
import { type Backups, chosen, readBackups } from './backup-knowledge.ts'
import type { Scope } from './flags.ts'
import { operate, type PlanFlags } from './operate.ts'
import { reportOperation, since } from './result.ts'
import { openNamed } from './session.ts'
import { parseTime } from './wal-knowledge.ts'

type Arguments = PlanFlags & {
  readonly environment: string
  readonly platform?: PlatformName | undefined
  readonly backup?: number | undefined
  readonly to?: string | undefined
  readonly into?: string | undefined
  readonly tables: readonly string[]
  readonly source: readonly string[]
  readonly mapRole: readonly string[]
  readonly identity?: string | undefined
  readonly noSafetyBackup: boolean
}

/** `task restore` */
export async function runRestore(scope: Scope, context: TaskContext & { args: Arguments }) {
  const { args } = context
  const started = performance.now()
  const roles = rolesOf(args.mapRole)
  if (args.tables.length > 0 && args.into === undefined) throw new FailureError(tablesNeedInto)
  const time = args.to === undefined ? undefined : parseTime(args.to)
  const session = await openNamed(scope, context, 'environment')
  const { desired } = session
  const now = Date.now()
  let number = 0
  const result = await operate(context, session, args, {
    purpose: 'restore',
    covers: [],
    prepare: async (signal) => {
      const snapshot = unwrap(await session.platform.observe(desired, { signal }))
      const backups = await readBackups(session, signal)
      // The safety backup is newer by the time it is planned again: what was chosen first stays chosen.
      const found = time === undefined ? undefined : await findPoint(backups, desired, time, number || args.backup)
      if (found && 'refusal' in found) return ok({ plan: found.refusal, snapshot, desired })
      const entry = chosen(backups, found?.backup ?? (number || args.backup), desired.configuredAs)
      number = entry.number
      const { identity, into, noSafetyBackup } = args
      const tables = args.tables.length > 0 ? args.tables : undefined
      // A moment is one of the database alone.
      const own = time !== undefined && desired.database ? [desired.database.service] : undefined
      const sources = args.source.length > 0 ? args.source : own
      const options = { entry, identity, into, tables, sources, roles, noSafetyBackup, now, point: found?.point }
      return ok({ plan: planRestore(desired, snapshot, backups, options), snapshot, desired })
    },
  })
  return reportOperation(result, {
    operation: 'restore',
    environment: desired.environment,
    dryRun: args.dryRun === true,
    text: (view: View) =>
      result.outcome === 'done' && !args.dryRun
        ? `${time === undefined ? `backup ${number}` : `${time}, from backup ${number},`} restored${args.into === undefined ? '' : ` into ${args.into}`} ${since(started, view)}\n`
        : '',
  })
}

/** The backup and the WAL by which a time is reached, or a plan that says why it is not. */
export async function findPoint(
  { targets, entries }: Backups,
  desired: Desired,
  time: string,
  backup: number | undefined,
): Promise<{ backup: number; point: PointInTime } | { refusal: Plan }> {
  const spans = await restorableSpans(targets, desired, entries)
  const eligible = backup === undefined ? spans : spans.filter((span) => span.backup === backup)
  const span = spanOf(eligible, time)
  if (span) {
    const { stream, segmentBytes } = span
    return { backup: span.backup, point: { time, stream, segmentBytes } }
  }
  const findings = [noSuchTime(eligible, time, desired.configuredAs)]
  return { refusal: { operation: 'restore', environment: desired.environment, ops: [], findings, notes: [] } }
}

function rolesOf(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((text) => {
      const [from = '', to = ''] = text.split('=')
      if (from !== '' && to !== '') return [from, to] as const
      throw new FailureError({
        code: 'usage',
        message: `--map-role ${text} is no pair of roles`,
        next: ['--map-role old=new'],
        outcome: 'usage',
      })
    }),
  )
}

const tablesNeedInto = {
  code: 'usage',
  message: '--tables restores into another database',
  why: 'single tables in the place of those that are there would not fit the others',
  next: ['the same command with --into another_name, and copy from there what is needed'],
  outcome: 'usage' as const,
}
