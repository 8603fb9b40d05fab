import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { until } from '../../support/index.ts'

/** A line of a service's log. */
export type LogLine = { level: string; message: string; [field: string]: unknown }

/** A copy of the services, built there; inside the repository, where esbuild finds what npm installed. */
export class Builds {
  readonly folder: string

  constructor(...services: string[]) {
    const cache = path.resolve('.cache')
    fs.mkdirSync(cache, { recursive: true })
    this.folder = fs.mkdtempSync(path.join(cache, 'example-'))
    const filter = (source: string) => path.basename(source) !== 'dist'
    fs.cpSync(path.resolve('example/services'), path.join(this.folder, 'services'), { recursive: true, filter })
    for (const service of services) {
      execFileSync(process.execPath, ['build.js'], { cwd: path.join(this.folder, 'services', service) })
    }
  }

  /** What a build made. */
  main(service: string): string {
    return path.join(this.folder, 'services', service, 'dist', 'main.js')
  }

  remove(): void {
    fs.rmSync(this.folder, { recursive: true, force: true })
  }
}

/** A running api or worker. */
export class Service {
  readonly lines: LogLine[] = []
  readonly child: ChildProcess
  errors = ''
  url = ''
  readonly #exit: Promise<unknown[]>

  /** Starts `dist/main.js` with no environment but the given one, on a free port unless it has one. */
  constructor(main: string, environment: Record<string, string>) {
    this.child = spawn(process.execPath, [main], {
      env: { PORT: '0', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#exit = once(this.child, 'close')
    if (!this.child.stdout || !this.child.stderr) throw new Error('no pipes')
    createInterface({ input: this.child.stdout }).on('line', (line) => this.lines.push(JSON.parse(line)))
    this.child.stderr.on('data', (chunk) => {
      this.errors += chunk
    })
  }

  /** Starts a service and waits until it listens. */
  static async start(main: string, environment: Record<string, string>): Promise<Service> {
    const service = new Service(main, environment)
    const line = await until(
      () => {
        if (service.child.exitCode === null) return service.line('listening')
        return { level: 'error', message: 'ended', ended: true }
      },
      { what: 'the service listens', deadline: 30_000 },
    )
    if (line.ended) throw new Error(`the service ended:\n${service.errors}`)
    service.url = `http://127.0.0.1:${line.port}`
    return service
  }

  /** The first line with this message. */
  line(message: string): LogLine | undefined {
    return this.lines.find((line) => line.message === message)
  }

  /** Sends a signal. */
  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  /** The exit status, or the signal that ended it. */
  async exit(): Promise<unknown> {
    const [status, signal] = await this.#exit
    return status ?? signal
  }

  /** Ends it by SIGTERM; returns the exit status. */
  stop(): Promise<unknown> {
    this.signal('SIGTERM')
    return this.exit()
  }

  /** Ends it, whatever state it is in. */
  async kill(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.signal('SIGKILL')
    await this.#exit
  }

  /** GET, with the body parsed. */
  async get<T = Record<string, unknown>>(target: string): Promise<{ status: number; headers: Headers; body: T }> {
    const response = await fetch(this.url + target)
    return { status: response.status, headers: response.headers, body: (await response.json()) as T }
  }

  /** POST of JSON; a text is sent as it is. */
  async post(
    target: string,
    body: unknown,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; body: unknown }> {
    const response = await fetch(this.url + target, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
    return { status: response.status, body: await response.json() }
  }
}
