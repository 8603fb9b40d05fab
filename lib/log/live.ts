import { Writable } from 'node:stream'
import type { ListrTask } from 'listr2'
import { formatDuration } from '../model/duration.ts'
import type { Op, OpId } from '../model/op.ts'
import type { Plan } from '../model/plan.ts'
import { opText } from '../plan/render.ts'
import type { LogEvent } from './events.ts'
import { paint } from './failure-text.ts'
import { plainRenderer } from './plain.ts'
import type { Renderer, RendererOptions } from './renderer.ts'

type Ended = Extract<LogEvent, { type: 'op-ended' }>
type Row = { title(text: string): void; output(text: string): void; started(): void; ended(event: Ended): void }

/** A list of ops on a terminal that is redrawn as they start and end. listr2 only draws here: it neither runs, exits nor handles signals. */
class LiveList {
  readonly #rows = new Map<OpId, Row>()
  readonly #finished: Promise<unknown>
  readonly #waiting = new Set<(event: Ended | undefined) => void>()

  constructor(listr2: typeof import('listr2'), ops: readonly Op[], options: RendererOptions) {
    const tasks = ops.map((op): ListrTask => this.#task(listr2, op, options))
    const stream = Object.assign(
      new Writable({
        write(chunk, _encoding, done) {
          options.write(String(chunk))
          done()
        },
      }),
      { isTTY: true, columns: options.columns, rows: process.stderr.rows ?? 40 },
    ) as unknown as NodeJS.WriteStream
    const list = new listr2.Listr(tasks, {
      concurrent: true,
      exitOnError: false,
      registerSignalListeners: false,
      renderer: 'default',
      rendererOptions: {
        collapseErrors: true,
        showErrorMessage: false,
        suffixSkips: false,
        logger: new listr2.ListrLogger({ processOutput: new listr2.ProcessOutput(stream, stream), useIcons: false }),
      },
    })
    this.#finished = list.run().catch(() => undefined)
  }

  #task({ ListrTaskState }: typeof import('listr2'), op: Op, { color }: RendererOptions): ListrTask {
    const title = `${op.id}: ${opText(op)}`
    return {
      title,
      task: async (_context, wrapper) => {
        wrapper.task.state$ = ListrTaskState.WAITING
        const ended = await new Promise<Ended | undefined>((resolve) => {
          this.#waiting.add(resolve)
          this.#rows.set(op.id, {
            title: (text) => {
              wrapper.title = text
            },
            output: (text) => {
              wrapper.output = text
            },
            started: () => {
              wrapper.task.state$ = ListrTaskState.STARTED
            },
            ended: resolve,
          })
        })
        if (!ended) return wrapper.skip(title)
        const took = ended.durationMs > 0 ? ` ${paint(formatDuration(ended.durationMs), 'dim', color)}` : ''
        if (ended.end === 'skipped') return wrapper.skip(title)
        if (ended.end === 'done' || ended.end === 'present') wrapper.title = `${title}${took}`
        else {
          wrapper.title = `${title}${took}: ${ended.failure?.message ?? ended.message ?? ended.end}`
          if (ended.end !== 'warned') throw new Error(ended.end)
        }
      },
    }
  }

  /** Tells the row of an op what happened to it. */
  show(event: LogEvent): void {
    if (event.type === 'op-started') this.#rows.get(event.op.id)?.started()
    if (event.type === 'op-output') this.#rows.get(event.op)?.output(event.line)
    if (event.type === 'op-ended') this.#rows.get(event.op)?.ended(event)
  }

  /** Lets what never ended go, and waits for the last drawing. */
  async end(): Promise<void> {
    for (const resolve of this.#waiting) resolve(undefined)
    await this.#finished
  }
}

/** Plans as they run, on a terminal; what is no op is a line as with the plain renderer. Loads listr2 when the first op starts. */
export function liveRenderer(options: RendererOptions): Renderer {
  const plain = plainRenderer(options, { groups: false })
  let plan: Plan | undefined
  let list: LiveList | undefined
  /** Events are handled one after the other, since the end of a list takes a while. */
  let queue: Promise<void> = Promise.resolve()

  async function handle(event: LogEvent): Promise<void> {
    if (event.type === 'op-started' && !list && plan) {
      list = new LiveList(await import('listr2'), plan.ops, options)
    }
    if (event.type === 'op-started' || event.type === 'op-output' || event.type === 'op-ended') {
      return list?.show(event)
    }
    if (event.type === 'run-started') return
    await list?.end()
    list = undefined
    if (event.type === 'plan-shown') plan = event.plan
    plain.emit(event)
  }
  const then = (work: () => Promise<void>) => {
    queue = queue.then(work, work)
    return queue
  }
  return {
    emit: (event) => void then(() => handle(event)),
    end: () => then(async () => list?.end()),
  }
}
