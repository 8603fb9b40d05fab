import { type IncomingMessage, request } from 'node:http'

/** What a load met. `failures` says of each request that failed when it was sent (in milliseconds since the start) and how; `slowestMs` is the longest answer. */
export type LoadResult = {
  sent: number
  held: boolean
  perSecond: number
  failures: string[]
  slowestMs: number
  seen: Map<string, number>
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
 * Sends `perSecond` requests a second, each on a connection of its own, whether those before were answered or not, until `atMost` (100) are
 * under way: then it is the machine that cannot do more, and `held` says so. One fails when the connection does, when the status is not 2xx, and without an answer within 30 s.
 *
 * @param options.see what of an answer is counted, e.g. its body
 */
export function startLoad(
  url: string,
  options: { perSecond: number; atMost?: number; see?: (body: string) => string },
): Load {
  const { perSecond, atMost = 100, see } = options
  const began = performance.now()
  const failures: string[] = []
  const seen = new Map<string, number>()
  const waiting = new Set<Promise<void>>()
  let sent = 0
  let held = false
  let slowestMs = 0
  const send = () => {
    const at = performance.now()
    sent++
    const one = answer(url)
      .then(
        (body) => {
          const what = see?.(body)
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
      return { sent, held, perSecond: sent / seconds, failures, slowestMs, seen }
    },
  }
}

function answer(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent: false, timeout: 30_000 }, (response: IncomingMessage) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString()
        const { statusCode = 0 } = response
        if (statusCode >= 200 && statusCode < 300) resolve(body)
        else reject(new Error(`status ${statusCode}: ${body.slice(0, 200)}`))
      })
    })
    sent.on('timeout', () => sent.destroy(new Error('no answer within 30 s')))
    sent.on('error', reject)
    sent.end()
  })
}
