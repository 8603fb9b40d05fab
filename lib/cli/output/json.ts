import { StringDecoder } from 'node:string_decoder'
import type { TaskEvent } from '../../task/events.ts'

/**
 * Events as JSON, one a line, each with its time (ISO 8601). Output is text (UTF-8; a character that is split over two pieces comes with
 * the second one), so a task's pieces joined are what it wrote.
 */
export function jsonOutput(write: (text: string) => void): (event: TaskEvent) => void {
  const decoders = new Map<string, StringDecoder>()
  const say = (event: object) => write(`${JSON.stringify({ ...event, at: new Date().toISOString() })}\n`)
  return (event) => {
    if (event.type === 'output') {
      const key = `${event.stream} ${event.task}`
      const decoder = decoders.get(key) ?? new StringDecoder('utf8')
      decoders.set(key, decoder)
      const data = decoder.write(Buffer.from(event.data))
      if (data !== '') say({ ...event, data })
      return
    }
    if (event.type === 'task-ended') {
      for (const stream of ['stdout', 'stderr']) {
        const data = decoders.get(`${stream} ${event.task}`)?.end() ?? ''
        decoders.delete(`${stream} ${event.task}`)
        if (data !== '') say({ type: 'output', task: event.task, stream, data })
      }
    }
    say(event)
  }
}
