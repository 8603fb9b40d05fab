import { relative } from 'node:path'
import { writeStarter, writeWorkspace } from '../task/init.ts'
import type { GlobalFlags } from './global-flags.ts'
import type { Ending } from './report.ts'

/** `task --init [--ops]`: writes what there is to begin with, and says what to type next. */
export async function initialise(flags: GlobalFlags, words: readonly string[]): Promise<Ending> {
  if (words.length > 0) {
    const message = `unexpected argument ${JSON.stringify(words[0])}`
    return {
      outcome: 'usage',
      failures: [{ code: 'unexpected-argument', message, outcome: 'usage' }],
      hint: 'usage: task [--workspace DIR] --init [--ops]\n',
    }
  }
  const folder = flags.workspace ?? process.cwd()
  return flags.ops ? operationsWorkspace(folder) : starter(folder)
}

async function starter(folder: string): Promise<Ending> {
  const written = await writeStarter(folder)
  if (!written.ok) return { outcome: 'unchanged', failures: written.failures }
  const shown = relative(process.cwd(), written.value)
  return {
    outcome: 'done',
    text: `wrote ${shown}\nnext:\n  task --list\n  task hello\n`,
    json: { written: [shown] },
  }
}

async function operationsWorkspace(folder: string): Promise<Ending> {
  const done = await writeWorkspace(folder)
  if (!done.ok) return { outcome: 'unchanged', failures: done.failures }
  const { written, kept } = done.value
  const lines = [...written.map((path) => `wrote ${path}`), ...kept.map((path) => `kept  ${path}, which was there`)]
  const hasOwnTaskfile = kept.find((path) => path.startsWith('Taskfile'))
  const hint = hasOwnTaskfile
    ? `add to ${hasOwnTaskfile}:\n  import { operations } from 'vital-ops/operations'\n  export default operations()\n`
    : ''
  return {
    outcome: 'done',
    text: `${lines.join('\n')}\n${hint}next:\n  task --list\n  task setup dev\n`,
    json: { written, kept },
  }
}
