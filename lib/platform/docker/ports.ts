import type { Desired, PublishedPort, RunSpec } from '../../model/desired.ts'
import { ok, type Result } from '../../model/failure.ts'
import type { Finding } from '../../model/finding.ts'
import type { Plan } from '../../model/plan.ts'
import type { PortConflict, PortOwner } from '../../model/snapshot.ts'
import { freePortNear, portOwner, portState } from '../../system/ports.ts'
import type { DockerContext } from './context.ts'
import { label } from './names.ts'
import { isLocalEngine } from './reach.ts'

/** A port of the host that a container of the engine has. */
type Taken = { host: number; protocol: string; container: string; project: string; own?: string }

/** The host's ports that these services are to have and that a container of somebody else, or a process of this machine, has. */
export async function blockedPorts(
  docker: DockerContext,
  specs: readonly RunSpec[],
  signal?: AbortSignal,
): Promise<Result<PortConflict[]>> {
  const wanted = specs.flatMap((spec) =>
    (spec.docker?.published ?? []).map((port) => ({ service: spec.service, port })),
  )
  if (wanted.length === 0) return ok([])
  const listed = await takenPorts(docker, signal)
  if (!listed.ok) return listed
  const local = await isLocalEngine(docker.engine)
  const promised = new Set([...listed.value.map(({ host }) => host), ...wanted.map(({ port }) => port.host)])
  const conflicts: PortConflict[] = []
  for (const { service, port } of wanted) {
    const holders = listed.value.filter(({ host, protocol }) => host === port.host && protocol === port.protocol)
    if (holders.some(({ own }) => own === service)) continue
    let owner: PortOwner | Taken | undefined = holders[0] ?? (local ? await processOn(port) : undefined)
    if (owner && !holders[0]) {
      // A container in a crash loop has its port between two looks: only who is there at the next one too has it.
      const again = await takenPorts(docker, signal)
      if (!again.ok) return again
      const now = again.value.filter(({ host, protocol }) => host === port.host && protocol === port.protocol)
      if (now.some(({ own }) => own === service)) continue
      owner = now[0] ?? (await processOn(port))
    }
    if (!owner) continue
    // Two ports of one plan are not to get the same alternative.
    const free = await freePortNear(port.host, promised)
    if (free !== undefined) promised.add(free)
    const { container, project, pid, command, user } = owner as PortOwner
    conflicts.push({
      service,
      port: port.host,
      name: port.name,
      owner: {
        ...(container !== undefined && { container }),
        ...(project !== undefined && project !== '' && { project }),
        ...(pid !== undefined && { pid }),
        ...(command !== undefined && { command }),
        ...(user !== undefined && { user }),
      },
      free: free ?? 0,
    })
  }
  return ok(conflicts)
}

/** Who of this machine listens on a port; the engine would find that out only once the old container is stopped. */
async function processOn({ host, address, protocol }: PublishedPort): Promise<PortOwner | undefined> {
  if (protocol !== 'tcp') return undefined
  const state = await portState(address ?? '0.0.0.0', host)
  return state === 'in-use' ? ((await portOwner(host)) ?? {}) : undefined
}

async function takenPorts(
  { engine, workspaceId, environment }: DockerContext,
  signal?: AbortSignal,
): Promise<Result<Taken[]>> {
  const names = [label.project, label.workspace, label.environment, label.service]
  const format = ['{{.Names}}', '{{.Ports}}', ...names.map((name) => `{{.Label "${name}"}}`)].join('\t')
  const listed = await engine.checked(['ps', '--format', format], signal ? { signal } : {})
  if (!listed.ok) return listed
  return ok(
    listed.value.split('\n').flatMap((line) => {
      const [container = '', ports = '', project = '', workspace, owner, service] = line.split('\t')
      const own = workspace === workspaceId && owner === environment ? service : undefined
      return hostPorts(ports).map((port) => ({ ...port, container, project, ...(own !== undefined && { own }) }))
    }),
  )
}

/** `0.0.0.0:8080->80/tcp, :::8080->80/tcp, 0.0.0.0:9000-9001->9000-9001/tcp` */
function hostPorts(text: string): { host: number; protocol: string }[] {
  return text.split(', ').flatMap((one) => {
    const [, from, to = from, protocol = 'tcp'] = /:(\d+)(?:-(\d+))?->[^/]*\/(\w+)$/.exec(one) ?? []
    if (from === undefined) return []
    const [first, last] = [Number(from), Number(to)]
    return Array.from({ length: last - first + 1 }, (_, index) => ({ host: first + index, protocol }))
  })
}

/** Ports that services of a plan cannot have, each with its owner and a free alternative. Before anything is stopped or started. */
export async function portFindings(
  docker: DockerContext,
  plan: Plan,
  desired: Desired | undefined,
  signal: AbortSignal,
): Promise<Finding[]> {
  const specs = plan.ops.flatMap((op) => (op.kind === 'start-service' ? [op.data.spec] : []))
  const blocked = await blockedPorts(docker, specs, signal)
  if (!blocked.ok) return []
  const where = desired && desired.configuredAs !== 'dev' ? ` -e ${desired.configuredAs}` : ''
  return blocked.value.map(({ service, port, name, owner, free }): Finding => {
    const mend = free === 0 ? ownerMend(owner) : `task services up ${service}${where} --resolve-ports   # uses ${free}`
    return {
      rule: 'port-in-use',
      severity: 'error',
      service,
      message: `port ${port} (${name} of ${service}) is in use by ${ownerText(owner)}${free === 0 ? '' : `; ${free} is free`}`,
      ...(mend !== undefined && { mend }),
    }
  })
}

/** Who has a port, in words: a container with its project, or a process. */
export function ownerText({ container, project, pid, command, user }: PortOwner): string {
  if (container !== undefined)
    return `the container ${container}${project === undefined ? '' : ` (project ${project})`}`
  const text = command ?? 'a process'
  const short = text.length > 60 ? `${text.slice(0, 59)}…` : text
  if (pid !== undefined) return `${short} (pid ${pid}${user === undefined ? '' : `, ${user}`})`
  return user === undefined ? 'another process of the host' : `a process of ${user}`
}

const ownerMend = ({ container, pid }: PortOwner): string | undefined =>
  container !== undefined ? `docker stop ${container}` : pid === undefined ? undefined : `kill ${pid}`
