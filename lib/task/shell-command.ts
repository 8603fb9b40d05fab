import type { ChildProcess } from 'node:child_process'
import { PassThrough, type Readable, type Writable } from 'node:stream'
import { signalGroup } from '../system/watchdog.ts'
import type { WatchedChild } from '../system/watched-child.ts'
import { arrivingLines, EndedCommand } from './command-output.ts'
import { type CommandOptions, CommandPromise, spanOf } from './command-promise.ts'
import type { Command, CommandOutput, Shell, ShellOptions } from './shell.ts'
import { feed, isTemplate, PipedStream, type PipeKind, type Target } from './shell-pipe.ts'

/** What a command needs of the `$` that made it. */
export type CommandHost = {
  /** Starts a text in a process group that ends with the task. */
  spawn(text: string, stdio: NonNullable<ShellOptions['stdio']>): WatchedChild
  /** Told of the command when it starts, and of its output; nothing of what it is not to show. */
  onStart(): void
  onOutput(stream: 'stdout' | 'stderr', data: Uint8Array): void
  onEnd(output: CommandOutput): void
  /** A `$` with these options. */
  shellWith(options: CommandOptions): Shell
  /** Where the command was started; for its message. */
  place(): string | undefined
}

type Settle = { resolve(output: CommandOutput): void; reject(output: unknown): void }

/**
 * A command of `$`: as zx's `ProcessPromise`. It starts when the code that made it has gone on to its next `await`, or when one of its streams is
 * asked for, so that what is chained to it (`.quiet()`, `.stdio()`) still counts.
 */
export class ShellCommand extends CommandPromise implements Command {
  readonly #host: CommandHost
  readonly #text: string | Promise<string>
  readonly #settle: Settle
  readonly #chunks: { stream: 'stdout' | 'stderr'; data: Uint8Array }[] = []
  readonly #pipes = new Set<Target>()
  readonly #sources = new Set<ShellCommand>()
  readonly #listeners = new Set<() => void>()
  #stage: 'halted' | 'initial' | 'running' | 'fulfilled' | 'rejected'
  #watched: WatchedChild | undefined
  #broken: EndedCommand | undefined
  #fed: PassThrough | undefined
  #timer: NodeJS.Timeout | undefined
  #begun = 0
  #isTouched = false
  #output: CommandOutput | undefined

  constructor(host: CommandHost, text: string | Promise<string>, options: CommandOptions) {
    let settle: Settle | undefined
    super((resolve, reject) => {
      settle = { resolve, reject }
    }, options)
    this.#settle = settle as unknown as Settle
    this.#host = host
    this.#text = text
    this.#stage = options.halt ? 'halted' : 'initial'
    // As queueMicrotask, for which Node first loads more of itself. Nothing is returned: it would be waited for, and its failure nobody's.
    if (!options.halt) void Promise.resolve().then(() => void this.run())
  }

  /** Starts it, when it was made with `halt`. */
  run(): this {
    if (this.#stage !== 'halted' && this.#stage !== 'initial') return this
    this.#stage = 'running'
    for (const source of this.#sources) source.run()
    const text = this.#text
    if (typeof text === 'string') this.#begin(text)
    else
      text.then(
        (known) => this.#begin(known),
        (error) => this.#finish(null, null, error),
      )
    return this
  }

  #begin(text: string): void {
    const { prefix = '', postfix = '', stdio = 'pipe', input, timeout } = this.options
    this.#begun = performance.now()
    let watched: WatchedChild
    let failure: unknown
    try {
      watched = this.#host.spawn(prefix + text + postfix, stdio)
    } catch (error) {
      this.#finish(null, null, error)
      return
    }
    this.#watched = watched
    const { child } = watched
    if (this.isVerbose()) this.#host.onStart()
    child.once('error', (error) => {
      failure = error
      // What never started has no end of its own.
      if (child.pid === undefined) this.#finish(null, null, error)
    })
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream]?.on('data', (data: Uint8Array) => this.#take(stream, data))
    }
    child.once('close', (code, name) => this.#finish(code, name, failure))
    this.#feed(child, input)
    if (timeout !== undefined) this.timeout(timeout)
  }

  #feed(child: ChildProcess, input: CommandOptions['input']): void {
    const { stdin } = child
    if (!stdin) return
    // A command that ends without reading its input is no error; its status says what there is to say.
    stdin.on('error', () => {})
    if (this.#fed) this.#fed.pipe(stdin)
    else if (typeof input === 'string' || input instanceof Uint8Array) stdin.end(input)
    else if (input) input.pipe(stdin)
    else if (!this.#isTouched) {
      // Nobody will write to it who has not touched it by then; `cat` would wait for ever.
      setImmediate(() => {
        if (!this.#isTouched) stdin.destroy()
      })
    }
  }

  #take(stream: 'stdout' | 'stderr', data: Uint8Array): void {
    this.#chunks.push({ stream, data })
    const isShown = stream === 'stderr' ? !this.isQuiet() : this.isVerbose() && this.#pipes.size === 0
    if (isShown) this.#host.onOutput(stream, data)
    for (const pipe of this.#pipes) pipe.give(stream, data, this.#watched?.child[stream] ?? undefined)
    for (const listener of this.#listeners) listener()
  }

  #finish(code: number | null, name: NodeJS.Signals | null, failure: unknown): void {
    if (this.#output) return
    clearTimeout(this.#timer)
    const broken = this.#broken
    const output = new EndedCommand({
      exitCode: broken ? broken.exitCode : code,
      signal: broken ? broken.signal : name,
      duration: this.#begun === 0 ? 0 : performance.now() - this.#begun,
      ...((broken ? broken.cause : failure) === undefined ? {} : { cause: broken ? broken.cause : failure }),
      chunks: this.#chunks,
      place: this.#host.place,
    })
    this.#output = output
    this.#host.onEnd(output)
    this.#fed?.destroy() // Who still writes to it need not wait any more.
    for (const pipe of this.#pipes) pipe.end()
    const isFine = output.ok || this.isNothrow()
    this.#stage = isFine ? 'fulfilled' : 'rejected'
    for (const listener of this.#listeners) listener()
    if (isFine) this.#settle.resolve(output)
    else this.#settle.reject(output)
  }

  get child(): ChildProcess | undefined {
    this.run()
    return this.#watched?.child
  }

  get pid(): number | undefined {
    return this.child?.pid
  }

  get stdin(): Writable {
    this.#isTouched = true
    // Of a command whose text is not known yet, what is written is kept for it.
    return this.child?.stdin ?? this.#feeder()
  }

  get stdout(): Readable {
    return this.child?.stdout as Readable
  }

  get stderr(): Readable {
    return this.child?.stderr as Readable
  }

  get output(): CommandOutput | undefined {
    return this.#output
  }

  get stage(): string {
    return this.#stage
  }

  /** As in `node:child_process`; before it starts. */
  stdio(
    stdin: NonNullable<ShellOptions['stdio']>,
    stdout: 'pipe' | 'inherit' | 'ignore' = 'pipe',
    stderr = stdout,
  ): this {
    this.options.stdio = typeof stdin === 'string' ? [stdin, stdout, stderr] : stdin
    return this
  }

  isHalted(): boolean {
    return this.#stage === 'halted'
  }

  isRunning(): boolean {
    return this.#stage === 'running'
  }

  isSettled(): boolean {
    return this.#output !== undefined
  }

  /** Ends it after a span of time, from now on. TERM is followed by KILL after the grace. */
  timeout(span: NonNullable<ShellOptions['timeout']>, signal: NodeJS.Signals = 'SIGTERM'): this {
    const ms = spanOf(span)
    this.options.timeout = span
    clearTimeout(this.#timer)
    if (this.#stage !== 'running' || ms === 0) return this
    this.#timer = setTimeout(() => void (signal === 'SIGTERM' ? this.abort() : this.kill(signal)), ms)
    return this
  }

  /** Signals it and all that it has started. */
  async kill(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const pid = this.#watched?.child.pid
    if (pid !== undefined && !this.#output) signalGroup(pid, signal)
  }

  /** Ends it: TERM, and KILL after the grace. */
  abort(): void {
    void this.#watched?.end()
  }

  get pipe(): Command['pipe'] {
    const from =
      (kind: PipeKind) =>
      (destination: unknown, ...values: unknown[]) =>
        this.#pipe(kind, destination, values)
    const kinds = { stdout: from('stdout'), stderr: from('stderr'), stdall: from('stdall') }
    return Object.assign(from('stdout'), kinds) as unknown as Command['pipe']
  }

  #pipe(kind: PipeKind, destination: unknown, values: unknown[]): unknown {
    if (isTemplate(destination)) {
      const { input: _, halt: __, ...rest } = this.options
      return this.#pipe(kind, this.#host.shellWith({ ...rest, halt: true })(destination, ...values), [])
    }
    if (!(destination instanceof ShellCommand)) {
      const piped = new PipedStream(kind, destination as Writable | string, this)
      this.#add(piped)
      return piped.stream
    }
    if (destination.isSettled()) throw new TypeError('cannot pipe to a command that has ended')
    destination.#sources.add(this)
    destination.#feeder() // From now on its input is this, however long that takes.
    this.#add({
      give: (stream, data, from) => feed(kind, destination.#feeder(), { stream, data, from }),
      end: () => {
        destination.#sources.delete(this)
        if (destination.#sources.size === 0) destination.#feeder().end()
      },
    })
    // What fails takes the rest of the pipe with it, whose error is then this one.
    this.catch((error) => destination.#break(error as EndedCommand))
    if (!this.isHalted()) destination.run()
    else this.#listeners.add(() => destination.run())
    return destination
  }

  #add(pipe: Target): void {
    for (const { stream, data } of this.#chunks) pipe.give(stream, data, undefined)
    if (this.#output) pipe.end()
    else this.#pipes.add(pipe)
  }

  /** What is written here, the command reads. */
  #feeder(): PassThrough {
    this.#isTouched = true
    if (this.#fed) return this.#fed
    this.#fed = new PassThrough()
    this.#fed.on('error', () => {})
    const stdin = this.#watched?.child.stdin
    if (stdin) this.#fed.pipe(stdin)
    return this.#fed
  }

  #break(error: EndedCommand): void {
    if (this.#stage !== 'running') return
    this.#broken = error
    this.abort()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    this.run()
    yield* arrivingLines(this.#chunks, {
      isOver: () => this.#output !== undefined,
      more: () => this.#news(),
    })
    await this
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      const listener = () => {
        this.#listeners.delete(listener)
        resolve()
      }
      this.#listeners.add(listener)
    })
  }
}
