import type { Fingerprint } from '../../model/desired.ts'
import { ok, type Result } from '../../model/failure.ts'
import type { DockerContext } from './context.ts'
import type { Engine } from './engine.ts'
import { label, labelFilters, nameBefore, ownerLabels } from './names.ts'

/** What the engine says of a container; the part of `docker inspect` that is looked at. */
export type Inspected = {
  Id: string
  Name: string
  Image: string
  RestartCount: number
  State: {
    Status: 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead'
    ExitCode: number
    OOMKilled: boolean
    Error: string
    Pid: number
    StartedAt: string
    FinishedAt: string
    Health?: {
      Status: 'starting' | 'healthy' | 'unhealthy' | 'none'
      FailingStreak?: number
      Log?: { ExitCode: number; Output: string }[] | null
    }
  }
  Config: { Labels: Record<string, string> | null; Healthcheck?: { Test?: string[] } | null }
  HostConfig: { RestartPolicy: { Name: string }; Memory: number }
  NetworkSettings: {
    Networks: Record<string, { IPAddress: string; GlobalIPv6Address?: string; EndpointID?: string }> | null
    Ports: Record<string, { HostIp: string; HostPort: string }[] | null> | null
  }
}

/** A container of the environment, as the engine has it. */
export type Container = {
  id: string
  name: string
  /** The service of the catalogue that it runs. */
  service: string
  project: string
  composeService: string
  /** It was replaced, and can come back. */
  kept: boolean
  status: Inspected['State']['Status']
  exitCode: number
  oomKilled: boolean
  memoryBytes: number
  error: string
  pid: number
  startedAt?: string
  finishedAt?: string
  health?: 'starting' | 'healthy' | 'unhealthy'
  /** How many of its last health checks failed in a row. */
  failingStreak: number
  /** The last thing that its health check printed. */
  healthOutput?: string
  restarts: number
  restartPolicy: string
  oneShot: boolean
  release?: number
  run?: string
  fingerprint?: Fingerprint
  image: string
  /** Its address on each network. */
  addresses: Record<string, string>
  published: { container: number; host: number; protocol: string }[]
}

/** Every container of the environment that runs a service, also the kept ones. Two calls of the engine, however many there are. */
export const environmentContainers = (docker: DockerContext, signal?: AbortSignal): Promise<Result<Container[]>> =>
  listContainers(docker.engine, [...labelFilters(ownerLabels(docker)), '--filter', `label=${label.service}`], signal)

/** The containers of one service. */
export const serviceContainers = (
  docker: DockerContext,
  service: string,
  signal?: AbortSignal,
): Promise<Result<Container[]>> =>
  listContainers(docker.engine, labelFilters({ ...ownerLabels(docker), [label.service]: service }), signal)

async function listContainers(engine: Engine, filters: string[], signal?: AbortSignal): Promise<Result<Container[]>> {
  const options = signal ? { signal } : {}
  const ids = await engine.checked(['ps', '--all', '--quiet', '--no-trunc', ...filters], options)
  if (!ids.ok) return ids
  return inspectContainers(engine, ids.value.split('\n').filter(Boolean), signal)
}

/** Looks at containers by their ids. One that is gone meanwhile is left out. */
export async function inspectContainers(
  engine: Engine,
  ids: readonly string[],
  signal?: AbortSignal,
): Promise<Result<Container[]>> {
  if (ids.length === 0) return ok([])
  const found = await engine.run(['inspect', '--type', 'container', ...ids], signal ? { signal } : {})
  if (!found.ok) return found
  // Status 1 says that one of them is gone; the others are printed all the same.
  const all = JSON.parse(found.value.stdout.trim() || '[]') as Inspected[]
  return ok(all.map(containerOf).sort((one, other) => (one.name < other.name ? -1 : 1)))
}

const never = '0001-01-01T00:00:00Z'

/** A container by what the engine says of it. */
export function containerOf(found: Inspected): Container {
  const { State: state, Config: config, NetworkSettings: network } = found
  const labels = config.Labels ?? {}
  const name = found.Name.replace(/^\//, '')
  const health = state.Health?.Status
  const output = state.Health?.Log?.at(-1)?.Output
  const release = Number(labels[label.release])
  const fingerprint = parseFingerprint(labels[label.fingerprint])
  return {
    id: found.Id,
    name,
    service: labels[label.service] ?? '',
    project: labels[label.project] ?? '',
    composeService: labels[label.composeService] ?? '',
    kept: nameBefore(name) !== undefined,
    status: state.Status,
    exitCode: state.ExitCode,
    oomKilled: state.OOMKilled,
    memoryBytes: found.HostConfig.Memory,
    error: state.Error,
    pid: state.Pid,
    ...(state.StartedAt !== never && { startedAt: state.StartedAt }),
    ...(state.FinishedAt !== never && { finishedAt: state.FinishedAt }),
    ...(health && health !== 'none' && { health }),
    ...(output !== undefined && output.trim() !== '' && { healthOutput: output.trim() }),
    failingStreak: state.Health?.FailingStreak ?? 0,
    restarts: found.RestartCount,
    restartPolicy: found.HostConfig.RestartPolicy.Name,
    oneShot: labels[label.oneShot] === 'true',
    ...(Number.isInteger(release) && release > 0 && { release }),
    ...(labels[label.run] !== undefined && { run: labels[label.run] as string }),
    ...(fingerprint && { fingerprint }),
    image: found.Image,
    addresses: Object.fromEntries(
      Object.entries(network.Networks ?? {}).flatMap(([net, { IPAddress }]) => (IPAddress ? [[net, IPAddress]] : [])),
    ),
    published: Object.entries(network.Ports ?? {}).flatMap(([port, bindings]) => {
      const [number, protocol = 'tcp'] = port.split('/')
      const host = Number(bindings?.[0]?.HostPort)
      return bindings && host > 0 ? [{ container: Number(number), host, protocol }] : []
    }),
  }
}

function parseFingerprint(text: string | undefined): Fingerprint | undefined {
  try {
    const value: unknown = text === undefined ? undefined : JSON.parse(text)
    return value !== null && typeof value === 'object' ? (value as Fingerprint) : undefined
  } catch {
    return undefined
  }
}

/** Whether two fingerprints name the same parts with the same digests. */
export const sameParts = (one: Fingerprint, other: Fingerprint): boolean => {
  const names = new Set([...Object.keys(one), ...Object.keys(other)])
  return [...names].every((name) => one[name] === other[name])
}

/** Made and never started: what a run that died has left. */
export const isLitter = ({ status, kept }: Container): boolean => status === 'created' && !kept
