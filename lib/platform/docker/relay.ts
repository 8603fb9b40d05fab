import { createServer, type Socket } from 'node:net'
import { failed, ok, type Result } from '../../model/failure.ts'
import type { Endpoint } from '../../model/platform.ts'
import { startProcess } from '../../system/processes.ts'
import type { Engine } from './engine.ts'

/** Connects its input and output with a port of the container, by the first program that is there. `$1` is the port. */
const connectScript = [
  'if command -v socat >/dev/null 2>&1; then exec socat - "TCP:127.0.0.1:$1"; fi',
  'if command -v nc >/dev/null 2>&1; then exec nc 127.0.0.1 "$1"; fi',
  'if command -v perl >/dev/null 2>&1; then',
  `exec perl -MIO::Socket::INET -MIO::Select -e '$|=1; $s=IO::Socket::INET->new("127.0.0.1:$ARGV[0]") or exit 1; $s->autoflush(1); $r=IO::Select->new(\\*STDIN,$s); while(@f=$r->can_read){for $f(@f){$n=sysread($f,$b,65536); exit 0 unless $n; $t=$f==$s?\\*STDOUT:$s; while(length $b){$w=syswrite($t,$b); exit 1 unless $w; substr($b,0,$w)=""}}}' "$1"`,
  'fi',
  'if command -v bash >/dev/null 2>&1; then',
  `exec bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1"; cat <&3 & cat >&3; wait' bash "$1"`,
  'fi',
  'echo "the image has none of socat, nc, perl and bash" >&2; exit 127',
].join('\n')

/** A port of this machine whose connections go into a container, each through a `docker exec` of its own. Ends with `close`. */
export async function openRelay(engine: Engine, container: string, port: number): Promise<Result<Endpoint>> {
  const stop = new AbortController()
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    void carry(engine, container, port, socket, stop.signal)
  })
  const listening = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(0, '127.0.0.1', () => resolve(true))
  })
  const address = server.address()
  if (!listening || address === null || typeof address === 'string') {
    return failed({ code: 'not-reachable', message: 'no port of this machine could be opened', outcome: 'unchanged' })
  }
  // A forgotten relay does not keep a command from ending.
  server.unref()
  return ok({
    host: '127.0.0.1',
    port: address.port,
    async close() {
      stop.abort()
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  })
}

async function carry(engine: Engine, container: string, port: number, socket: Socket, signal: AbortSignal) {
  socket.on('error', () => socket.destroy())
  const started = await startProcess({
    argv: engine.argv(['exec', '--interactive', container, 'sh', '-c', connectScript, 'relay', String(port)]),
    env: engine.environment(),
    stdin: 'pipe',
    stdout: (chunk) =>
      socket.write(chunk) || socket.destroyed
        ? undefined
        : new Promise((resolve) => socket.once('drain', resolve).once('close', resolve)),
    signal,
    graceMs: 1000,
  })
  if (!started.ok) return socket.destroy()
  const process = started.value
  const { stdin } = process
  if (stdin) {
    stdin.on('error', () => socket.destroy())
    socket.pipe(stdin)
  }
  socket.once('close', () => void process.stop({ graceMs: 1000 }))
  await process.exited
  await process.output.catch(() => {})
  socket.end()
}
