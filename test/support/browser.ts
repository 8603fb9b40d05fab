import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { temporaryFolder } from './folders.ts'
import { skip } from './session.ts'
import { until } from './until.ts'

/** A page in a real browser. */
export type Page = {
  /** The value of an expression in the page; JSON can say it. */
  value<T = unknown>(expression: string): Promise<T>
  /** Presses a key as the keyboard does: `ArrowDown`, `/`, or a letter. */
  key(key: string): Promise<void>
  /** Types a text where the focus is. */
  type(text: string): Promise<void>
  /** What the reader prefers. */
  scheme(scheme: 'light' | 'dark'): Promise<void>
  /** A picture of what is seen (PNG). */
  picture(): Promise<Buffer>
  /** Errors and warnings of the console, and exceptions, so far. */
  complaints: string[]
  /** What the page has asked for over a network, so far. */
  requests: string[]
}

/** A browser without a window, spoken to in Chrome's DevTools protocol over a pipe. */
export type Browser = {
  open(url: string, size?: { width: number; height: number }): Promise<Page>
  close(): Promise<void>
}

const programs = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** Starts the browser; skips the test where there is none. */
export async function startBrowser(): Promise<Browser> {
  const program = programs.find((path) => existsSync(path))
  if (program === undefined) skip('no chromium is installed')
  const profile = temporaryFolder()
  const child = spawn(
    program,
    [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      `--user-data-dir=${profile}`,
      '--remote-debugging-pipe',
      'about:blank',
    ],
    {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
      detached: true,
      env: { PATH: process.env.PATH, HOME: profile },
    },
  )
  const protocol = new Protocol(child)
  return {
    open: (url, size = { width: 1280, height: 900 }) => openPage(protocol, url, size),
    async close() {
      const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
      if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      else return
      await gone
    },
  }
}

type Answer = {
  id?: number
  method?: string
  params?: Record<string, unknown>
  result?: unknown
  error?: { message: string }
}

class Protocol {
  readonly #to: Writable
  readonly #waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>()
  readonly #listeners: ((event: Answer & { sessionId?: string }) => void)[] = []
  #count = 0
  #text = ''

  constructor(child: ChildProcess) {
    this.#to = child.stdio[3] as Writable
    this.#to.on('error', () => {})
    const from = child.stdio[4] as Readable
    from.setEncoding('utf8')
    from.on('data', (data: string) => this.#read(data))
    child.once('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the browser has ended'))
    })
  }

  on(listener: (event: Answer & { sessionId?: string }) => void): void {
    this.#listeners.push(listener)
  }

  send<T = Record<string, unknown>>(method: string, params: object = {}, sessionId?: string): Promise<T> {
    this.#count += 1
    const id = this.#count
    this.#to.write(`${JSON.stringify({ id, method, params, ...(sessionId ? { sessionId } : {}) })}\0`)
    return new Promise<T>((resolve, reject) =>
      this.#waiting.set(id, { resolve: resolve as (r: unknown) => void, reject }),
    )
  }

  #read(data: string): void {
    const [first = '', ...rest] = data.split('\0')
    this.#text += first
    for (const next of rest) {
      this.#take(JSON.parse(this.#text))
      this.#text = next
    }
  }

  #take(message: Answer): void {
    const waiting = message.id === undefined ? undefined : this.#waiting.get(message.id)
    if (!waiting) {
      for (const listener of this.#listeners) listener(message)
      return
    }
    this.#waiting.delete(message.id as number)
    if (message.error) waiting.reject(new Error(message.error.message))
    else waiting.resolve(message.result)
  }
}

async function openPage(protocol: Protocol, url: string, size: { width: number; height: number }): Promise<Page> {
  const { targetId } = await protocol.send<{ targetId: string }>('Target.createTarget', { url: 'about:blank' })
  const { sessionId } = await protocol.send<{ sessionId: string }>('Target.attachToTarget', { targetId, flatten: true })
  const send = <T>(method: string, params: object = {}) => protocol.send<T>(method, params, sessionId)
  const complaints: string[] = []
  const requests: string[] = []
  protocol.on(({ method, params = {}, sessionId: of }) => {
    if (of !== sessionId) return
    if (method === 'Runtime.exceptionThrown') complaints.push(JSON.stringify(params.exceptionDetails))
    if (method === 'Runtime.consoleAPICalled' && params.type !== 'log') complaints.push(JSON.stringify(params.args))
    if (method === 'Log.entryAdded') complaints.push(JSON.stringify(params.entry))
    const asked = (params.request as { url?: string } | undefined)?.url
    if (method === 'Network.requestWillBeSent' && asked !== url && !asked?.startsWith('data:'))
      requests.push(`${asked}`)
  })
  for (const domain of ['Runtime', 'Log', 'Network', 'Page']) await send(`${domain}.enable`)
  await send('Emulation.setDeviceMetricsOverride', { ...size, deviceScaleFactor: 1, mobile: false })
  await send('Page.navigate', { url })
  const value = async <T>(expression: string): Promise<T> => {
    const { result, exceptionDetails } = await send<{ result: { value: T }; exceptionDetails?: object }>(
      'Runtime.evaluate',
      { expression, returnByValue: true, awaitPromise: true },
    )
    if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails))
    return result.value
  }
  await until(() => value(`location.href !== 'about:blank' && document.readyState === 'complete'`), {
    what: 'the page to be loaded',
    deadline: 30_000,
  })
  return {
    value,
    async key(key) {
      const text = key.length === 1 ? { text: key } : {}
      const code = { ArrowDown: 40, ArrowUp: 38, Escape: 27, End: 35, Home: 36, Enter: 13 }[key]
      const more = code === undefined ? {} : { windowsVirtualKeyCode: code }
      await send('Input.dispatchKeyEvent', { type: 'keyDown', key, ...text, ...more })
      await send('Input.dispatchKeyEvent', { type: 'keyUp', key, ...more })
    },
    type: (text) => send('Input.insertText', { text }),
    scheme: (scheme) =>
      send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] }),
    async picture() {
      const { data } = await send<{ data: string }>('Page.captureScreenshot', { format: 'png' })
      return Buffer.from(data, 'base64')
    },
    complaints,
    requests,
  }
}
