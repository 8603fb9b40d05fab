import { setTimeout as pause } from 'node:timers/promises'
import { readMaintenance } from '../../lib/database/maintenance.ts'
import { formatDuration, parseDuration } from '../../lib/model/duration.ts'
import type { PlatformName } from '../../lib/model/environment.ts'
import { type Failure, FailureError, ok, unwrap } from '../../lib/model/failure.ts'
import { isEmpty } from '../../lib/model/plan.ts'
import { databaseFinding, planMaintain, planReset } from '../../lib/plan/database.ts'
import type { TaskContext, View } from '../../lib/task/definition.ts'
import { databaseOf, useDatabase } from './database.ts'
import type { Scope } from './flags.ts'
import { operate, type PlanFlags } from './operate.ts'
import { reportOperation, since } from './result.ts'
import { openNamed } from './session.ts'

type Named = { readonly environment: string; readonly platform?: PlatformName | undefined }

const betweenMs = 250

/** `task db:wait` */
export async function runWait(scope: Scope, context: TaskContext & { args: Named & { readonly timeout: number } }) {
  const { args, signal } = context
  const session = await openNamed(scope, context, 'record')
  const { name, service } = databaseOf(session)
  const started = performance.now()
  let said: string | undefined
  for (;;) {
    const failure = await attempt(() =>
      useDatabase(session, 'owner', signal, async (connection) => ok(await connection.query('select 1'))),
    )
    if (failure === undefined) break
    signal.throwIfAborted()
    // Neither gets better by waiting.
    if (['database-login-refused', 'no-database'].includes(failure.code)) throw new FailureError(failure)
    if (performance.now() - started >= args.timeout) {
      throw new FailureError({
        ...failure,
        message: `${name} on ${service} took no connections within ${formatDuration(args.timeout)}: ${failure.message}`,
      })
    }
    if (said !== failure.message) context.log(`waiting: ${failure.message}`)
    said = failure.message
    await pause(betweenMs, undefined, { signal })
  }
  const took = formatDuration(performance.now() - started)
  return {
    environment: session.desired.environment,
    database: name,
    waitedMs: Math.round(performance.now() - started),
    text: (_view: View) => `${name} on ${service} takes connections (after ${took})\n`,
  }
}

async function attempt(work: () => Promise<unknown>): Promise<Failure | undefined> {
  try {
    await work()
    return undefined
  } catch (error) {
    if (error instanceof FailureError && error.failures[0]) return error.failures[0]
    throw error
  }
}

/** `task db:reset` */
export async function runReset(scope: Scope, context: TaskContext & { args: PlanFlags & Named }) {
  const { args } = context
  const started = performance.now()
  const session = await openNamed(scope, context, 'environment')
  const { desired } = session
  const result = await operate(context, session, args, {
    purpose: 'db:reset',
    covers: [],
    prepare: async (signal) => {
      const snapshot = unwrap(await session.platform.observe(desired, { signal }))
      return ok({ plan: planReset(desired, snapshot), snapshot, desired })
    },
  })
  if (!args.dryRun && result.outcome === 'done' && result.plan) {
    await (await import('./current-schema.ts')).keepCurrentSchema(result.plan, session, context)
  }
  return reportOperation(result, {
    operation: 'db:reset',
    environment: desired.environment,
    dryRun: args.dryRun === true,
    text: (view) =>
      result.outcome === 'done' && !args.dryRun ? `the database is as new ${since(started, view)}\n` : '',
  })
}

/** `task db:maintain` */
export async function runMaintain(scope: Scope, context: TaskContext & { args: PlanFlags & Named }) {
  const { args } = context
  const started = performance.now()
  const session = await openNamed(scope, context, 'environment')
  const { desired } = session
  const policies = (desired.configuration.database?.prune ?? []).map((policy) => ({
    ...policy,
    keepMs: parseDuration(policy.keep) ?? Number.POSITIVE_INFINITY,
  }))
  const result = await operate(context, session, args, {
    purpose: 'db:maintain',
    covers: [],
    prepare: async (signal) => {
      const snapshot = unwrap(await session.platform.observe(desired, { signal }))
      const figures = databaseFinding(desired, snapshot)
        ? { tables: [], indexes: [], prune: [] }
        : await useDatabase(session, 'administrator', signal, (connection) => readMaintenance(connection, policies))
      return ok({ plan: planMaintain(desired, snapshot, figures), snapshot, desired })
    },
  })
  return reportOperation(result, {
    operation: 'db:maintain',
    environment: desired.environment,
    dryRun: args.dryRun === true,
    text: (view) => {
      if (result.outcome !== 'done' || args.dryRun) return ''
      if (result.plan && isEmpty(result.plan)) return 'nothing needs maintenance\n'
      return `${result.plan?.ops.length} done ${since(started, view)}\n`
    },
  })
}
