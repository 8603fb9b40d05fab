import { Writable } from 'node:stream'
import type { ListrTask, ListrTaskWrapper } from 'listr2'
import { formatDuration } from '../model/duration.ts'
import type { Op, OpId } from '../model/op.ts'
import type { Plan } from '../model/plan.ts'
import { opText } from '../plan/render.ts'
import type { LogEvent } from './events.ts'
import { paint } from './paint.ts'
import { causeText, messageText, plainRenderer } from './plain.ts'
import { plainLine } from './plain-line.ts'
import type { Renderer, RendererOptions } from './renderer.ts'
import { cut } from './text-width.ts'

type Listr2 = typeof import('listr2')
type Ended = Extract<LogEvent, { type: 'op-ended' }>
// biome-ignore lint/suspicious/noExplicitAny: the renderers' types play no part here
type Wrapper = ListrTaskWrapper<unknown, any, any>

/** An op's line. listr2 begins its tasks a while after they were made: what happens before is kept until then. */
class Row {
  readonly title: string
  readonly #listr2: Listr2
  readonly #color: boolean
  #wrapper: Wrapper | undefined
  #started = false
  #output: string | undefined
  #end: (event: Ended | undefined) => void = () => {}
  readonly #ended = new Promise<Ended | undefined>((resolve) => {
    this.#end = resolve
  })

  constructor(listr2: Listr2, op: Op, color: boolean) {
    this.#listr2 = listr2
    this.#color = color
    this.title = `${op.id}: ${opText(op)}`
  }

  start(): void {
    this.#started = true
    if (this.#wrapper) this.#wrapper.task.state$ = this.#listr2.ListrTaskState.STARTED
  }

  output(text: string): void {
    this.#output = text
    if (this.#wrapper) this.#wrapper.output = text
  }

  /** Undefined for one whose end was never told. */
  end(event: Ended | undefined): void {
    this.#end(event)
  }

  /** listr2's task: it lasts until the op has ended, and throws so that it is shown as failed. */
  async run(wrapper: Wrapper): Promise<void> {
    this.#wrapper = wrapper
    const { STARTED, WAITING } = this.#listr2.ListrTaskState
    wrapper.task.state$ = this.#started ? STARTED : WAITING
    if (this.#output !== undefined) wrapper.output = this.#output
    const event = await this.#ended
    if (!event || event.end === 'skipped') return wrapper.skip(this.title)
    const took = event.durationMs > 0 ? ` ${paint(formatDuration(event.durationMs), 'dim', this.#color)}` : ''
    const why = causeText(event)
    const bad = event.end === 'failed' || event.end === 'aborted'
    wrapper.title = `${this.title}${took}${why ? `: ${why}` : bad ? `: ${event.end}` : ''}`
    if (bad) throw new Error(event.end)
  }
}

/** A list of ops on a terminal that is redrawn as they start and end. listr2 only draws here: it neither runs, exits nor handles signals. */
class LiveList {
  readonly #rows: Map<OpId, Row>
  readonly #options: RendererOptions
  readonly #finished: Promise<unknown>
  #messages: string[] = []
  #say: ((text: string) => void) | undefined
  #close: () => void = () => {}

  constructor(listr2: Listr2, ops: readonly Op[], options: RendererOptions) {
    this.#options = options
    this.#rows = new Map(ops.map((op) => [op.id, new Row(listr2, op, options.color)]))
    const closed = new Promise<void>((resolve) => {
      this.#close = resolve
    })
    const tasks: ListrTask[] = [...this.#rows.values()].map((row) => ({
      title: row.title,
      task: (_context, wrapper) => row.run(wrapper as Wrapper),
    }))
    // A task without a title writes below the list: what is said while ops run.
    tasks.push({
      task: async (_context, wrapper) => {
        this.#say = (text) => {
          wrapper.output = text
        }
        for (const text of this.#messages) this.#say(text)
        await closed
      },
      rendererOptions: { bottomBar: 1_000, persistentOutput: true },
    })
    const stream = streamFor(options)
    const list = new listr2.Listr(tasks, {
      concurrent: true,
      exitOnError: false,
      registerSignalListeners: false,
      renderer: onAnyStream(listr2),
      rendererOptions: {
        collapseErrors: true,
        showErrorMessage: false,
        suffixSkips: false,
        logger: new listr2.ListrLogger({ processOutput: new listr2.ProcessOutput(stream, stream) }),
        color: colours(listr2, options.color),
      },
    })
    this.#finished = list.run().catch(() => undefined)
  }

  /** Shows what happened to an op. */
  show(event: Extract<LogEvent, { op: unknown }>): void {
    if (event.type === 'op-started') this.#rows.get(event.op.id)?.start()
    else if (event.type === 'op-ended') this.#rows.get(event.op)?.end(event)
    else this.#rows.get(event.op)?.output(cut(plainLine(event.line), this.#options.columns - 8))
  }

  /** Shows a message below the ops, and keeps it there. */
  say(text: string): void {
    this.#messages.push(text)
    this.#say?.(text)
  }

  /** Lets what never ended go, and waits for the last drawing. */
  async end(): Promise<void> {
    for (const row of this.#rows.values()) row.end(undefined)
    this.#close()
    await this.#finished
  }
}

/** listr2 looks at standard output; we draw on standard error, and only when that is a terminal. */
const onAnyStream = ({ DefaultRenderer }: Listr2) =>
  class extends DefaultRenderer {
    static override nonTTY = true
  }

/** A stream that listr2 takes for a terminal. */
function streamFor({ write, columns }: RendererOptions): NodeJS.WriteStream {
  const stream = new Writable({
    write(chunk, _encoding, done) {
      write(String(chunk))
      done()
    },
  })
  return Object.assign(stream, {
    isTTY: true,
    columns,
    rows: process.stderr.rows ?? 24,
  }) as unknown as NodeJS.WriteStream
}

/** listr2 would ask standard output whether to colour; here the command has decided. */
function colours({ ListrDefaultRendererLogLevels: level }: Listr2, color: boolean) {
  const as = (style: Parameters<typeof paint>[1]) => (text?: string) => paint(text ?? '', style, color)
  return {
    [level.PENDING]: as('yellow'),
    [level.COMPLETED]: as('green'),
    [level.FAILED]: as('red'),
    [level.WAITING]: as('dim'),
    [level.SKIPPED_WITH_COLLAPSE]: as('dim'),
    [level.SKIPPED_WITHOUT_COLLAPSE]: as('dim'),
    [level.COMPLETED_WITH_FAILED_SISTER_TASKS]: as('dim'),
  }
}

/** Plans as they run, on a terminal; what is no op is a line as with the plain renderer. Loads listr2 when the first op starts. */
export function liveRenderer(options: RendererOptions): Renderer {
  const plain = plainRenderer(options, { groups: false })
  // listr2 wraps by standard output's width; a terminal that has none (`script`, some serial lines) would get a letter a line.
  if (process.stdout.columns === 0) return plain
  let plan: Plan | undefined
  let list: { of: number; shown: LiveList } | undefined
  /** Events are handled one after the other, since the end of a list takes a while. */
  let queue: Promise<void> = Promise.resolve()

  async function endList(): Promise<void> {
    await list?.shown.end()
    list = undefined
  }

  async function handle(event: LogEvent): Promise<void> {
    switch (event.type) {
      case 'op-started':
        if (list?.of !== event.plan) await endList()
        list ??= { of: event.plan, shown: new LiveList(await import('listr2'), plan?.ops ?? [event.op], options) }
        return list.shown.show(event)
      case 'op-output':
      case 'op-ended':
        return list?.shown.show(event)
      case 'message':
        return list ? list.shown.say(messageText(event, options.color).trimEnd()) : plain.emit(event)
      case 'run-started':
        return
      case 'plan-shown':
        plan = event.plan
    }
    await endList()
    plain.emit(event)
  }
  const then = (work: () => Promise<void>) => {
    queue = queue.then(work, work)
    return queue
  }
  return {
    emit: (event) => void then(() => handle(event)),
    end: () => then(endList),
  }
}
