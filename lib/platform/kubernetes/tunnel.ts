import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { failed, ok, type Result } from '../../model/failure.ts'
import type { Endpoint } from '../../model/platform.ts'
import type { Kubectl } from './kubectl.ts'
import { type ForwardTarget, type PortForward, startPortForward } from './port-forward.ts'

/** How long a connection waits for a port forward that has died to be there again, and how often one is started for it. */
const waitMs = 30_000
const attempts = 4
/** Pause between two of them; a pod that is replaced takes a while. */
const pauseMs = 500
/** How long after a connection's end kubectl takes to notice that its pod is gone, and to end. */
const noticeMs = 1000
/** More than this is not sent again: a greeting is short. */
const mostRepeated = 65_536

/**
 * A port of this machine that leads to a port of a pod for as long as it is needed, through `kubectl port-forward`. That ends when it is killed, when
 * its pod is replaced, and at the first connection that the pod refuses: the port stays, and the next connection starts another one. A connection
 * that had no answer yet goes on through that; one that had an answer is lost, as any connection may be.
 */
export class Tunnel {
  readonly #kubectl: Kubectl
  readonly #target: ForwardTarget
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined
  #forward: Promise<Result<PortForward>> | undefined
  #isClosed = false

  constructor(kubectl: Kubectl, target: ForwardTarget) {
    this.#kubectl = kubectl
    this.#target = target
  }

  /** The port, once something forwards it. Failures: those of `startPortForward`, and that no port could be opened. */
  async open(): Promise<Result<Endpoint>> {
    const forward = await this.#current()
    if (!forward.ok) return forward
    const server = this.#server ?? (await this.#listen())
    const address = server?.address()
    if (!address || typeof address === 'string')
      return failed({ code: 'not-reachable', message: 'no port of this machine could be opened', outcome: 'unchanged' })
    this.#server = server
    return ok({ host: '127.0.0.1', port: address.port, close: () => this.close() })
  }

  /** Ends it, with the connections through it. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const socket of this.#sockets) socket.destroy()
    this.#server?.close()
    const forward = await this.#forward
    if (forward?.ok) await forward.value.stop()
  }

  async #listen(): Promise<Server | undefined> {
    const server = createServer({ allowHalfOpen: true }, (client) => {
      this.#keep(client)
      void this.#carry(client)
    })
    const isListening = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(0, '127.0.0.1', () => resolve(true))
    })
    // A forgotten tunnel does not keep a command from ending.
    server.unref()
    return isListening ? server : undefined
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    socket.on('error', () => socket.destroy())
  }

  /** The port forward that runs, or a new one. */
  async #current(): Promise<Result<PortForward>> {
    const known = this.#forward
    const before = await known
    if (before?.ok && !before.value.hasEnded()) return before
    // Of several that found it ended, the first one starts another.
    if (this.#forward === known) this.#forward = startPortForward(this.#kubectl, this.#target)
    const forward = (await this.#forward) as Result<PortForward>
    if (this.#isClosed && forward.ok) await forward.value.stop()
    return forward
  }

  async #carry(client: Socket): Promise<void> {
    const greeting = recorded(client)
    const deadline = performance.now() + waitMs
    for (let attempt = 1; !client.destroyed && !this.#isClosed; attempt += 1) {
      const forward = await this.#current()
      const how = forward.ok ? await this.#through(client, greeting, forward.value) : 'unheard'
      if (how === 'ended') return void client.end()
      if (how === 'broken' || attempt === attempts || greeting.isTooLong() || performance.now() > deadline) break
      await pause(pauseMs, undefined, { ref: false })
    }
    // What was cut must not look like an end.
    client.resetAndDestroy()
  }

  /** Carries a connection to its end. `unheard`: nobody answered, and the port forward has ended; it may be tried once more. */
  #through(client: Socket, greeting: Recording, forward: PortForward): Promise<'ended' | 'broken' | 'unheard'> {
    const upstream = connect({ host: '127.0.0.1', port: forward.port, allowHalfOpen: true })
    this.#keep(upstream)
    let isAnswered = false
    upstream.once('data', (chunk) => {
      isAnswered = true
      greeting.stop()
      client.write(chunk)
      upstream.pipe(client)
    })
    upstream.once('end', () => {
      if (!isAnswered) upstream.destroy()
    })
    const end = () => upstream.destroy()
    client.once('close', end)
    for (const chunk of greeting.chunks()) upstream.write(chunk)
    if (client.readableEnded) upstream.end()
    else client.pipe(upstream)
    return new Promise((resolve) => {
      upstream.once('close', async () => {
        client.off('close', end)
        client.unpipe(upstream)
        if (isAnswered) return resolve(upstream.readableEnded ? 'ended' : 'broken')
        await Promise.race([forward.ended, pause(noticeMs, undefined, { ref: false })])
        resolve(forward.hasEnded() ? 'unheard' : 'ended')
      })
    })
  }
}

/** What a client has said while nobody has answered. */
type Recording = { chunks(): readonly Buffer[]; isTooLong(): boolean; stop(): void }

function recorded(client: Socket): Recording {
  const chunks: Buffer[] = []
  let length = 0
  const record = (chunk: Buffer) => {
    length += chunk.length
    if (length <= mostRepeated) chunks.push(chunk)
  }
  client.on('data', record)
  return {
    chunks: () => chunks,
    isTooLong: () => length > mostRepeated,
    stop() {
      client.off('data', record)
      chunks.length = 0
    },
  }
}
