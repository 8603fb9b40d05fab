import type { LogLine } from '../../lib/model/platform.ts'
import type { TaskContext } from '../../lib/task/definition.ts'
import type { Session } from './session.ts'

const colours = [36, 33, 35, 32, 34, 96, 93, 95]

/** Which lines of which services. */
type Query = { services: string[]; follow: boolean; lines: number }

/** Log lines as data, without secrets. */
export async function logLines(context: TaskContext, session: Session, query: Query): Promise<LogLine[]> {
  const lines: LogLine[] = []
  for await (const line of session.platform.logs(query, context.signal)) {
    lines.push({ ...line, text: session.redact.text(line.text) })
  }
  return lines
}

/** Prints log lines of several services behind aligned, coloured names; ends quietly with the signal. */
export async function followLogs(context: TaskContext, session: Session, query: Query): Promise<void> {
  const width = Math.max(0, ...query.services.map((name) => name.length))
  const prefix = new Map(
    query.services.map((name, index) => {
      const text = `${name.padEnd(width)} │ `
      return [name, context.invocation.color ? `\u001b[${colours[index % colours.length]}m${text}\u001b[39m` : text]
    }),
  )
  for await (const line of session.platform.logs(query, context.signal)) {
    const name = query.services.length > 1 ? (prefix.get(line.service) ?? '') : ''
    context.invocation.terminal.out(`${name}${session.redact.text(line.text)}\n`)
  }
}
