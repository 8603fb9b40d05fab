import { paint } from '../../log/paint.ts'
import { formatDuration } from '../../model/duration.ts'
import type { TaskEndState, TaskEvent } from '../../task/events.ts'
import type { Terminal } from '../../task/invocation.ts'

/** From so many tasks on, the ends of several are written at once, and what a task prints by itself may come before them. */
const manyTasks = 500

/** What stands before a task that has ended, and in which colour. */
const marks = {
  done: ['✔', 'green'],
  'up-to-date': ['✔', 'green'],
  restored: ['✔', 'green'],
  skipped: ['-', 'dim'],
  failed: ['✖', 'red'],
  aborted: ['✖', 'yellow'],
} as const satisfies Record<TaskEndState, readonly [string, Parameters<typeof paint>[1]]>

/** How a task ended, in one line without a line break: `✔ done (1.2s)`. */
export function endText(event: Extract<TaskEvent, { type: 'task-ended' }>, color: boolean): string {
  const [mark, colour] = marks[event.state]
  const why = event.message === undefined || event.state === 'failed' ? '' : `: ${event.message}`
  const took = paint(`(${formatDuration(event.durationMs)})`, 'dim', color)
  return `${paint(mark, colour, color)} ${event.state.replaceAll('-', ' ')}${why} ${took}`
}

/** What a task says of itself, in one line or more without the last line break; undefined for output and for what is no talk. */
export function talkText(event: TaskEvent, color: boolean): string | undefined {
  switch (event.type) {
    case 'command':
      return paint(`$ ${event.text.trim()}`, 'dim', color)
    case 'message':
      if (event.level === 'info') return event.text
      return `${paint(`${event.level}:`, event.level === 'error' ? 'red' : 'yellow', color)} ${event.text}`
    case 'step-started':
      return `› ${event.title}`
    case 'step-ended': {
      const mark = event.ok ? paint('✔', 'green', color) : paint('✖', 'red', color)
      return `${mark} ${event.title} ${paint(`(${formatDuration(event.durationMs)})`, 'dim', color)}`
    }
    default:
      return undefined
  }
}

/**
 * Lines for people as they come. One task alone is shown as if its commands had been typed; of several, every line begins with the
 * label of its task, and output is cut into lines so that they do not mix.
 */
export class InterleavedLines {
  readonly #terminal: Pick<Terminal, 'out' | 'err'>
  readonly #color: boolean
  readonly #known = new Set<string>()
  readonly #parts = new Map<string, Buffer[]>()
  #width = 0
  /** How tasks ended that wrote nothing since: of thousands of small ones, a write each takes longer than they do. */
  #endings = ''

  constructor(terminal: Pick<Terminal, 'out' | 'err'>, color: boolean) {
    this.#terminal = terminal
    this.#color = color
  }

  /** Whether several tasks run in this invocation, as far as is known. */
  get several(): boolean {
    return this.#known.size > 1
  }

  /** Shows an event. */
  show(event: TaskEvent): void {
    if (event.type === 'tasks-planned') {
      for (const task of event.tasks) {
        this.#known.add(task)
        this.#width = Math.max(this.#width, task.length)
      }
    } else if (event.type === 'output') this.#output(event)
    else if (event.type === 'task-ended') {
      this.#flush(event.task)
      // A task that was told to end is no news; one that had nothing to do has said nothing else.
      const isSilent = event.state === 'up-to-date' || event.state === 'restored'
      if ((this.several && event.state !== 'aborted') || isSilent) {
        if (this.#endings === '' && this.#known.size >= manyTasks) setImmediate(() => this.end())
        this.#endings += `${this.#prefix(event.task)}${endText(event, this.#color)}\n`
        if (this.#known.size < manyTasks) this.end()
      }
    } else {
      const text = talkText(event, this.#color)
      if (text !== undefined && 'task' in event) this.#err(event.task, text)
    }
  }

  #prefix(task: string): string {
    return this.several ? `${paint(task.padEnd(this.#width), 'cyan', this.#color)} │ ` : ''
  }

  /** Writes what is left. */
  end(): void {
    const endings = this.#endings
    this.#endings = ''
    if (endings !== '') this.#terminal.err(endings)
  }

  #err(task: string, text: string): void {
    this.end()
    const prefix = this.#prefix(task)
    this.#terminal.err(
      text
        .split('\n')
        .map((line) => `${prefix}${line}\n`)
        .join(''),
    )
  }

  #output({ task, stream, data }: Extract<TaskEvent, { type: 'output' }>): void {
    this.end()
    const write = stream === 'stdout' ? this.#terminal.out : this.#terminal.err
    if (!this.several) {
      write(data)
      return
    }
    const key = `${stream} ${task}`
    const end = data.lastIndexOf(10) + 1
    const parts = this.#parts.get(key) ?? []
    if (end === 0) {
      this.#parts.set(key, [...parts, Buffer.from(data)])
      return
    }
    this.#parts.set(key, end === data.length ? [] : [Buffer.from(data.subarray(end))])
    write(this.#prefixed(task, Buffer.concat([...parts, data.subarray(0, end)])))
  }

  /** Puts the prefix before each line; works on bytes, because output need not be text. */
  #prefixed(task: string, lines: Buffer): Buffer {
    const prefix = Buffer.from(this.#prefix(task))
    const out: Buffer[] = []
    for (let at = 0; at < lines.length; ) {
      const end = lines.indexOf(10, at) + 1 || lines.length
      out.push(prefix, lines.subarray(at, end))
      at = end
    }
    return Buffer.concat(out)
  }

  /** What a task has written without a line break at its end. */
  #flush(task: string): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      const rest = Buffer.concat(this.#parts.get(`${stream} ${task}`) ?? [])
      this.#parts.delete(`${stream} ${task}`)
      if (rest.length === 0) continue
      const write = stream === 'stdout' ? this.#terminal.out : this.#terminal.err
      write(this.#prefixed(task, Buffer.concat([rest, Buffer.from('\n')])))
    }
  }
}
