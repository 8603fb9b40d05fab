import type { PlatformName } from '../../lib/model/environment.ts'
import { FailureError, ok, unwrap } from '../../lib/model/failure.ts'
import { planRestore } from '../../lib/plan/restore.ts'
import type { TaskContext, View } from '../../lib/task/definition.ts'
import { chosen, readBackups } from './backup-knowledge.ts'
import type { Scope } from './flags.ts'
import { operate, type PlanFlags } from './operate.ts'
import { reportOperation, since } from './result.ts'
import { openNamed } from './session.ts'

type Arguments = PlanFlags & {
  readonly environment: string
  readonly platform?: PlatformName | undefined
  readonly backup?: number | undefined
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
      const entry = chosen(backups, number || args.backup, desired.configuredAs)
      number = entry.number
      const { identity, into, noSafetyBackup } = args
      const tables = args.tables.length > 0 ? args.tables : undefined
      const sources = args.source.length > 0 ? args.source : undefined
      const options = { entry, identity, into, tables, sources, roles, noSafetyBackup, now }
      return ok({ plan: planRestore(desired, snapshot, backups, options), snapshot, desired })
    },
  })
  return reportOperation(result, {
    operation: 'restore',
    environment: desired.environment,
    dryRun: args.dryRun === true,
    text: (view: View) =>
      result.outcome === 'done' && !args.dryRun
        ? `backup ${number} restored${args.into === undefined ? '' : ` into ${args.into}`} ${since(started, view)}\n`
        : '',
  })
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
