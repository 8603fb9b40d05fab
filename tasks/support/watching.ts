import { setTimeout as pause } from 'node:timers/promises'
import type { TaskContext, View } from '../../lib/task/definition.ts'

const everyMs = 1000

/** Shows a look again whenever its text changes, until the signal; on a terminal in place. */
export async function watching(context: TaskContext, look: () => Promise<{ text(view: View): string }>): Promise<void> {
  const { terminal, color, output } = context.invocation
  let before = ''
  while (!context.signal.aborted) {
    const text = (await look()).text({ color, columns: terminal.columns, isTerminal: terminal.outIsTerminal === true })
    if (text !== before) terminal.out(output === 'live' ? `\u001b[2J\u001b[H${text}` : `${text}\n`)
    before = text
    await pause(everyMs, undefined, { signal: context.signal }).catch(() => undefined)
  }
}
