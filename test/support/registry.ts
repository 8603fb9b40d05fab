import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { temporaryFolder } from './folders.ts'
import { freePort } from './network.ts'
import { skip } from './session.ts'
import { until } from './until.ts'

/** How a registry answers in place of its own answer: with a status, not at all, or by closing the connection. */
export type Fault = 401 | 403 | 404 | 429 | 500 | 503 | 'hang' | 'close'

/** A real image registry behind a proxy that can be told to fail. */
export type Registry = {
  /** `127.0.0.1:5000`, as in a reference. */
  host: string
  /** What was asked for: `GET /v2/`. */
  readonly requests: string[]
  /** The next answers, one each; after them it answers as it should. */
  fail(...faults: Fault[]): void
  /** All answers from now on; undefined: as it should. */
  always(fault: Fault | undefined): void
  end(): Promise<void>
}

/** What registries call these (OCI Distribution Specification, error codes). */
const codes: Record<number, string> = {
  401: 'UNAUTHORIZED',
  403: 'DENIED',
  404: 'MANIFEST_UNKNOWN',
  429: 'TOOMANYREQUESTS',
}

const program = '/usr/bin/docker-registry'

/** Starts a registry (Debian's docker-registry) on loopback, which engines take without TLS. Skips where it is not installed. */
export async function startRegistry(): Promise<Registry> {
  if (!existsSync(program)) skip('docker-registry is not installed')
  const folder = mkdtempSync(join(temporaryFolder(), 'registry-'))
  const port = await freePort()
  const configuration = {
    version: 0.1,
    log: { level: 'error' },
    storage: { filesystem: { rootdirectory: join(folder, 'data') } },
    http: { addr: `127.0.0.1:${port}` },
  }
  writeFileSync(join(folder, 'config.yml'), JSON.stringify(configuration))
  const child = spawn(program, ['serve', join(folder, 'config.yml')], { stdio: 'ignore' })
  const requests: string[] = []
  let faults: Fault[] = []
  let standing: Fault | undefined
  const server = createServer((incoming, outgoing) => {
    requests.push(`${incoming.method} ${incoming.url}`)
    const fault = faults.shift() ?? standing
    if (fault === 'hang') return
    if (fault === 'close') return void incoming.socket.destroy()
    if (fault !== undefined) {
      if (fault === 401) outgoing.setHeader('WWW-Authenticate', 'Basic realm="tests"')
      outgoing.writeHead(fault, { 'Content-Type': 'application/json' })
      return void outgoing.end(
        JSON.stringify({ errors: [{ code: codes[fault] ?? 'UNKNOWN', message: `told to answer ${fault}` }] }),
      )
    }
    const { method, url, headers } = incoming
    const onward = request({ host: '127.0.0.1', port, method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    onward.on('error', () => outgoing.destroy())
    incoming.pipe(onward)
  })
  // Whoever tries TLS first is told in plain words, as by a real server.
  server.on('clientError', (_, socket) => void socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'))
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  await until(async () => (await fetch(`http://127.0.0.1:${port}/v2/`)).ok, { what: 'the registry to answer' })
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    fail: (...next) => {
      faults = next
    },
    always: (fault) => {
      standing = fault
    },
    async end() {
      server.closeAllConnections()
      server.close()
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
