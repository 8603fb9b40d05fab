import type { PlatformName } from '../../lib/model/environment.ts'
import { type Failure, FailureError, ok, unwrap } from '../../lib/model/failure.ts'
import { planPull } from '../../lib/plan/pull.ts'
import type { TaskContext, View } from '../../lib/task/definition.ts'
import type { Scope } from './flags.ts'
import { operate, type PlanFlags } from './operate.ts'
import { reportOperation, since } from './result.ts'
import { selectedNames } from './selection.ts'
import { openNamed, openSession, type Session } from './session.ts'

type Where = { readonly environment: string; readonly platform?: PlatformName | undefined }
type Named = Where & { readonly names: readonly string[]; readonly category?: string | undefined }

/** `task services exec`: a command inside of a service, with this terminal where there is one. Ends as the command does. */
export async function runExec(
  scope: Scope,
  context: TaskContext & { args: Where & { readonly service: string; readonly command: readonly string[] } },
): Promise<void> {
  const { args, invocation } = context
  const session = await openNamed(scope, context, 'record')
  session.requireServices([args.service])
  const { inside } = session.platform
  if (!inside)
    throw new FailureError(notHere(session, 'a service is a process of this machine: run the command itself'))
  const terminal = invocation.interactive
  const { argv, env } = unwrap(await inside(args.service, args.command, { terminal }))
  await context.$({ stdio: 'inherit', env: { ...context.env, ...env }, verbose: false })`${argv}`
}

/** `task services pull`: fetches images anew, and changes nothing that runs. */
export async function runPull(scope: Scope, context: TaskContext & { args: Named & PlanFlags }) {
  const { args } = context
  const started = performance.now()
  const session = await openSession(scope, context, { ...args, needs: 'environment' })
  session.requireServices(args.names)
  const { desired, platform } = session
  if (desired.platform !== 'docker') throw new FailureError(notHere(session, 'its services are run from no images'))
  const selection = {
    ...(args.names.length > 0 ? { names: [...args.names] } : {}),
    ...(args.category === undefined ? {} : { category: args.category }),
  }
  const result = await operate(context, session, args, {
    purpose: 'services pull',
    lock: 'shared',
    covers: [],
    prepare: async (signal) => {
      const snapshot = unwrap(await platform.observe(desired, { signal }))
      return ok({ plan: planPull(desired, selection), snapshot, desired })
    },
  })
  return reportOperation(result, {
    operation: 'services pull',
    environment: desired.environment,
    dryRun: args.dryRun === true,
    text: (view) => (result.outcome === 'done' ? `services pull ${since(started, view)}\n` : ''),
  })
}

/** `task services config`: what the platform is told of services, without secrets. */
export async function runConfig(scope: Scope, context: TaskContext & { args: Named }) {
  const { args } = context
  const session = await openSession(scope, context, { ...args, needs: 'environment' })
  session.requireServices(args.names)
  const { told } = session.platform
  if (!told) throw new FailureError(notHere(session, 'its services are told by no file'))
  const names = selectedNames(session.desired, args)
  const services: { service: string; config: string }[] = []
  for (const { name, spec } of session.desired.services) {
    if (!spec || !names.has(name)) continue
    services.push({ service: name, config: session.redact.text(unwrap(await told(spec))) })
  }
  return { services, text: (_: View) => services.map(({ config }) => config).join('---\n') }
}

const notHere = ({ desired }: Session, why: string): Failure => ({
  code: 'not-on-this-platform',
  message: `${desired.environment} runs on the platform ${desired.platform}, which has none of this`,
  why,
  outcome: 'unchanged',
})
