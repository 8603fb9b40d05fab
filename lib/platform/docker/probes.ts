import type { RunSpec } from '../../model/desired.ts'
import { ok, type Result } from '../../model/failure.ts'
import type { Endpoint, SecretSource } from '../../model/platform.ts'
import type { Probe, ProbeTarget } from '../../model/probe.ts'
import { type Attempt, attemptAll } from '../local/supervisor/health.ts'
import { baseEnvironment } from '../local/values.ts'
import type { Container } from './containers.ts'
import type { DockerContext } from './context.ts'
import { composeVariables } from './prepare.ts'
import { reach } from './reach.ts'

/** Where the probes of a container look, and what ends the ways there. */
export type Reached = { target: ProbeTarget; close(): Promise<void> }

/** A container's ports as probes reach them from here. Failures: those of `reach`, `secret-missing`. */
export async function probeTargetOf(
  docker: DockerContext,
  spec: RunSpec,
  container: Container,
  secrets: SecretSource,
): Promise<Result<Reached>> {
  const variables = await composeVariables(docker, spec, secrets)
  if (!variables.ok) return variables
  const endpoints: [string, Endpoint][] = []
  for (const [name, port] of Object.entries(spec.ports)) {
    const reached = await reach(docker.engine, container, port)
    if (!reached.ok) return reached
    endpoints.push([name, reached.value])
  }
  const host = endpoints[0]?.[1].host ?? '127.0.0.1'
  const ports = Object.fromEntries(endpoints.map(([name, { port }]) => [name, port]))
  const hidden = [...new Set([...variables.value.secrets, ...docker.hidden])]
  return ok({
    target: {
      service: spec.service,
      host,
      ports: { ...ports, ...numbered(spec.ports, ports) },
      ...databaseUrl(spec, secrets, host, Object.values(ports)[0]),
      directory: docker.folder,
      environment: { ...baseEnvironment(process.env), ...variables.value.env },
      secrets: hidden,
    },
    close: async () => {
      await Promise.all(endpoints.map(([, endpoint]) => endpoint.close()))
    },
  })
}

/** A probe may say a port of the container by its number. */
const numbered = (own: Record<string, number>, reached: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(own).map(([name, number]) => [String(number), reached[name] as number]))

function databaseUrl(
  { database }: RunSpec,
  secrets: SecretSource,
  host: string,
  port: number | undefined,
): { databaseUrl?: string } {
  const password = database && secrets.find(database.password)
  if (!password || port === undefined) return {}
  const { user, name } = database
  return { databaseUrl: `postgres://${user}:${encodeURIComponent(password.reveal())}@${host}:${port}/${name}` }
}

/** One attempt of a service's probes on one container: those that run a program do it inside. */
export async function attemptIn(
  docker: DockerContext,
  probes: Probe[],
  { target }: Reached,
  container: Container,
  signal: AbortSignal,
): Promise<Attempt> {
  const inside = probes.filter((probe) => probe.type === 'exec')
  const outside = probes.filter((probe) => probe.type !== 'exec').map((probe) => atReached(probe, target))
  const results = await Promise.all([
    ...(outside.length > 0 ? [attemptAll(outside, target, signal)] : []),
    ...inside.map(async ({ command, name }): Promise<Attempt> => {
      const done = await docker.engine.run(['exec', container.id, ...command], { signal })
      if (!done.ok) return { passed: false, message: done.failures[0].message }
      const { status, stderr, stdout } = done.value
      const said = (stderr.trim() || stdout.trim()).split('\n').at(-1) ?? ''
      return {
        passed: status === 0,
        message: `${name ?? command[0]} ended with status ${status}${said && `: ${said}`}`,
      }
    }),
  ])
  const bad = results.filter(({ passed }) => !passed)
  return bad.length > 0
    ? { passed: false, message: bad.map(({ message }) => message).join('; ') }
    : { passed: true, message: results[0]?.message ?? 'alive' }
}

/** A number in a probe is the container's; from here it may be another. */
function atReached(probe: Probe, target: ProbeTarget): Probe {
  if (!('port' in probe) || typeof probe.port !== 'number' || probe.type === 'certificate') return probe
  return { ...probe, port: target.ports[String(probe.port)] ?? probe.port } as Probe
}
