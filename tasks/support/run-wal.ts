import { sizeText } from '../../lib/backup/handlers.ts'
import { restorableSpans } from '../../lib/backup/wal/spans.ts'
import type { PlatformName } from '../../lib/model/environment.ts'
import { ok, unwrap } from '../../lib/model/failure.ts'
import type { Plan } from '../../lib/model/plan.ts'
import { receiverName, type WalKnowledge, walPolicy } from '../../lib/model/wal.ts'
import { planWalStart, planWalStop } from '../../lib/plan/wal.ts'
import type { TaskContext, View } from '../../lib/task/definition.ts'
import { readBackups } from './backup-knowledge.ts'
import type { Scope } from './flags.ts'
import { logLines } from './logs.ts'
import { operate, type PlanFlags } from './operate.ts'
import { reportOperation } from './result.ts'
import { openNamed, type Session } from './session.ts'
import { readWal, readWalServer } from './wal-knowledge.ts'

type Arguments = { readonly environment: string; readonly platform?: PlatformName | undefined }
type Planner = (...given: Parameters<typeof planWalStart>) => Plan

/** `task backup wal start` */
export const runWalStart = (scope: Scope, context: TaskContext & { args: PlanFlags & Arguments }) =>
  run(scope, context, 'backup wal start', planWalStart)

/** `task backup wal stop` */
export const runWalStop = (scope: Scope, context: TaskContext & { args: PlanFlags & Arguments }) =>
  run(scope, context, 'backup wal stop', planWalStop)

async function run(
  scope: Scope,
  context: TaskContext & { args: PlanFlags & Arguments },
  operation: string,
  planner: Planner,
) {
  const { args } = context
  const session = await openNamed(scope, context, 'environment')
  const { desired } = session
  const result = await operate(context, session, args, {
    purpose: operation,
    lock: 'shared',
    covers: [],
    prepare: async (signal) => {
      const snapshot = unwrap(await session.platform.observe(desired, { signal }))
      return ok({ plan: planner(desired, snapshot, await knowledge(session, signal)), snapshot, desired })
    },
  })
  return reportOperation(result, {
    operation,
    environment: desired.environment,
    dryRun: args.dryRun === true,
    text: (_view: View) => '',
  })
}

/** What is known although no policy wants WAL: a slot may be left. */
async function knowledge(session: Session, signal: AbortSignal): Promise<WalKnowledge> {
  const backups = await readBackups(session, signal)
  const known = await readWal(session, backups.targets, backups.entries, signal)
  if (known) return known
  const slot = (await readWalServer(session, signal))?.slot
  return { programs: [], streams: new Map(), ...(slot && { slot }) }
}

/** `task backup wal status` */
export async function runWalStatus(scope: Scope, context: TaskContext & { args: Arguments }) {
  const session = await openNamed(scope, context, 'environment')
  const { desired, platform } = session
  const { signal } = context
  const backups = await readBackups(session, signal)
  const name = receiverName(desired.database?.service ?? '')
  const [server, states, spans, log] = await Promise.all([
    readWalServer(session, signal),
    platform.status(signal),
    restorableSpans(backups.targets, desired, backups.entries),
    logLines(context, session, { services: [name], follow: false, lines: 5 }),
  ])
  const receiver = states.find(({ service }) => service === name)
  const state = receiver === undefined ? 'stopped' : receiver.status
  return {
    environment: desired.environment,
    wanted: walPolicy(desired.configuration.backup) !== undefined,
    receiver: state,
    ...(server?.slot && { slot: server.slot }),
    spans,
    log: log.map(({ text }) => text),
    text: (_view: View) => {
      const lines = [
        `what receives the WAL: ${state}${receiver?.pid === undefined ? '' : `, pid ${receiver.pid}`}${receiver?.reason === undefined ? '' : ` (${receiver.reason})`}`,
        server?.slot
          ? `the server keeps ${sizeText(server.slot.keptBytes)} of WAL for ${server.slot.stream}${server.slot.lost ? ', and has lost some of it' : server.slot.active ? '' : ', which nobody reads'}`
          : 'the server keeps no WAL for it',
        ...spans.map(
          ({ backup, from, to, gap }) =>
            `from backup ${backup}: any time from ${shown(from)} to ${shown(to)}${gap === undefined ? '' : `; then ${gap} is missing`}`,
        ),
        ...(spans.length === 0 ? ['no time but those of the backups themselves can be restored'] : []),
        ...(log.length > 0 ? ['its last lines:', ...log.map(({ text }) => `  ${text}`)] : []),
      ]
      return `${lines.join('\n')}\n`
    },
  }
}

const shown = (time: string): string => `${time.slice(0, 19).replace('T', ' ')}+00`
