import type { PlatformName } from '../../lib/model/environment.ts'
import { ok, unwrap } from '../../lib/model/failure.ts'
import { planBackup, planDrill, planPrune } from '../../lib/plan/backup.ts'
import { keepBackups } from '../../lib/plan/retention.ts'
import type { TaskContext, View } from '../../lib/task/definition.ts'
import { chosen, readBackups } from './backup-knowledge.ts'
import type { Scope } from './flags.ts'
import { operate, type PlanFlags } from './operate.ts'
import { reportOperation, since } from './result.ts'
import { findPoint } from './run-restore.ts'
import { openNamed } from './session.ts'
import { parseTime } from './wal-knowledge.ts'

type Arguments = { readonly environment: string; readonly platform?: PlatformName | undefined }
type DrillArguments = {
  readonly backup?: number | undefined
  readonly identity?: string | undefined
  readonly to?: string | undefined
}

/** `task backup` */
export async function runBackup(scope: Scope, context: TaskContext & { args: PlanFlags & Arguments }) {
  const { args } = context
  const started = performance.now()
  const session = await openNamed(scope, context, 'environment')
  const { desired } = session
  let number = 0
  const result = await operate(context, session, args, {
    purpose: 'backup',
    lock: 'shared',
    covers: [],
    prepare: async (signal) => {
      const snapshot = unwrap(await session.platform.observe(desired, { signal }))
      const backups = await readBackups(session, signal)
      number = (backups.entries.at(-1)?.number ?? 0) + 1
      return ok({ plan: planBackup(desired, snapshot, backups), snapshot, desired })
    },
  })
  return reportOperation(result, {
    operation: 'backup',
    environment: desired.environment,
    dryRun: args.dryRun === true,
    text: (view: View) =>
      result.outcome === 'done' && !args.dryRun
        ? `backup ${number} taken ${since(started, view)}; task backup drill ${desired.configuredAs} proves it\n`
        : '',
  })
}

/** `task backup drill` */
export async function runDrill(scope: Scope, context: TaskContext & { args: PlanFlags & Arguments & DrillArguments }) {
  const { args } = context
  const started = performance.now()
  const time = args.to === undefined ? undefined : parseTime(args.to)
  const session = await openNamed(scope, context, 'environment')
  const { desired } = session
  let number = 0
  const result = await operate(context, session, args, {
    purpose: 'backup drill',
    lock: 'shared',
    covers: [],
    prepare: async (signal) => {
      const snapshot = unwrap(await session.platform.observe(desired, { signal }))
      const backups = await readBackups(session, signal)
      const found = time === undefined ? undefined : await findPoint(backups, desired, time, args.backup)
      if (found && 'refusal' in found) return ok({ plan: found.refusal, snapshot, desired })
      const { manifest } = chosen(backups, found?.backup ?? args.backup, desired.configuredAs)
      number = manifest.number
      return ok({ plan: planDrill(desired, manifest, args.identity, found?.point), snapshot, desired })
    },
  })
  return reportOperation(result, {
    operation: 'backup drill',
    environment: desired.environment,
    dryRun: args.dryRun === true,
    text: (view: View) =>
      result.outcome === 'done' && !args.dryRun
        ? `${time === undefined ? `backup ${number} is verified` : `${time} can be restored from backup ${number}`}, ${since(started, view)}\n`
        : '',
  })
}

/** `task backup prune` */
export async function runPrune(scope: Scope, context: TaskContext & { args: PlanFlags & Arguments }) {
  const { args } = context
  const session = await openNamed(scope, context, 'environment')
  const { desired } = session
  const kept: string[] = []
  const result = await operate(context, session, args, {
    purpose: 'backup prune',
    lock: 'shared',
    covers: [],
    prepare: async (signal) => {
      const snapshot = unwrap(await session.platform.observe(desired, { signal }))
      const backups = await readBackups(session, signal)
      kept.length = 0
      for (const [number, rules] of keepBackups(backups.entries, desired.configuration.backup.keep)) {
        kept.push(`backup ${number} stays: ${rules.join(', ')}`)
      }
      return ok({ plan: planPrune(desired, backups), snapshot, desired })
    },
  })
  return reportOperation(result, {
    operation: 'backup prune',
    environment: desired.environment,
    dryRun: args.dryRun === true,
    text: (_view: View) => kept.map((line) => `${line}\n`).join(''),
  })
}
