import { stripVTControlCharacters } from 'node:util'
import { paint } from '../../log/paint.ts'
import { formatDuration } from '../../model/duration.ts'
import type { TaskEvent } from '../../task/events.ts'

type Stream = 'out' | 'err'

/** What a footer is drawn with. */
export type FooterOptions = {
  /** Writes to standard output or error as it is. */
  raw(stream: Stream, data: string | Uint8Array): void
  /** Whether standard output is the same terminal; if not, what goes there does not disturb the footer. */
  outIsTerminal: boolean
  size(): { columns: number; rows: number }
  color: boolean
}

const frames = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'
/** The footer of a run that is over before is never drawn, in milliseconds. */
const patience = 150
const frameMs = 100
/** Output is gathered for so long, in milliseconds, so that much of it costs one drawing. */
const gatherMs = 20
/** At most so many running tasks have a line of their own. */
const mostRows = 10

/**
 * The lines at the bottom of a terminal that say what runs, and for how long; everything else is written above them. Not listr2: it draws a
 * line for each task of the graph, at once and again with every frame, and a graph may have thousands.
 */
export class Footer {
  readonly #options: FooterOptions
  readonly #running = new Map<string, number>()
  readonly #counts = { ended: 0, failed: 0 }
  readonly #known = new Set<string>()
  readonly #began = performance.now()
  #frame = 0
  #drawn = 0
  #queue: { stream: Stream; data: Uint8Array }[] = []
  /** Nothing stands on the line of the cursor, so that a footer may begin there. */
  #atLineStart = true
  #asides = 0
  /** Programs that draw on all of the terminal: what others write waits for their end. */
  #alone = 0
  #ticks: NodeJS.Timeout | undefined
  #gathering: NodeJS.Timeout | undefined
  readonly #onExit = () => this.end()

  constructor(options: FooterOptions) {
    this.#options = options
  }

  /** Notes what runs. The footer begins when there are several tasks. */
  show(event: TaskEvent): void {
    if (event.type === 'tasks-planned') {
      for (const task of event.tasks) this.#known.add(task)
      if (this.#known.size > 1 && !this.#ticks) this.#begin()
    } else if (event.type === 'terminal-lent') {
      this.#alone += event.alone ? (event.lent ? 1 : -1) : 0
      this.lend(event.lent)
    } else if (event.type === 'task-started') this.#running.set(event.task, event.at)
    else if (event.type === 'task-ended') {
      this.#running.delete(event.task)
      this.#counts.ended += 1
      if (event.state === 'failed') this.#counts.failed += 1
    }
  }

  /** Writes above the footer. */
  write(stream: Stream, data: string | Uint8Array): void {
    if (data.length === 0) return
    if (this.#alone > 0) {
      this.#queue.push({ stream, data: Buffer.from(data) })
      return
    }
    // Before there is a footer, what is written is not kept back.
    if (!this.#ticks || this.#asides > 0) {
      this.#note(stream, typeof data === 'string' ? Buffer.from(data) : data)
      this.#options.raw(stream, data)
      return
    }
    this.#queue.push({ stream, data: Buffer.from(data) })
    this.#gathering ??= setTimeout(() => this.#redraw(), gatherMs).unref()
  }

  /** Takes the footer away while something else has the terminal. */
  async aside<Value>(work: () => Promise<Value>): Promise<Value> {
    this.lend(true)
    try {
      return await work()
    } finally {
      this.lend(false)
    }
  }

  /** Something else has the terminal, or no longer; may be lent several times over. */
  lend(lent: boolean): void {
    if (lent) {
      // What waits already goes on waiting.
      if (this.#asides === 0) this.#flush('')
      this.#asides += 1
    } else {
      this.#asides -= 1
      this.#atLineStart = true
      if (this.#alone === 0 && this.#queue.length > 0) this.#flush('')
    }
  }

  /** Writes what is left, and takes the footer away for good. */
  end(): void {
    clearInterval(this.#ticks)
    clearTimeout(this.#gathering)
    process.off('exit', this.#onExit)
    this.#flush('')
    this.#ticks = undefined
  }

  #begin(): void {
    this.#ticks = setInterval(() => {
      this.#frame += 1
      this.#redraw()
    }, frameMs).unref()
    // Nothing of what was said is lost when the process ends otherwise than in order.
    process.once('exit', this.#onExit)
  }

  #redraw(): void {
    this.#gathering = undefined
    if (this.#asides > 0) return
    const isLate = performance.now() - this.#began >= patience
    this.#flush(isLate ? 'footer' : '')
  }

  /** Takes the footer away, writes what was gathered, and draws it anew: on the terminal in one go, so that it does not flicker. */
  #flush(then: 'footer' | ''): void {
    const queue = this.#queue
    this.#queue = []
    const { raw, outIsTerminal } = this.#options
    // Line by line: a terminal may keep what "erase down" takes from the top of the screen in its history.
    let text: Buffer[] = this.#drawn > 0 ? [Buffer.from('\u001B[1A\u001B[2K'.repeat(this.#drawn))] : []
    let onto: Stream = 'err'
    const flush = () => {
      if (text.length > 0) raw(onto, Buffer.concat(text))
      text = []
    }
    this.#drawn = 0
    for (const { stream, data } of queue) {
      if (stream !== onto) {
        flush()
        onto = stream
      }
      this.#note(stream, data)
      text.push(data as Buffer)
    }
    if (onto === 'out') flush()
    onto = 'err'
    if (then === 'footer' && this.#running.size > 0 && (this.#atLineStart || !outIsTerminal)) {
      const lines = this.#lines()
      this.#drawn = lines.length
      text.push(Buffer.from(lines.map((line) => `${line}\n`).join('')))
    }
    flush()
  }

  #note(stream: Stream, data: Uint8Array): void {
    if (stream === 'err' || this.#options.outIsTerminal) this.#atLineStart = data.at(-1) === 10
  }

  #lines(): string[] {
    const { color, size } = this.#options
    const { columns, rows } = size()
    const now = performance.now()
    const most = Math.max(1, Math.min(mostRows, rows - 3))
    const running = [...this.#running]
    const lines = running.slice(0, most).map(([task, since]) => {
      const took = formatDuration(Math.max(0, Math.floor((now - since) / 100) * 100))
      const spinner = frames[this.#frame % frames.length] as string
      const shown = cutTo(task, columns - took.length - 5)
      return `${paint(spinner, 'cyan', color)} ${shown} ${paint(took, 'dim', color)}`
    })
    const { ended, failed } = this.#counts
    const parts = [
      running.length > most ? `… ${running.length - most} more running` : undefined,
      `${ended} of ${this.#known.size} ended`,
      failed > 0 ? `${failed} failed` : undefined,
      formatDuration(Math.floor((now - this.#began) / 100) * 100),
    ]
    const summary = cutTo(parts.filter((part) => part !== undefined).join(', '), columns - 3)
    return [...lines, `  ${paint(summary, 'dim', color)}`]
  }
}

/** A label is one line of plain text; one that is too wide is cut (wide characters are rare in names: each counts as one column). */
function cutTo(text: string, columns: number): string {
  const plain = stripVTControlCharacters(text)
  return plain.length <= columns ? plain : `${plain.slice(0, Math.max(1, columns - 1))}…`
}
