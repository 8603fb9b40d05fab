import { formatDuration } from '../../model/duration.ts'
import { type Failure, failed, ok, type Result } from '../../model/failure.ts'
import type { Clock } from '../../system/clock.ts'
import { startProcess } from '../../system/processes.ts'
import type { Engine } from './engine.ts'

/** How images are fetched and sent. */
export type TransferOptions = {
  signal: AbortSignal
  clock: Clock
  /** Told of what the engine prints, and of each attempt that failed. */
  output(line: string): void
  /** How often it is tried; default 6. */
  attempts?: number
  /** How long a registry may take for its first word; default 60 s. After that the engine watches the layers itself. */
  firstWordMs?: number
}

/** Between the first two attempts; twice as long before each further one, at most `longestPauseMs`. */
const firstPauseMs = 1_000
const longestPauseMs = 30_000
const shownLines = 10

/**
 * Has the engine fetch an image, tried again with growing pauses while the network or the registry fail. Failures: `image-not-pullable` (at once
 * when the registry refuses, or does not have it), `registry-unreachable` (after the last attempt), `aborted`.
 *
 * @param reference with a digest (`postgres@sha256:…`) it is that image or none
 */
export const fetchImage = (engine: Engine, reference: string, options: TransferOptions): Promise<Result<void>> =>
  transfer(engine, 'pull', reference, options)

/** Has the engine send an image to its registry, in the same way. Failures: `image-not-pushable`, `registry-unreachable`, `aborted`. */
export const sendImage = (engine: Engine, reference: string, options: TransferOptions): Promise<Result<void>> =>
  transfer(engine, 'push', reference, options)

/** The pause before an attempt (from 2): exponential, and up to half of it by chance, so that many do not come at the same moment. */
export function pauseBefore(attempt: number, random: () => number = Math.random): number {
  const most = Math.min(firstPauseMs * 2 ** (attempt - 2), longestPauseMs)
  return most / 2 + (most / 2) * random()
}

async function transfer(
  engine: Engine,
  verb: 'pull' | 'push',
  reference: string,
  options: TransferOptions,
): Promise<Result<void>> {
  const { attempts = 6, signal, clock, output } = options
  for (let attempt = 1; ; attempt += 1) {
    const tried = await once(engine, verb, reference, options)
    if (!tried.ok) return tried
    const lines = tried.value
    if (lines === undefined) return ok(undefined)
    const said = lines.at(-1) ?? ''
    if (isRefusal(said)) return failed(refused(verb, reference, lines))
    if (attempt >= attempts) return failed(unreachable(verb, reference, attempt, lines))
    const pause = pauseBefore(attempt + 1)
    output(
      `${verb} of ${reference} failed (${said}); again in ${formatDuration(pause)}, attempt ${attempt + 1} of ${attempts}`,
    )
    try {
      await clock.sleep(pause, signal)
    } catch {
      return failed(interrupted(verb, reference))
    }
  }
}

/** One attempt: undefined when it has worked, else what the engine said last. */
async function once(
  engine: Engine,
  verb: 'pull' | 'push',
  reference: string,
  { signal, output, firstWordMs = 60_000 }: TransferOptions,
): Promise<Result<string[] | undefined>> {
  if (signal.aborted) return failed(interrupted(verb, reference))
  const lines: string[] = []
  const hung = new AbortController()
  const timer = setTimeout(() => hung.abort(), firstWordMs)
  const take = (chunk: Buffer) => {
    for (const line of chunk
      .toString('utf8')
      .split(/[\r\n]+/)
      .filter((one) => one.trim() !== '')) {
      // Of a push the first line only says where it goes.
      if (!line.startsWith('The push refers to')) clearTimeout(timer)
      lines.push(line.replace(/^Error response from daemon: /, ''))
      if (lines.length > shownLines) lines.shift()
      output(line)
    }
  }
  try {
    const started = await startProcess({
      argv: engine.argv([verb, reference]),
      env: engine.environment(),
      stdout: take,
      stderr: take,
      signal: AbortSignal.any([signal, hung.signal]),
    })
    if (!started.ok) return started
    const { status } = await started.value.exited
    await started.value.stop({ graceMs: 2_000 })
    if (signal.aborted) return failed(interrupted(verb, reference))
    if (status === 0) return ok(undefined)
    if (hung.signal.aborted) lines.push(`no answer within ${formatDuration(firstWordMs)}`)
    return ok(lines)
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Whether trying again is of no use, by what the docker command said last: the registry does not have it, or does not give it to us. Everything
 * else is tried again, so that a text that is not known here costs some time and no more.
 */
export const isRefusal = (said: string): boolean =>
  /not found|manifest unknown|name unknown|does not exist|unauthorized|authentication required|no basic auth|denied|forbidden|invalid reference|no such (?:image|manifest)|HTTP status:? 40[0134]|(?:^|\W)(?:401|403|404) /i.test(
    said,
  ) && !/no such host|lookup .* on /i.test(said)

const interrupted = (verb: string, reference: string): Failure => ({
  code: 'aborted',
  message: `the ${verb} of ${reference} was ended, because the command was interrupted`,
})

function refused(verb: 'pull' | 'push', reference: string, lines: string[]): Failure {
  const registry = registryOf(reference)
  const login = `docker login${registry === undefined ? '' : ` ${registry}`}`
  return {
    code: verb === 'pull' ? 'image-not-pullable' : 'image-not-pushable',
    message: `${reference} cannot be ${verb}ed`,
    why: lines.at(-1) ?? '',
    next: [`docker ${verb} ${reference}`, `${login}   # where the registry wants to know who asks`],
  }
}

const unreachable = (verb: string, reference: string, attempts: number, lines: string[]): Failure => ({
  code: 'registry-unreachable',
  message: `${reference} could not be ${verb}ed: the registry failed ${attempts} times`,
  why: lines.at(-1) ?? '',
  next: [`docker ${verb} ${reference}`],
  ...(lines.length > 1 && { lines }),
})

/** The registry that a reference names; undefined for Docker's own. */
export function registryOf(reference: string): string | undefined {
  const [first = '', ...rest] = reference.split('/')
  return rest.length > 0 && (/[.:]/.test(first) || first === 'localhost') ? first : undefined
}
