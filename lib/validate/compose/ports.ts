import type { PublishedPort } from '../../model/desired.ts'
import { mapping } from './file.ts'

/** A port of the catalogue. */
type DeclaredPort = { name?: string | undefined; container: number; host?: number | undefined; protocol: 'tcp' | 'udp' }

/** What is known of a Compose service's ports besides what its file says. */
export type PortOptions = {
  of: string
  declared: DeclaredPort[]
  nameOf(port: { name?: string | undefined; container: number }): string
  /** Numbers of the environment, by name. */
  override: Record<string, number>
  /** Numbers that this engine's host uses in place of the configured ones, by name. */
  assigned: Record<string, number>
}

/** The ports that the host publishes: those of the Compose file, with the catalogue's numbers before its own, and the catalogue's others. */
export function publishedBy(ports: unknown[], options: PortOptions): PublishedPort[] {
  const { of, declared, nameOf, override, assigned } = options
  const said = ports.flatMap((port) => readPort(port))
  const result: PublishedPort[] = []
  const add = (port: Omit<PublishedPort, 'name' | 'of' | 'host'>, host: number | undefined, name: string) => {
    const configured = override[name] ?? host
    if (configured === undefined) return
    const taken = assigned[name]
    const moved = taken !== undefined && taken !== configured
    result.push({ ...port, name, of, host: moved ? taken : configured, ...(moved && { declared: configured }) })
  }
  for (const { host, ...port } of said) {
    const known = declared.find(({ container, protocol }) => container === port.container && protocol === port.protocol)
    add(port, known?.host ?? host, nameOf(known ?? port))
  }
  for (const { container, host, protocol, name } of declared) {
    if (said.some((port) => port.container === container && port.protocol === protocol)) continue
    add({ container, protocol }, host, nameOf({ name, container }))
  }
  return result
}

type SaidPort = { container: number; host?: number; address?: string; protocol: 'tcp' | 'udp' }

/** `8080:80`, `127.0.0.1:8080:80/tcp`, `80`, or the long form. Ranges are refused before. */
function readPort(port: unknown): SaidPort[] {
  if (port !== null && typeof port === 'object') {
    const { target, published, host_ip: address, protocol } = mapping(port)
    return saidPort(String(target), published === undefined ? '' : String(published), String(address ?? ''), protocol)
  }
  const [numbers = '', protocol] = String(port).split('/')
  const parts = /^(?:(\[.*\]|[^:]*):)?(?:([^:]*):)?([^:]+)$/.exec(numbers)
  if (!parts) return []
  const [, first, second, container = ''] = parts
  const [address, host] = second === undefined ? ['', first ?? ''] : [first ?? '', second]
  return saidPort(container, host, address, protocol)
}

function saidPort(target: string, published: string, address: string, protocol: unknown): SaidPort[] {
  const container = Number(target)
  if (!Number.isInteger(container)) return []
  const host = published === '' ? undefined : Number(published)
  return [
    {
      container,
      ...(host !== undefined && Number.isInteger(host) && { host }),
      ...(address !== '' && { address }),
      protocol: protocol === 'udp' ? 'udp' : 'tcp',
    },
  ]
}
