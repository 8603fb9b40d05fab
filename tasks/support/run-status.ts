import type { PlatformName } from '../../lib/model/environment.ts'
import type { TaskContext, View } from '../../lib/task/definition.ts'
import type { Scope } from './flags.ts'
import { keepServicesNote } from './keep-services-note.ts'
import { followLogs, logLines } from './logs.ts'
import { isOurs } from './ours.ts'
import { selectedNames } from './selection.ts'
import { openNamed } from './session.ts'
import { statusTable } from './status-table.ts'
import { watching } from './watching.ts'

type Arguments = {
  readonly names: readonly string[]
  readonly category?: string | undefined
  readonly environment: string
  readonly platform?: PlatformName | undefined
}

/** `task services status` */
export async function runStatus(scope: Scope, context: TaskContext & { args: Arguments & { watch: boolean } }) {
  const { args } = context
  const session = await openNamed(scope, context, 'record')
  // `services statsu` comes here, as the status of a service of that name.
  session.requireServices(args.names, ['up', 'down', 'restart', 'status', 'logs'])
  const names = selectedNames(session.desired, args)
  const desired = { ...session.desired, services: session.desired.services.filter(({ name }) => names.has(name)) }
  const look = async () => {
    const known = await session.platform.status(context.signal)
    const states = desired.services.flatMap(({ name }) => known.filter(({ service }) => service === name))
    return {
      platform: session.desired.platform,
      environment: session.desired.environment,
      services: states,
      text: (view: View) => statusTable(states, desired, view),
    }
  }
  const shown = (args.watch ? await watching(context, look) : undefined) ?? (await look())
  // A task of the Taskfile may have called this one, and says more.
  if (isOurs(context.tasks.find('services status'))) await keepServicesNote(session, context.invocation)
  return shown
}

/** `task services logs` */
export async function runLogs(
  scope: Scope,
  context: TaskContext & { args: Arguments & { follow: boolean; lines: number } },
) {
  const { args } = context
  const session = await openNamed(scope, context, 'record')
  session.requireServices(args.names)
  const query = { services: [...selectedNames(session.desired, args)], follow: args.follow, lines: args.lines }
  if (context.invocation.json && !args.follow) return { lines: await logLines(context, session, query) }
  await followLogs(context, session, query)
  return undefined
}
