import { spawnSync } from 'node:child_process'
import { createServer, request as forward, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Bucket } from '../../lib/backup/targets/s3-requests.ts'
import { BucketRequests } from '../../lib/backup/targets/s3-requests.ts'
import { repository, temporaryFolder } from './folders.ts'
import { freePort } from './network.ts'
import { killTree } from './processes.ts'
import { type Running, start } from './programs.ts'
import { skip } from './session.ts'
import { until } from './until.ts'

// Debian's own interpreter: another one in PATH does not see Debian's packages.
const python = '/usr/bin/python3'

/** A real S3 server (OpenStack Swift's) with an empty bucket. */
export type S3Server = {
  bucket: Bucket
  /** Kills it, as a crash does. What it has kept stays. */
  crash(): Promise<void>
  /** Starts it again, on the same port and with what it has kept. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** Starts a server in a folder of its own; skips where Debian's python3-swift is not installed. */
export async function startS3(): Promise<S3Server> {
  if (spawnSync(python, ['-c', 'import swift']).status !== 0) skip('python3-swift is not installed')
  const port = await freePort()
  const bucket: Bucket = {
    endpoint: `http://127.0.0.1:${port}`,
    bucket: 'backups',
    region: 'us-east-1',
    accessKeyId: 'test:tester',
    secretAccessKey: 'secret-of-tests',
  }
  const script = join(repository, 'test/support/s3-server.py')
  const argv: [string, ...string[]] = [
    python,
    script,
    temporaryFolder(),
    String(port),
    bucket.accessKeyId,
    bucket.secretAccessKey,
  ]
  const launch = async (): Promise<Running> => {
    const server = start(argv, { timeout: 600_000 })
    await until(() => server.stdout().includes('ready'), { what: 'Swift to listen', deadline: 60_000 })
    return server
  }
  let server = await launch()
  await new BucketRequests(bucket).send({ method: 'PUT' })
  const stop = () => killTree(server.pid)
  return {
    bucket,
    crash: stop,
    restart: async () => {
      server = await launch()
    },
    stop,
  }
}

/** What happens to a request on its way: `pass`; `503`, without reaching the server; `cut`, the connection breaks after half of the answer; `drop`, it breaks at once. */
export type Fault = 'pass' | '503' | 'cut' | 'drop'

/** A way to a server on which faults happen: `decide` is asked for each request. */
export async function faultyWay(
  bucket: Bucket,
  decide: (method: string, url: string) => Fault,
): Promise<{ bucket: Bucket; server: Server }> {
  const { hostname, port } = new URL(bucket.endpoint)
  const server = createServer((incoming, answer) => {
    const { method = 'GET', url = '/', headers } = incoming
    const fault = decide(method, url)
    if (fault === 'drop') return void incoming.socket.destroy()
    if (fault === '503') {
      incoming.resume()
      incoming.on('end', () =>
        answer.writeHead(503).end('<Error><Code>SlowDown</Code><Message>later</Message></Error>'),
      )
      return
    }
    const onward = forward({ hostname, port, method, path: url, headers }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers)
      if (fault === 'pass') return void response.pipe(answer)
      let left = Number(response.headers['content-length']) >> 1
      response.on('data', (chunk: Buffer) => {
        answer.write(chunk.subarray(0, left))
        left -= chunk.length
        if (left <= 0) answer.socket?.end()
      })
    })
    onward.on('error', () => incoming.socket.destroy())
    incoming.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { bucket: { ...bucket, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }, server }
}
