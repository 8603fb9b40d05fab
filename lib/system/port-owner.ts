import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** Who listens on a port. `pid` and `command` are missing where the system does not tell them (another user's process). */
export type PortOwner = {
  pid?: number
  /** Its command line, as `ps` shows it, cut at 200 characters. */
  command?: string
  user?: string
}

/** The process that listens on a TCP port, on any address of this machine. */
export async function findListener(port: number): Promise<PortOwner | undefined> {
  return process.platform === 'linux' ? findInProc(port) : findByLsof(port)
}

/** A listening socket in `/proc/net/tcp` or `tcp6`. */
export type ListeningSocket = { port: number; user: number; inode: string }

const listening = '0A'

/** Parses `/proc/net/tcp` and `/proc/net/tcp6` (proc_pid_net(5)): the sockets in state LISTEN. */
export function parseListeners(text: string): ListeningSocket[] {
  const sockets: ListeningSocket[] = []
  for (const line of text.split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/)
    const [, local, , state] = fields
    const [user, inode] = [fields[7], fields[9]]
    if (state !== listening || local === undefined || user === undefined || inode === undefined) continue
    sockets.push({ port: Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16), user: Number(user), inode })
  }
  return sockets
}

function findInProc(port: number): PortOwner | undefined {
  const sockets = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((path) => parseListeners(readText(path)))
  const found = sockets.filter((socket) => socket.port === port)
  const [first] = found
  if (first === undefined) return undefined
  const pid = holderOf(new Set(found.map((socket) => `socket:[${socket.inode}]`)))
  const user = userName(first.user)
  return {
    ...(pid !== undefined && { pid }),
    ...(pid !== undefined && { command: commandOf(pid) }),
    ...(user !== undefined && { user }),
  }
}

/** The process that has one of the sockets open: the oldest one, since servers hand theirs to their workers. */
function holderOf(sockets: Set<string>): number | undefined {
  const pids = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b)
  return pids.find((pid) => {
    try {
      return readdirSync(`/proc/${pid}/fd`).some((name) => sockets.has(linkOf(`/proc/${pid}/fd/${name}`)))
    } catch {
      return false
    }
  })
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

function commandOf(pid: number): string {
  const words = readText(`/proc/${pid}/cmdline`).split('\0').join(' ').trim()
  return (words || readText(`/proc/${pid}/comm`).trim()).slice(0, 200)
}

function userName(id: number): string {
  const line = readText('/etc/passwd')
    .split('\n')
    .find((entry) => entry.split(':')[2] === String(id))
  return line?.split(':')[0] ?? String(id)
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** Parses `lsof -F pcLn`: one field a line, a process begins with `p`. */
export function parseLsof(text: string): PortOwner | undefined {
  const fields = new Map<string, string>()
  for (const line of text.split('\n')) {
    if (line.startsWith('p') && fields.has('p')) break
    if (line) fields.set(line.slice(0, 1), line.slice(1))
  }
  const [pid, command, user] = [fields.get('p'), fields.get('c'), fields.get('L')]
  if (pid === undefined) return undefined
  return { pid: Number(pid), ...(command && { command }), ...(user && { user }) }
}

async function findByLsof(port: number): Promise<PortOwner | undefined> {
  const { runCommand } = await import('./command.ts')
  // macOS has it in /usr/sbin, which cron has not in PATH (crontab(5)); others have none there.
  const lsof = existsSync('/usr/sbin/lsof') ? '/usr/sbin/lsof' : 'lsof'
  const result = await runCommand([lsof, '-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-FpcL'], { timeoutMs: 10_000 })
  if (!result.ok) return undefined
  const owner = parseLsof(result.value.stdout)
  if (owner?.pid === undefined) return owner
  const ps = await runCommand(['ps', '-o', 'command=', '-p', String(owner.pid)], { timeoutMs: 10_000 })
  return ps.ok && ps.value.stdout.trim() ? { ...owner, command: ps.value.stdout.trim().slice(0, 200) } : owner
}
