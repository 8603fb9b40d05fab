import { unwrap } from '../../model/failure.ts'
import type { LogLine } from '../../model/platform.ts'
import { startProcess } from '../../system/processes.ts'
import { type Container, environmentContainers } from './containers.ts'
import type { DockerContext } from './context.ts'

/** Which logs are read. */
export type LogQuery = { services: string[]; follow: boolean; lines: number }

/** The engine puts the time before each line; nanoseconds are cut to what ISO 8601 dates of JavaScript have. */
const linePattern = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?Z ?(.*)$/s

/** A line of `docker logs --timestamps`. */
export function parseLine(service: string, line: string): LogLine {
  const match = linePattern.exec(line)
  if (!match) return { service, text: line }
  const [, second = '', fraction = '', text = ''] = match
  return { service, at: `${second}.${fraction.padEnd(3, '0').slice(0, 3)}Z`, text: text.replace(/\r$/, '') }
}

/** The last lines of containers, by their time. Says nothing where the engine says nothing. */
export async function lastLines(docker: DockerContext, containers: Container[], count: number): Promise<string[]> {
  const logs = await Promise.all(containers.map((container) => pastLines(docker, container, count)))
  return merged(logs)
    .slice(-count)
    .map(({ text }) => text)
}

async function pastLines(docker: DockerContext, { id, service }: Container, count: number): Promise<LogLine[]> {
  const read = await docker.engine.run(['logs', '--timestamps', '--tail', String(count), id])
  if (!read.ok || read.value.status !== 0) return []
  // Two streams, each in order.
  return merged(
    [read.value.stdout, read.value.stderr].map((text) =>
      text.split('\n').flatMap((line) => (line === '' ? [] : [parseLine(service, line)])),
    ),
  )
}

const merged = (logs: LogLine[][]): LogLine[] =>
  logs.length === 1
    ? (logs[0] as LogLine[])
    : logs
        .flat()
        .sort((one, other) => ((one.at ?? '') < (other.at ?? '') ? -1 : (one.at ?? '') > (other.at ?? '') ? 1 : 0))

/** The last lines of services, merged by their time, then (with `follow`) what comes, also from containers that are made later or started again. */
export async function* readLogs(docker: DockerContext, query: LogQuery, signal: AbortSignal): AsyncGenerator<LogLine> {
  const wanted = new Set(query.services)
  const now = async () =>
    unwrap(await environmentContainers(docker)).filter(({ service, kept }) => wanted.has(service) && !kept)
  const containers = await now()
  if (!query.follow) {
    yield* merged(await Promise.all(containers.map((container) => pastLines(docker, container, query.lines))))
    return
  }
  const lines = new Queue<LogLine>()
  const followed = new Map<string, Followed>()
  const follow = async (container: Container, tail: string) => {
    const { id, service, startedAt } = container
    const before = followed.get(id)
    const state: Followed = { ...before, startedAt, isOpen: true }
    followed.set(id, state)
    const take = lineTaker((line) => {
      const at = timeOf(line)
      // The engine gives those of the very moment again.
      if (before?.last !== undefined && at !== undefined && at <= before.last) return
      if (at !== undefined && (state.last === undefined || at > state.last)) state.last = at
      lines.push(parseLine(service, line))
    })
    const since = before?.last ?? (before && startedAt)
    const started = await startProcess({
      argv: docker.engine.argv([
        'logs',
        '--timestamps',
        '--follow',
        ...(since ? ['--since', since] : ['--tail', tail]),
        id,
      ]),
      env: docker.engine.environment(),
      stdout: take(),
      stderr: take(),
      signal,
      graceMs: 1000,
    })
    if (started.ok) await started.value.exited
    state.isOpen = false
  }
  for (const container of containers) void follow(container, String(query.lines))
  const stop = () => lines.end()
  signal.addEventListener('abort', stop, { once: true })
  const again = setInterval(() => {
    // A service that was replaced goes on under another container, and the following of one that was started again has ended.
    void now().then(
      (all) => {
        for (const container of all) {
          const known = followed.get(container.id)
          const isNew = known === undefined || (!known.isOpen && known.startedAt !== container.startedAt)
          if (isNew && !signal.aborted) void follow(container, 'all')
        }
      },
      () => {},
    )
  }, 2000)
  try {
    if (!signal.aborted) yield* lines
  } finally {
    clearInterval(again)
    signal.removeEventListener('abort', stop)
  }
}

/** What is known of a container whose log is, or was, followed: since when it ran then, and the time of its last line as the engine writes it. */
type Followed = { startedAt: string | undefined; isOpen: boolean; last?: string }

/** The time of a line in the engine's own words, which sort as text: it writes all nine digits. */
const timeOf = (line: string): string | undefined => /^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{9}Z(?= |$)/.exec(line)?.[0]

/** Makes lines of chunks, for each stream by itself. */
const lineTaker = (take: (line: string) => void) => (): ((chunk: Buffer) => void) => {
  let rest = ''
  const decoder = new TextDecoder()
  return (chunk) => {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = parts.pop() ?? ''
    for (const line of parts) take(line)
  }
}

/** Values in the order in which they come, for one reader. */
class Queue<T> implements AsyncIterable<T> {
  #values: T[] = []
  #ended = false
  #wake: () => void = () => {}

  push(value: T): void {
    this.#values.push(value)
    this.#wake()
  }

  end(): void {
    this.#ended = true
    this.#wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      while (this.#values.length > 0) yield this.#values.shift() as T
      if (this.#ended) return
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}
