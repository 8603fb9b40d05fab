import { once } from 'node:events'
import type { PlatformName } from '../../lib/model/environment.ts'
import { FailureError, unwrap } from '../../lib/model/failure.ts'
import { openPortRelay } from '../../lib/system/port-relay.ts'
import type { TaskContext } from '../../lib/task/definition.ts'
import type { Scope } from './flags.ts'
import { openNamed } from './session.ts'

/** The arguments of `task services port-forward`. */
type ForwardArguments = {
  readonly environment: string
  readonly platform?: PlatformName | undefined
  readonly service: string
  readonly ports?: string | undefined
}

/** `task services port-forward`: a port of a service on this machine, until it is interrupted. */
export async function runForward(scope: Scope, context: TaskContext & { args: ForwardArguments }): Promise<void> {
  const { args, signal } = context
  const { local, remote } = portsOf(args.ports)
  const session = await openNamed(scope, context, 'record')
  session.requireServices([args.service])
  const ports = session.desired.services.find(({ name }) => name === args.service)?.spec?.ports ?? {}
  const named = Object.keys(ports).find((name) => String(ports[name]) === remote)
  const endpoint = unwrap(await session.platform.connect(args.service, named ?? remote))
  const relay = unwrap(await openPortRelay(local, endpoint))
  const what = remote === '' ? args.service : `${args.service}:${remote}`
  context.log(`${what} is at 127.0.0.1:${relay.port}; Ctrl-C ends that`)
  try {
    if (!signal.aborted) await once(signal, 'abort')
  } finally {
    await relay.close()
    await endpoint.close()
  }
}

/** `8080:http`, `:5432` (any local port), `5432` (the same one here), `http`; nothing is the first port, at any local one. */
function portsOf(text = ''): { local: number; remote: string } {
  const parts = /^(?:(\d{0,5}):)?([a-z0-9-]*)$/.exec(text)
  const [, local, remote = ''] = parts ?? []
  const number = local === undefined && /^\d+$/.test(remote) ? Number(remote) : Number(local ?? 0)
  if (parts && number <= 65_535) return { local: number, remote }
  throw new FailureError({
    code: 'bad-ports',
    message: `${JSON.stringify(text)} names no ports`,
    why: 'ports are written as local:remote, :remote or remote; remote is a name or a number',
    outcome: 'usage',
  })
}
