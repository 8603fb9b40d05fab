import { formatDuration } from '../model/duration.ts'
import { opText } from '../plan/render.ts'
import type { LogEvent, OpEnd } from './events.ts'
import { paint } from './paint.ts'
import { plainLine } from './plain-line.ts'
import { planText } from './plan-text.ts'
import type { Renderer, RendererOptions } from './renderer.ts'

/** What stands before an op that has ended, and in which colour. */
export const marks = {
  done: ['✔', 'green'],
  present: ['✔', 'green'],
  failed: ['✖', 'red'],
  warned: ['⚠', 'yellow'],
  skipped: ['-', 'dim'],
  aborted: ['✖', 'yellow'],
} as const satisfies Record<OpEnd, readonly [string, Parameters<typeof paint>[1]]>

/** How many of its last lines of output are shown for an op that failed. */
const shownLines = 50
/** How many lines of an op's output are kept for a group. */
const keptLines = 5_000

/**
 * Lines that are only appended: for CI, pipes and dumb terminals. An op's output is kept back and shown when it fails; under GitHub Actions it is shown
 * in a group of its own, and a failure is marked as an error
 * (https://docs.github.com/actions/reference/workflow-commands-for-github-actions). Output always stands behind a bar: there a program
 * cannot give GitHub's runner commands.
 */
export function plainRenderer({ write, color }: RendererOptions, options: { groups: boolean }): Renderer {
  const ops = new Map<string, string[]>()

  /** The text of an event; empty where it says nothing. */
  function textOf(event: LogEvent): string {
    switch (event.type) {
      case 'plan-shown':
        return planText(event.plan, event.findings, color)
      case 'message':
        return messageText(event, color)
      case 'op-started':
        ops.set(event.op.id, [])
        return `${paint('▶', 'cyan', color)} ${event.op.id}: ${opText(event.op)}\n`
      case 'op-output': {
        const lines = ops.get(event.op)
        lines?.push(plainLine(event.line))
        if (lines && lines.length > keptLines) lines.shift()
        return ''
      }
      case 'op-ended':
        return endText(event)
      case 'release-opened':
        return `release ${event.release} of ${event.environment} (${event.revision}) begun\n`
      case 'release-closed': {
        const cause = event.cause ? `: ${event.cause}` : ''
        return `release ${event.release} of ${event.environment} is ${event.outcome}${cause}\n`
      }
      case 'run-started':
      case 'run-ended':
        return ''
    }
  }

  function endText(event: Extract<LogEvent, { type: 'op-ended' }>): string {
    const [mark, colour] = marks[event.end]
    const line = `${paint(mark, colour, color)} ${event.op} ${howText(event)}\n`
    const output = ops.get(event.op) ?? []
    ops.delete(event.op)
    const annotation = options.groups && event.end === 'failed' ? annotationOf(event) : ''
    const behindBar = (lines: readonly string[]) => lines.map((one) => `  │ ${one}\n`).join('')
    if (output.length > 0 && options.groups) {
      return `${line}::group::output of ${event.op}\n${behindBar(output)}::endgroup::\n${annotation}`
    }
    const bad = event.end === 'failed' || event.end === 'warned'
    // A failure that has lines of its own (a service's last words) shows them at the end of the command.
    const told = event.end === 'failed' && (event.failure?.lines?.length ?? 0) > 0
    return `${line}${bad && !told ? behindBar(output.slice(-shownLines)) : ''}${annotation}`
  }

  return {
    emit(event) {
      const text = textOf(event)
      if (text !== '') write(text)
    },
    end: async () => {},
  }
}

/** Why an op ended so. What only warns is not told again at the end, so its whole cause is told here. */
export function causeText({ end, failure, message }: Extract<LogEvent, { type: 'op-ended' }>): string | undefined {
  if (!failure) return message
  return end === 'warned' && failure.why ? `${failure.message}: ${failure.why}` : failure.message
}

/** How an op ended, how long it took, and why. */
export function howText(event: Extract<LogEvent, { type: 'op-ended' }>): string {
  const cause = causeText(event)
  const why = cause === undefined ? '' : event.failure ? `: ${cause}` : ` (${cause})`
  const took = event.durationMs > 0 ? ` ${formatDuration(event.durationMs)}` : ''
  return `${event.end === 'present' ? 'was done already' : event.end}${took}${why}`
}

/** A message as one line. */
export function messageText({ level, text }: Extract<LogEvent, { type: 'message' }>, color: boolean): string {
  if (level === 'info') return `${text}\n`
  return `${paint(`${level}:`, level === 'error' ? 'red' : 'yellow', color)} ${text}\n`
}

function annotationOf({ op, failure }: Extract<LogEvent, { type: 'op-ended' }>): string {
  const escaped = (text: string) => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
  const title = escaped(op).replaceAll(':', '%3A').replaceAll(',', '%2C')
  return `::error title=${title}::${escaped(failure?.message ?? 'failed')}\n`
}
