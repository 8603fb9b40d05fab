import type { LogEvent } from './events.ts'
import type { Renderer, RendererOptions } from './renderer.ts'

/** One JSON value a line: each event with its number (from 1) and time (ISO 8601). */
export function jsonRenderer({ write }: Pick<RendererOptions, 'write'>): Renderer {
  let seq = 0
  return {
    emit(event: LogEvent): void {
      seq += 1
      write(`${JSON.stringify({ ...event, seq, at: new Date().toISOString() })}\n`)
    },
    end: async () => {},
  }
}
