import { failed, ok, type Result } from '../../model/failure.ts'
import type { Endpoint } from '../../model/platform.ts'
import { notRunning } from '../service-failures.ts'
import type { Container } from './containers.ts'
import type { Engine } from './engine.ts'
import { openRelay } from './relay.ts'

const places = new WeakMap<Engine, Promise<boolean>>()

/** Whether the engine's containers are on this machine, where their addresses are reachable: Linux, by a Unix socket. Asked once. */
export function isLocalEngine(engine: Engine): Promise<boolean> {
  const known = places.get(engine) ?? askWhere(engine)
  places.set(engine, known)
  return known
}

async function askWhere(engine: Engine): Promise<boolean> {
  if (process.platform !== 'linux') return false
  // A desktop's engine has a Unix socket too, and runs in a machine of its own.
  const isHere = (socket: string) => !socket.includes('/.docker/')
  if (engine.socket !== undefined) return isHere(engine.socket)
  const { host, context } = engine.address
  if (host !== undefined) return host.startsWith('unix://')
  const args = [
    'context',
    'inspect',
    '--format',
    '{{.Endpoints.docker.Host}}',
    ...(context === undefined ? [] : [context]),
  ]
  const asked = await engine.checked(args)
  return asked.ok && asked.value.startsWith('unix://') && isHere(asked.value)
}

/**
 * A container's port as reachable from here: its own address where the engine is on this machine, else a port of this machine whose connections go
 * through `docker exec` into the container. Needs no published port. Failure `not-reachable`.
 */
export async function reach(engine: Engine, container: Container, port: number): Promise<Result<Endpoint>> {
  const address = Object.values(container.addresses)[0]
  if (address !== undefined && (await isLocalEngine(engine))) return ok({ host: address, port, close: async () => {} })
  if (container.status !== 'running') return failed(notRunning(container.service, container.name))
  return openRelay(engine, container.id, port)
}
