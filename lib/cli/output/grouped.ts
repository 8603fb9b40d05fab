import type { TaskEvent } from '../../task/events.ts'
import type { Terminal } from '../../task/invocation.ts'
import { endText, InterleavedLines, talkText } from './lines.ts'

/** The most that is kept of a task's output until it ends, in bytes; of more, the beginning is left out. The log has it. */
const keptBytes = 16 * 1024 * 1024

type Piece = { stream: 'out' | 'err'; data: Uint8Array }
type Kept = { pieces: Piece[]; bytes: number; leftOut: number }

/** How groups are shown. */
export type GroupedOptions = {
  color: boolean
  /** Only tasks that fail are shown. */
  quiet: boolean
  /** Each group can be folded: GitHub's `::group::` (https://docs.github.com/actions/reference/workflow-commands-for-github-actions). */
  folded: boolean
}

/** The output of each task in one piece, when it has ended. One task alone is shown as it comes, unless only failures are wanted. */
export class GroupedOutput {
  readonly #terminal: Pick<Terminal, 'out' | 'err'>
  readonly #options: GroupedOptions
  readonly #alone: InterleavedLines
  readonly #kept = new Map<string, Kept>()

  constructor(terminal: Pick<Terminal, 'out' | 'err'>, options: GroupedOptions) {
    this.#terminal = terminal
    this.#options = options
    this.#alone = new InterleavedLines(terminal, options.color)
  }

  /** Shows or keeps an event. */
  show(event: TaskEvent): void {
    const { quiet, color } = this.#options
    if (event.type === 'tasks-planned') {
      this.#alone.show(event)
      return
    }
    if (!quiet && !this.#alone.several) {
      this.#alone.show(event)
      return
    }
    if (event.type === 'task-ended') this.#ended(event)
    else if (event.type === 'output') {
      this.#keep(event.task, { stream: event.stream === 'stdout' ? 'out' : 'err', data: event.data })
    } else {
      const text = talkText(event, color)
      if (text !== undefined && 'task' in event)
        this.#keep(event.task, { stream: 'err', data: Buffer.from(`${text}\n`) })
    }
  }

  /** Shows what tasks have said that were never told to have ended. */
  end(): void {
    for (const task of [...this.#kept.keys()]) this.#group(task)
  }

  #keep(task: string, piece: Piece): void {
    const kept = this.#kept.get(task) ?? { pieces: [], bytes: 0, leftOut: 0 }
    this.#kept.set(task, kept)
    kept.pieces.push(piece)
    kept.bytes += piece.data.length
    if (kept.bytes <= keptBytes) return
    // Half of it at once: one by one, each piece would move all others.
    let gone = 0
    while (kept.bytes > keptBytes / 2 && gone < kept.pieces.length - 1) {
      const { data } = kept.pieces[gone] as Piece
      kept.bytes -= data.length
      kept.leftOut += data.length
      gone += 1
    }
    kept.pieces.splice(0, gone)
  }

  #ended(event: Extract<TaskEvent, { type: 'task-ended' }>): void {
    const { quiet, color } = this.#options
    if (quiet && event.state !== 'failed') {
      this.#kept.delete(event.task)
      return
    }
    this.#group(event.task)
    if (event.state !== 'aborted') {
      const [mark, ...rest] = endText(event, color).split(' ')
      this.#terminal.err(`${mark} ${event.task} ${rest.join(' ')}\n`)
    }
  }

  #group(task: string): void {
    const kept = this.#kept.get(task)
    this.#kept.delete(task)
    if (!kept) return
    const { folded } = this.#options
    this.#terminal.err(folded ? `::group::${task}\n` : `▶ ${task}\n`)
    if (kept.leftOut > 0) this.#terminal.err(`… ${kept.leftOut} bytes left out; the log of the run has more\n`)
    const open = { out: false, err: false }
    for (const { stream, data } of joined(kept.pieces)) {
      this.#terminal[stream](data)
      open[stream] = data.at(-1) !== 10
    }
    for (const stream of ['out', 'err'] as const) if (open[stream]) this.#terminal[stream]('\n')
    if (folded) this.#terminal.err('::endgroup::\n')
  }
}

/** Pieces of one stream that follow each other become one. */
function joined(pieces: readonly Piece[]): Piece[] {
  const runs: { stream: Piece['stream']; parts: Uint8Array[] }[] = []
  for (const { stream, data } of pieces) {
    const last = runs.at(-1)
    if (last?.stream === stream) last.parts.push(data)
    else runs.push({ stream, parts: [data] })
  }
  return runs.map(({ stream, parts }) => ({ stream, data: Buffer.concat(parts) }))
}
