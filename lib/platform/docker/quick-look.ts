/*
 * A look at the containers of an environment with as little as it takes: this module is part of a start. Node's client for HTTP takes a quarter of Node's start to
 * load; for questions whose answer ends with the connection a socket is enough (HTTP/1.0, RFC 1945).
 */
import { statSync } from 'node:fs'
import { Socket } from 'node:net'
import { type Container, containerOf, type Inspected } from './containers.ts'
import { label, ownerLabels } from './names.ts'

/** A running container as it was, and what tells whether it has been started since. */
export type KnownContainer = { container: Omit<Container, 'health' | 'healthOutput' | 'fingerprint'>; run: string }

/** What an engine lists of a container; the part that is looked at. */
type Listed = {
  Id: string
  Names: string[]
  State: string
  Status: string
  Labels: Record<string, string> | null
  NetworkSettings?: Networks | null
}
type Networks = { Networks: Record<string, { EndpointID?: string }> | null }

/** The containers of an environment: those of services, by what else there is of it. */
export type QuickLook = {
  containers: Container[]
  /** Something holds, or asks for, the environment's lock. */
  isLocked: boolean
  /** The container through which the records are read. */
  records: string | undefined
}

/**
 * Looks at an environment: one question for all, and one for each container that is not `known`, or does not run, or was started since. Throws where anything is
 * not as usual.
 */
export async function quickLook(
  socket: string,
  owner: { workspaceId: string; environment: string },
  known: Readonly<Record<string, KnownContainer>>,
): Promise<QuickLook> {
  const labels = Object.entries(ownerLabels({ workspaceName: '', ...owner })).map(([name, value]) => `${name}=${value}`)
  const filters = encodeURIComponent(JSON.stringify({ label: labels }))
  const listed: Listed[] = JSON.parse(await get(socket, `/containers/json?all=1&filters=${filters}`))
  const role = (one: Listed) => one.Labels?.[label.role]
  const own = listed.filter((one) => one.Labels?.[label.service] !== undefined)
  const containers = await Promise.all(own.map(async (one) => asKnown(one, known[one.Id]) ?? look(socket, one.Id)))
  return {
    containers: containers
      .flatMap((one) => one ?? [])
      // In the order of all looks at containers.
      .sort((one, other) => (one.name < other.name ? -1 : 1)),
    isLocked: listed.some((one) => role(one) === 'lock'),
    records: listed.find((one) => role(one) === 'releases')?.Id,
  }
}

/** What is worth knowing of a running container; undefined for one of which nobody could tell that it was started again. */
export function knownOf(found: Inspected): KnownContainer | undefined {
  const { health: _, healthOutput: __, fingerprint: ___, ...container } = containerOf(found)
  const run = runOf(found.NetworkSettings)
  return container.status === 'running' && run !== '' ? { container, run } : undefined
}

/** Each start of a container makes its places on networks anew, whoever starts it; without a network there is none. */
const runOf = ({ Networks: networks }: Networks): string =>
  Object.entries(networks ?? {})
    .map(([name, { EndpointID: id }]) => (id ? `${name} ${id}` : ''))
    .filter(Boolean)
    .sort()
    .join(' ')

function asKnown(listed: Listed, known: KnownContainer | undefined): Container | undefined {
  if (known === undefined || listed.State !== 'running') return undefined
  if (!listed.NetworkSettings || runOf(listed.NetworkSettings) !== known.run) return undefined
  if (listed.Names.length !== 1 || listed.Names[0] !== `/${known.container.name}`) return undefined
  const said = /\((?:health: )?(starting|healthy|unhealthy)\)$/.exec(listed.Status)?.[1]
  return { ...known.container, ...(said !== undefined && { health: said as 'starting' | 'healthy' | 'unhealthy' }) }
}

async function look(socket: string, id: string): Promise<Container | undefined> {
  const text = await get(socket, `/containers/${id}/json`, 'may be missing')
  return text === undefined ? undefined : containerOf(JSON.parse(text) as Inspected)
}

/** For how long an engine may say nothing. */
const answerMs = 5_000

function get(socket: string, path: string): Promise<string>
function get(socket: string, path: string, missing: 'may be missing'): Promise<string | undefined>
async function get(socketPath: string, path: string, missing?: 'may be missing'): Promise<string | undefined> {
  const { status, body } = await ask(socketPath, 'GET', path)
  if (status === 200) return body
  if (status === 404 && missing) return undefined
  throw new Error(`the engine answers ${status}`)
}

/** The time at which something of an environment's records was last written, as the engine says it; undefined where it does not. */
export async function recordsMark(socketPath: string, container: string): Promise<string | undefined> {
  const { status, head } = await ask(socketPath, 'HEAD', `/containers/${container}/archive?path=/releases`)
  const said = /^x-docker-container-path-stat: *(\S+)/im.exec(head)?.[1]
  if (status !== 200 || said === undefined) return undefined
  const { mtime } = JSON.parse(Buffer.from(said, 'base64').toString('utf8')) as { mtime?: unknown }
  return typeof mtime === 'string' ? mtime : undefined
}

/** When something was last written into a folder, in nanoseconds; undefined where this user cannot see it. */
export function writtenNs(path: string): string | undefined {
  try {
    return String(statSync(path, { bigint: true }).mtimeNs)
  } catch {
    return undefined
  }
}

function ask(
  path: string,
  method: 'GET' | 'HEAD',
  target: string,
): Promise<{ status: number; head: string; body: string }> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = new Socket()
    const timer = setTimeout(() => socket.destroy(new Error('the engine does not answer')), answerMs)
    socket.on('close', () => clearTimeout(timer))
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.on('error', reject)
    socket.on('end', () => {
      const bytes = Buffer.concat(chunks)
      const end = bytes.indexOf('\r\n\r\n')
      const head = bytes.toString('latin1', 0, Math.max(0, end))
      const length = /^content-length: *(\d+)/im.exec(head)?.[1]
      const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1])
      const body = bytes.subarray(end + 4)
      // Cut off.
      if (method === 'GET' && length !== undefined && body.length < Number(length)) return reject(new Error('cut off'))
      resolve({ status, head, body: body.toString('utf8') })
    })
    socket.connect(path)
    socket.write(`${method} ${target} HTTP/1.0\r\nHost: docker\r\n\r\n`)
  })
}
