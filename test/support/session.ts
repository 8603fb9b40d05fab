import { writeSync } from 'node:fs'
import { type ReportTo, reportVariable, type TestEvent } from './runner/events.ts'

const reportTo = readReportTo()
/** How long after the last suite the process says what keeps it, in milliseconds. */
export const lingeringMs = reportTo?.lingeringMs ?? 7500
let limitOfFile = reportTo?.limitMs ?? 60_000
let current: { reject(error: Error): void; limit(ms: number): void } | undefined

/** Thrown by `skip`. */
export class Skip extends Error {
  readonly allowedOnCi: boolean

  constructor(reason: string, allowedOnCi: boolean) {
    super(reason)
    this.name = 'Skip'
    this.allowedOnCi = allowedOnCi
  }
}

/**
 * Ends the running test as skipped; in a `before` hook, all tests of the suite. For what this machine lacks (a server, a program). The
 * runner lists the reasons; with `CI=true` a skip is a failure, unless `allowedOnCi` (a case that the CI machine can never have).
 */
export function skip(reason: string, options: { allowedOnCi?: boolean } = {}): never {
  throw new Skip(reason, options.allowedOnCi ?? false)
}

/**
 * Sets how long a test may take in milliseconds: inside a test or a hook for that one, counted from its start; at the top of a file for
 * all that begin later. The default is 60 seconds.
 */
export function timeLimit(ms: number): void {
  if (current) current.limit(ms)
  else limitOfFile = ms
}

/** A line that the runner shows with this file's result, whether it passed or not: what was measured or covered. */
export const note = (text: string): void => report({ type: 'note', text })

/** Tells the runner what happened; nothing without a runner. */
export function report(event: TestEvent): void {
  if (!reportTo) return
  const bytes = Buffer.from(`${JSON.stringify(event)}\n`)
  let sent = 0
  while (sent < bytes.length) {
    try {
      sent += writeSync(reportTo.fd, bytes, sent)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code === 'EPIPE') return
      if (code !== 'EAGAIN') throw error
    }
  }
}

/**
 * Runs a test's or hook's body and bounds it in time. Rejects when the body does, when the limit has passed, and when the event loop
 * has nothing left that could ever settle the body's promise (uvu would end with exit code 0 there).
 */
export async function bounded(what: string, id: number | undefined, body: () => Promise<void> | void): Promise<void> {
  const started = performance.now()
  let timer: NodeJS.Timeout | undefined
  try {
    await new Promise<void>((resolve, reject) => {
      const limit = (ms: number) => {
        clearTimeout(timer)
        const rest = Math.max(1, started + ms - performance.now())
        timer = setTimeout(() => reject(new Error(`did not settle within its limit of ${ms} ms`)), rest).unref()
        report({ type: 'busy', ...(id === undefined ? {} : { id }), what, limitMs: ms })
      }
      current = { reject, limit }
      limit(limitOfFile)
      Promise.resolve().then(body).then(resolve, reject)
    })
  } finally {
    clearTimeout(timer)
    current = undefined
    report({ type: 'idle' })
  }
}

process.on('beforeExit', () => {
  if (!current) return
  current.reject(new Error('never settles: it awaits a promise, and nothing is left that could settle it'))
  // Keeps the event loop going, so that the remaining tests are looked at too.
  setImmediate(() => {})
})

function readReportTo(): ReportTo | undefined {
  const text = process.env[reportVariable]
  delete process.env[reportVariable]
  return text ? (JSON.parse(text) as ReportTo) : undefined
}
