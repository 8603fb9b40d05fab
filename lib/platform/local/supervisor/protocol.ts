import type { Fingerprint, RunSpec } from '../../../model/desired.ts'
import type { Failure } from '../../../model/failure.ts'
import type { ProbeTarget } from '../../../model/probe.ts'
import type { ServiceRecord } from './record.ts'

/**
 * The version of what supervisor and commands say to each other: one JSON document a line, over a Unix socket. `hello`, `status`, `stop`,
 * `surrender` and `end` keep their form in every version, so that a command can always take over from an older supervisor.
 */
export const protocolVersion = 1

/** A line longer than this is no request: the system takes no environment of that size either. */
export const longestLine = 8 * 1024 * 1024

/** Everything needed to run a service. Holds secret values: it travels over the socket and is kept in memory only. */
export type StartRequest = {
  environment: string
  service: string
  argv: [string, ...string[]]
  /** Absolute. */
  cwd: string
  /** The whole environment. */
  env: Record<string, string>
  uid?: number
  gid?: number
  stopSignal: NodeJS.Signals
  stopTarget: 'group' | 'leader'
  graceMs: number
  restart: RunSpec['restart']
  oneShot: boolean
  ports: Record<string, number>
  release?: number
  /** The major version of the embedded engine that it is. */
  engine?: number
  fingerprint: Fingerprint
  health: RunSpec['health']
  target: ProbeTarget
  /** Values that its log must not show. */
  secrets: string[]
}

/** What a supervisor says of itself. */
export type Hello = { protocol: number; pid: number }

/** How a service was stopped. */
export type Stopped = {
  /** The grace was not enough. */
  killed: boolean
  /** Pids that even KILL did not end. */
  left: number[]
  /** Services that are still wanted up; with none left the supervisor ends. */
  remaining: number
}

/** The requests, with what they take and give. */
export type Requests = {
  hello: { params: { protocol: number }; value: Hello }
  /** Starts a service; what ran under its name is stopped first. Answers when its process runs and that is on disk. */
  start: { params: StartRequest; value: ServiceRecord }
  stop: { params: { environment: string; service: string }; value: Stopped }
  /** All services, or those of one environment, as they are now. */
  status: { params: { environment?: string }; value: ServiceRecord[] }
  /** From now on every change of a service of the environment is sent as an event. */
  subscribe: { params: { environment: string }; value: ServiceRecord[] }
  /** A gate has settled a service's health. */
  settle: { params: { environment: string; service: string; startedAt: string }; value: null }
  /** Stops everything, ends, and gives away what it ran, in the order of the starts: for a newer version to start again. */
  surrender: { params: Record<string, never>; value: StartRequest[] }
  /** Stops everything and ends. */
  end: { params: Record<string, never>; value: null }
}
/** The name of a request. */
export type Method = keyof Requests

/** A request. Its answer carries the same id. */
export type Request = { [M in Method]: { id: number; method: M; params: Requests[M]['params'] } }[Method]
/** The answer to a request. */
export type Answer = { id: number; ok: true; value: unknown } | { id: number; ok: false; failure: Failure }
/** What a subscriber is sent. */
export type Event = { event: 'changed'; record: ServiceRecord }

/** What a new supervisor says to the command that has started it, in one line on descriptor 3. */
export type Greeting =
  | { kind: 'ready'; recovered: Recovered[] }
  /** Another one was faster. */
  | { kind: 'lost' }
  /** One runs that cannot be reached from here: in another container, or on another machine that shares the folder. */
  | { kind: 'elsewhere'; host: string }
  | { kind: 'failed'; failure: Failure }

/** What a new supervisor found of a service that a dead one had left. */
export type Recovered = {
  environment: string
  service: string
  /** Processes that still lived and were ended. */
  ended: number
  /** Pids that could not be ended. */
  left: number[]
  /** The machine was started anew since. */
  otherBoot: boolean
}

/** Takes chunks and gives whole lines. Throws when a line is longer than `longestLine`. */
export function lineSplitter(onLine: (line: string) => void): (chunk: Buffer) => void {
  let parts: Buffer[] = []
  let length = 0
  return (chunk) => {
    let from = 0
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      parts.push(chunk.subarray(from, at))
      const line = Buffer.concat(parts).toString('utf8')
      parts = []
      length = 0
      from = at + 1
      onLine(line)
    }
    if (from < chunk.length) {
      parts.push(chunk.subarray(from))
      length += chunk.length - from
    }
    if (length > longestLine) throw new Error(`a line is longer than ${longestLine} bytes`)
  }
}

/** A message as it goes over the socket. */
export const encode = (message: Request | Answer | Event | Greeting): string => `${JSON.stringify(message)}\n`
