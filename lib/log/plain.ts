import { formatDuration } from '../model/duration.ts'
import { opText } from '../plan/render.ts'
import type { LogEvent, OpEnd } from './events.ts'
import { paint } from './failure-text.ts'
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

/**
 * Lines that are only appended: for CI, pipes and dumb terminals. An op's output is kept back and shown when it fails; under GitHub Actions it is shown
 * in a group of its own (https://docs.github.com/actions/reference/workflow-commands-for-github-actions#grouping-log-lines).
 */
export function plainRenderer({ write, color }: RendererOptions, options: { groups: boolean }): Renderer {
  const ops = new Map<string, string[]>()

  /** The text of an event; empty where it says nothing. */
  function textOf(event: LogEvent): string {
    switch (event.type) {
      case 'plan-shown':
        return planText(event.plan, event.findings, color)
      case 'message':
        return `${event.level === 'info' ? '' : `${event.level}: `}${event.text}\n`
      case 'op-started':
        ops.set(event.op.id, [])
        return `${paint('▶', 'cyan', color)} ${event.op.id}: ${opText(event.op)}\n`
      case 'op-output':
        ops.get(event.op)?.push(event.line)
        return ''
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
    const why = event.failure ? `: ${event.failure.message}` : event.message ? ` (${event.message})` : ''
    const took = event.durationMs > 0 ? ` ${formatDuration(event.durationMs)}` : ''
    const how = event.end === 'present' ? 'was done already' : event.end
    const line = `${paint(mark, colour, color)} ${event.op} ${how}${took}${why}\n`
    const output = ops.get(event.op) ?? []
    ops.delete(event.op)
    if (output.length === 0) return line
    if (options.groups) return `${line}::group::output of ${event.op}\n${output.join('\n')}\n::endgroup::\n`
    if (event.end !== 'failed') return line
    return `${line}${output
      .slice(-50)
      .map((one) => `  │ ${one}\n`)
      .join('')}`
  }

  return {
    emit(event) {
      const text = textOf(event)
      if (text !== '') write(text)
    },
    end: async () => {},
  }
}
