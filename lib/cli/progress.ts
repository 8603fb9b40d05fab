import type { TaskEvent } from '../task/events.ts'
import type { Invocation } from '../task/invocation.ts'
import { InterleavedLines } from './output/lines.ts'
import { type Streams, type TaskOutput, taskOutputOf } from './terminal.ts'

/** Shows what tasks say. */
export type TaskProgress = {
  /** How it is shown. */
  mode: TaskOutput
  show(event: TaskEvent): void
  /** The invocation as tasks are to see it: what they write by themselves does not tear what is shown. */
  invocation: Invocation
  /** Several tasks run, as far as is known. */
  several(): boolean
  /** Runs something that has the terminal for itself (a question). */
  aside<Value>(work: () => Promise<Value>): Promise<Value>
  /** Shows what is left. */
  end(): void
}

/** Makes what shows an invocation's tasks, as `--output` has it; by default live on a terminal, in groups for GitHub, else in lines. */
export async function progressOf(
  invocation: Invocation,
  streams: Streams,
  asked: string | undefined,
): Promise<TaskProgress> {
  const { terminal, color, env } = invocation
  const mode = taskOutputOf(asked, invocation)
  const known = new Set<string>()
  const count = (event: TaskEvent) => {
    if (event.type !== 'tasks-planned') return
    for (const task of event.tasks) if (known.add(task).size > 1) return
  }
  const plain = {
    mode,
    invocation,
    several: () => known.size > 1,
    aside: <Value>(work: () => Promise<Value>) => work(),
    end: () => {},
  }
  switch (mode) {
    case 'json': {
      const { jsonOutput } = await import('./output/json.ts')
      return { ...plain, show: both(count, jsonOutput(terminal.err)) }
    }
    case 'grouped':
    case 'quiet': {
      const { GroupedOutput } = await import('./output/grouped.ts')
      const folded = env.GITHUB_ACTIONS === 'true'
      const groups = new GroupedOutput(terminal, { color, quiet: mode === 'quiet', folded })
      return { ...plain, show: both(count, (event) => groups.show(event)), end: () => groups.end() }
    }
    case 'live':
      return { ...plain, ...(await live(invocation, streams, count)) }
    case 'interleaved': {
      const lines = new InterleavedLines(terminal, color)
      return { ...plain, show: both(count, (event) => lines.show(event)), end: () => lines.end() }
    }
  }
}

const both =
  (one: (event: TaskEvent) => void, other: (event: TaskEvent) => void) =>
  (event: TaskEvent): void => {
    one(event)
    other(event)
  }

async function live(
  invocation: Invocation,
  streams: Streams,
  count: (event: TaskEvent) => void,
): Promise<Omit<TaskProgress, 'mode' | 'several'>> {
  const { Footer } = await import('./output/footer.ts')
  const { color } = invocation
  const footer = new Footer({
    raw: (stream, data) => streams.raw(stream === 'out' ? process.stdout : process.stderr, data),
    outIsTerminal: process.stdout.isTTY === true,
    size: () => ({ columns: process.stderr.columns ?? 80, rows: process.stderr.rows ?? 24 }),
    color,
  })
  const write = (stream: 'out' | 'err') => (data: string | Uint8Array) => footer.write(stream, data)
  const restore = streams.divert((stream, data) => write(stream === process.stdout ? 'out' : 'err')(data))
  const lines = new InterleavedLines({ out: write(invocation.json ? 'err' : 'out'), err: write('err') }, color)
  return {
    // Two lists on one terminal would overwrite each other: beside other tasks, an operation writes lines.
    invocation: Object.defineProperty({ ...invocation }, 'output', {
      get: () => (lines.several ? 'plain' : invocation.output),
      enumerable: true,
    }) as Invocation,
    show(event) {
      count(event)
      footer.show(event)
      lines.show(event)
    },
    aside: (work) => footer.aside(work),
    end() {
      lines.end()
      restore()
      footer.end()
    },
  }
}
