import { setTimeout as pause } from 'node:timers/promises'
import type { TaskContext, View } from '../../lib/task/definition.ts'

const everyMs = 1000

/**
 * Shows a look again whenever its text changes, until the signal; on a terminal in place. Gives the last one, which needs not to be shown
 * once more; undefined where the signal came before the first. What is seen while the signal comes is cut off, and tells nothing.
 */
export async function watching<Look extends { text(view: View): string }>(
  context: TaskContext,
  look: () => Promise<Look>,
): Promise<Look | undefined> {
  const { terminal, color, output } = context.invocation
  let before = ''
  let last: Look | undefined
  while (!context.signal.aborted) {
    const seen = await look()
    if (context.signal.aborted) break
    last = seen
    const text = seen.text({ color, columns: terminal.columns, isTerminal: terminal.outIsTerminal === true })
    if (text !== before) terminal.out(output === 'live' ? `\u001b[2J\u001b[H${text}` : `${text}\n`)
    before = text
    await pause(everyMs, undefined, { signal: context.signal }).catch(() => undefined)
  }
  return last && { ...last, text: () => '' }
}
