import { Agent, type IncomingMessage, request } from 'node:http'

/** What a load met. `failures` says of each request that failed when it was sent (in milliseconds since the start) and how; `slowestMs` is the longest answer. */
export type LoadResult = {
  sent: number
  held: boolean
  perSecond: number
  failures: string[]
  slowestMs: number
  seen: Map<string, number>
  /** How often a kept connection was closed before the server had taken the request, which then was sent again. */
  again: number
}

/** How a load is made. */
export type LoadOptions = {
  perSecond: number
  /** How many may be under way; default 100. */
  atMost?: number
  /** What of an answer is counted, e.g. its body. */
  see?: (body: string, answer: IncomingMessage) => string | undefined
  /**
   * Connections are kept, as by browsers and other proxies: a fraction of the work. One that is found closed before the request was taken is no failure, as for them
   * (RFC 9112, section 9.3.1); default: each request on a connection of its own.
   */
  keep?: boolean
}

/** A client that sends requests all the time. */
export type Load = {
  sent(): number
  /** What `see` has made of the answers so far, with how often. */
  seen: ReadonlyMap<string, number>
  /** Sends no more, waits for the answers under way, and says how it went. */
  stop(): Promise<LoadResult>
}

/**
 * Sends `perSecond` requests a second, whether those before were answered or not, until `atMost` (100) are under way: then it is the machine that cannot do more,
 * and `held` says so. One fails when the connection does, when the status is not 2xx, and without an answer within 30 s.
 *
 * @param address where each request goes, by its number from 0
 */
export function startLoad(address: string | ((number: number) => string), options: LoadOptions): Load {
  const { perSecond, atMost = 100, see, keep } = options
  const agent = keep ? new Agent({ keepAlive: true, maxSockets: atMost }) : undefined
  const began = performance.now()
  const failures: string[] = []
  const seen = new Map<string, number>()
  const waiting = new Set<Promise<void>>()
  let sent = 0
  let again = 0
  let held = false
  let slowestMs = 0
  const send = () => {
    const at = performance.now()
    const url = typeof address === 'string' ? address : address(sent)
    sent++
    const one = answer(url, agent)
      .catch((error: unknown) => {
        if (!(error instanceof ClosedBefore)) throw error
        again++
        return answer(url, undefined)
      })
      .then(
        ({ body, response }) => {
          const what = see?.(body, response)
          if (what !== undefined) seen.set(what, (seen.get(what) ?? 0) + 1)
        },
        (error: Error) => {
          failures.push(`${Math.round(at - began)} ms: ${error.message}`)
        },
      )
      .finally(() => {
        slowestMs = Math.max(slowestMs, performance.now() - at)
        waiting.delete(one)
      })
    waiting.add(one)
  }
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - began) / 1000) * perSecond)
    // What this process was too busy for is made up for, though not all at once.
    for (let count = Math.min(due - sent, perSecond / 10); count > 0; count--) {
      if (waiting.size >= atMost) {
        held = true
        break
      }
      send()
    }
  }, 10)
  return {
    sent: () => sent,
    seen,
    stop: async () => {
      clearInterval(timer)
      const seconds = (performance.now() - began) / 1000
      await Promise.all(waiting)
      agent?.destroy()
      return { sent, held, perSecond: sent / seconds, failures, slowestMs, seen, again }
    },
  }
}

/** A kept connection was closed before anything came of the request that was sent on it. */
class ClosedBefore extends Error {}

function answer(url: string, agent: Agent | undefined): Promise<{ body: string; response: IncomingMessage }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent: agent ?? false, timeout: 30_000 }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString()
        const { statusCode = 0 } = response
        if (statusCode >= 200 && statusCode < 300) resolve({ body, response })
        else reject(new Error(`status ${statusCode}: ${body.slice(0, 200)}`))
      })
    })
    sent.on('timeout', () => sent.destroy(new Error('no answer within 30 s')))
    sent.on('error', (error: NodeJS.ErrnoException) => {
      const isClosed = sent.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
      reject(isClosed ? new ClosedBefore(error.message) : error)
    })
    sent.end()
  })
}
