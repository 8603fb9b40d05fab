import { paint } from '../log/failure-text.ts'
import { formatDuration } from '../model/duration.ts'
import type { TaskEvent } from '../task/events.ts'
import type { Invocation } from '../task/invocation.ts'

/** Shows what tasks say: as lines for people, or with `--output json` as one JSON value a line on stderr. */
export function progressOf({ terminal, output, color }: Invocation): (event: TaskEvent) => void {
  if (output === 'json') return (event) => terminal.err(`${JSON.stringify(plain(event))}\n`)
  const lines = new TaskLines(terminal, color)
  return (event) => lines.show(event)
}

const plain = (event: TaskEvent): object =>
  event.type === 'output' ? { ...event, data: Buffer.from(event.data).toString() } : event

/**
 * Lines for people. One task alone is shown as if its commands had been typed; of several, every line begins with the name of
 * its task, and output is cut into lines so that they do not mix.
 */
class TaskLines {
  readonly #terminal: Invocation['terminal']
  readonly #color: boolean
  readonly #known = new Set<string>()
  readonly #parts = new Map<string, Buffer[]>()
  #width = 0

  constructor(terminal: Invocation['terminal'], color: boolean) {
    this.#terminal = terminal
    this.#color = color
  }

  show(event: TaskEvent): void {
    switch (event.type) {
      case 'tasks-planned':
        for (const task of event.tasks) {
          this.#known.add(task)
          this.#width = Math.max(this.#width, task.length)
        }
        return
      case 'command':
        this.#err(event.task, paint(`$ ${event.text.trim()}`, 'dim', this.#color))
        return
      case 'output':
        this.#output(event)
        return
      case 'message':
        this.#err(event.task, this.#message(event))
        return
      case 'step-started':
        this.#err(event.task, `› ${event.title}`)
        return
      case 'step-ended':
        this.#err(event.task, this.#ended(event.ok, event.title, event.durationMs))
        return
      case 'task-started':
        return
      case 'task-ended':
        this.#flush(event.task)
        if (this.#several && event.state !== 'aborted') {
          this.#err(event.task, this.#ended(event.state === 'done', event.state, event.durationMs))
        }
    }
  }

  get #several(): boolean {
    return this.#known.size > 1
  }

  #message({ level, text }: Extract<TaskEvent, { type: 'message' }>): string {
    if (level === 'info') return text
    return `${paint(`${level}:`, level === 'error' ? 'red' : 'yellow', this.#color)} ${text}`
  }

  #ended(ok: boolean, title: string, durationMs: number): string {
    const mark = ok ? paint('✔', 'green', this.#color) : paint('✖', 'red', this.#color)
    return `${mark} ${title} ${paint(`(${formatDuration(durationMs)})`, 'dim', this.#color)}`
  }

  #prefix(task: string): string {
    return this.#several ? `${paint(task.padEnd(this.#width), 'cyan', this.#color)} │ ` : ''
  }

  #err(task: string, text: string): void {
    const prefix = this.#prefix(task)
    this.#terminal.err(
      text
        .split('\n')
        .map((line) => `${prefix}${line}\n`)
        .join(''),
    )
  }

  #output({ task, stream, data }: Extract<TaskEvent, { type: 'output' }>): void {
    const write = stream === 'stdout' ? this.#terminal.out : this.#terminal.err
    if (!this.#several) {
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
