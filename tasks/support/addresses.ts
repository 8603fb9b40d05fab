import type { RunSpec } from '../../lib/model/desired.ts'

/** What is shown of a service in a table; a `DesiredService` is one. */
export type ShownService = {
  name: string
  /** Why its platform cannot run it. */
  unavailable?: string
  spec?: Pick<RunSpec, 'engine' | 'ports'> & {
    command?: unknown
    health: { probes: readonly { type: string }[] }
    docker?: { published: readonly { name: string; host: number; container: number }[] }
  }
}

/**
 * `http://127.0.0.1:8080`, `postgres://127.0.0.1:5432`, or `127.0.0.1:6379`: where a service is reached.
 * @param running the ports that it runs on, which may be those of another release than the catalogue's
 */
export function addressesOf(
  { services }: { services: readonly ShownService[] },
  service: string,
  running?: Record<string, number>,
): string[] {
  const entry = services.find(({ name }) => name === service)
  if (!entry?.spec) return []
  const { health, engine, docker } = entry.spec
  // Of containers a person reaches what the host publishes.
  const ports = docker ? Object.fromEntries(docker.published.map(({ name, host }) => [name, host])) : entry.spec.ports
  const http = health.probes.some((probe) => probe.type === 'http')
  return Object.values(running ?? ports).map((port) => {
    if (engine) return `${engine.name}://127.0.0.1:${port}`
    return http ? `http://127.0.0.1:${port}` : `127.0.0.1:${port}`
  })
}
