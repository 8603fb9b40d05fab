import type { Invocation, Terminal } from '../task/invocation.ts'
import { calledAs } from './called-as.ts'
import { isTerminal, writeAll } from './standard-streams.ts'

type Write = (data: string | Uint8Array, done?: () => void) => boolean

/** How the output of tasks is shown. */
export type TaskOutput = 'interleaved' | 'grouped' | 'quiet' | 'json' | 'live'

/** The streams of this process. A reader that went away (`task --list | head -1`) is no error: the rest is dropped. */
export class Streams {
  readonly #closed = new Set<NodeJS.WriteStream>()
  /** How those that are in use write, whatever has been led elsewhere since. */
  readonly #write = new Map<NodeJS.WriteStream, Write>()
  readonly #made = new Set<'stdout' | 'stderr'>()

  #stdoutTaken = false
  #sink: ((stream: NodeJS.WriteStream, data: string | Uint8Array) => void) | undefined

  constructor() {
    this.#prepare('stdout')
    this.#prepare('stderr')
  }

  /** Node makes these streams when somebody first asks for them, which takes as long as all else that a small task needs. */
  #prepare(name: 'stdout' | 'stderr'): void {
    const descriptor = Object.getOwnPropertyDescriptor(process, name) as PropertyDescriptor
    const open = (stream: NodeJS.WriteStream): NodeJS.WriteStream => {
      this.#made.add(name)
      this.#write.set(stream, stream.write.bind(stream) as Write)
      stream.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error
        this.#closed.add(stream)
      })
      return stream
    }
    if (descriptor.get === undefined) {
      open(process[name])
      return
    }
    const get = () => {
      Object.defineProperty(process, name, descriptor)
      return open(process[name])
    }
    Object.defineProperty(process, name, { ...descriptor, get })
  }

  /**
   * The same as `write`, without making the stream where nobody has yet: what it writes is then with the system at once, as it is through
   * the stream itself, which is synchronous for files, terminals and pipes.
   */
  say(name: 'stdout' | 'stderr', data: string | Uint8Array): void {
    if (this.#sink === undefined && !this.#made.has(name)) writeAll(name === 'stdout' ? 1 : 2, data)
    else this.write(process[name], data)
  }

  /** Writes, unless the reader went away; while `divert` holds, to where that says. */
  write(stream: NodeJS.WriteStream, data: string | Uint8Array): void {
    if (this.#sink) this.#sink(stream, data)
    else this.raw(stream, data)
  }

  /** Writes to the stream itself, unless the reader went away. */
  raw(stream: NodeJS.WriteStream, data: string | Uint8Array): void {
    if (!this.#closed.has(stream) && data.length > 0) this.#write.get(stream)?.(data)
  }

  /** Leads what tasks print by themselves (`console.log`) to stderr, because stdout is the JSON alone. */
  divertStdout(): void {
    this.#stdoutTaken = true
    process.stdout.write = process.stderr.write.bind(process.stderr) as typeof process.stdout.write
  }

  /** Leads all that is written, also by `console.log`, to `sink`, until the function that is returned is called. */
  divert(sink: (stream: NodeJS.WriteStream, data: string | Uint8Array) => void): () => void {
    this.#sink = sink
    const before = [process.stdout, process.stderr].map((stream) => {
      const { write } = stream
      const to = this.#stdoutTaken ? process.stderr : stream
      stream.write = ((data: string | Uint8Array, encoding?: unknown, done?: unknown) => {
        sink(
          to,
          typeof data === 'string' && typeof encoding === 'string'
            ? Buffer.from(data, encoding as BufferEncoding)
            : data,
        )
        const callback = typeof encoding === 'function' ? encoding : done
        if (typeof callback === 'function') process.nextTick(callback as () => void)
        return true
      }) as typeof stream.write
      return { stream, write }
    })
    return () => {
      this.#sink = undefined
      for (const { stream, write } of before) stream.write = write
    }
  }

  /** Resolves when all that was written is with the system. */
  async flush(): Promise<void> {
    for (const [stream, write] of this.#write) {
      if (this.#closed.has(stream) || stream.writableLength === 0) continue
      await new Promise<void>((resolve) => {
        stream.once('error', () => resolve())
        write('', () => resolve())
      })
    }
  }

  /** The streams as tasks see them. */
  terminal(json: boolean): Terminal {
    return {
      out: (data) => this.say(json ? 'stderr' : 'stdout', data),
      err: (data) => this.say('stderr', data),
      get columns() {
        return process.stderr.columns ?? process.stdout.columns ?? 80
      },
      get errIsTerminal() {
        return process.stderr.isTTY === true
      },
      get outIsTerminal() {
        return (json ? process.stderr : process.stdout).isTTY === true
      },
    }
  }
}

/**
 * Whether a stream gets colours: as asked for, else by NO_COLOR (https://no-color.org: set and not empty), FORCE_COLOR, and
 * whether it is a terminal that can.
 */
export function hasColor(stream: { isTTY?: boolean }, asked: boolean | undefined, env: NodeJS.ProcessEnv): boolean {
  if (asked !== undefined) return asked
  if (env.NO_COLOR) return false
  const { FORCE_COLOR: forced } = env
  if (forced !== undefined) return forced !== '0' && forced !== 'false'
  return stream.isTTY === true && env.TERM !== 'dumb'
}

/** What `hasColor` looks at, without making the streams. */
export const standardOutput = {
  get isTTY() {
    return isTerminal(1)
  },
}

/** See `standardOutput`. */
export const standardError = {
  get isTTY() {
    return isTerminal(2)
  },
}

/** Whether this is a CI system: they all set CI. */
export const isCi = (env: NodeJS.ProcessEnv): boolean => {
  const { CI: ci } = env
  return ci !== undefined && ci !== '' && ci !== '0' && ci !== 'false'
}

/**
 * How tasks are shown: as `--output` says (`plain` is the lines of operations, and of tasks), else live on a terminal, in groups for
 * GitHub's runner, which can fold them, and in lines elsewhere.
 */
export function taskOutputOf(
  asked: string | undefined,
  { output, env }: Pick<Invocation, 'output' | 'env'>,
): TaskOutput {
  const isShown = isTerminal(2) && env.TERM !== 'dumb'
  if (asked === 'plain') return 'interleaved'
  if (asked === 'live') return isShown ? 'live' : 'interleaved'
  if (asked !== undefined) return asked as TaskOutput
  if (output === 'live') return 'live'
  return env.GITHUB_ACTIONS === 'true' ? 'grouped' : 'interleaved'
}

/** What an operation shows for `--output`: it has no groups, and says by itself what failed. */
const operationOutput = (asked: string | undefined): Invocation['output'] | undefined =>
  asked === undefined || asked === 'live' || asked === 'json' ? asked : 'plain'

/** How this process was called. */
export function makeInvocation(
  streams: Streams,
  argv: readonly string[],
  flags: {
    json: boolean
    yes: boolean
    output?: string | undefined
    color?: boolean | undefined
    workspace?: string | undefined
  },
): Invocation {
  const { env } = process
  const ci = isCi(env)
  const call = { script: process.argv[1] ?? '', env, folder: process.cwd(), workspace: flags.workspace }
  const shown = isTerminal(2) && env.TERM !== 'dumb' && !ci
  return {
    argv,
    // Looks along the PATH, which most tasks have no use for.
    get command() {
      return calledAs(call)
    },
    folder: call.folder,
    json: flags.json,
    interactive: !ci && !flags.json && isTerminal(0) && isTerminal(2),
    yes: flags.yes,
    color: hasColor(standardError, flags.color, env),
    ci,
    output: operationOutput(flags.output) ?? (shown ? 'live' : 'plain'),
    env,
    terminal: streams.terminal(flags.json),
  }
}
