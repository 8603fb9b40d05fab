import { relative } from 'node:path'
import { writeStarter } from '../task/init.ts'
import type { GlobalFlags } from './global-flags.ts'
import type { Ending } from './report.ts'

/** `task --init`: writes what there is to begin with, and says what to type next. */
export async function initialise(flags: GlobalFlags, words: readonly string[]): Promise<Ending> {
  if (words.length > 0) {
    return {
      outcome: 'usage',
      failures: [
        { code: 'unexpected-argument', message: `unexpected argument ${JSON.stringify(words[0])}`, outcome: 'usage' },
      ],
      hint: 'usage: task --init [--workspace DIR]\n',
    }
  }
  const written = await writeStarter(flags.workspace ?? process.cwd())
  if (!written.ok) return { outcome: 'unchanged', failures: written.failures }
  const shown = relative(process.cwd(), written.value)
  return {
    outcome: 'done',
    text: `wrote ${shown}\nnext:\n  task --list\n  task hello\n`,
    json: { written: [written.value] },
  }
}
