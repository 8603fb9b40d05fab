import { argumentTable, takesValue } from '../task/argument-table.ts'
import { Argument, type ArgumentValues, choice, flag, number, path } from '../task/arguments.ts'

/** `--continue` alone goes on with what does not depend on a failure; `--continue=always` with all. */
const goOn = () =>
  new Argument<'independent' | 'always' | undefined, string, 'optional'>({
    ...choice(['independent', 'always']).optional().specification,
    bare: 'independent',
  })

const makeArguments = () => ({
  list: flag().alias('l').describe('list the tasks, or those that have the words behind it'),
  pick: flag().alias('choose').describe('look for a task on the terminal, and run it'),
  help: flag().alias('h').describe('show this help, or that of the task named'),
  workspace: path().env('OPS_WORKSPACE').optional().alias('w').describe('the folder whose Taskfile is meant'),
  taskfile: path().optional().alias('f').describe('the Taskfile itself'),
  yes: flag().alias('y').describe('answer confirmations with yes'),
  jobs: number({ integer: true, min: 1 })
    .optional()
    .alias('j')
    .describe('how many tasks run at once; default is the cores'),
  force: flag().describe('run tasks also when they are up to date'),
  continue: goOn().alias('k').describe('go on after a failure with what does not depend on it, or always'),
  only: flag().describe('without what the tasks need'),
  dryRun: flag().alias('n').describe('show what would run, and run nothing'),
  watch: flag().describe('run again whenever an input changes'),
  poll: flag().describe('with --watch: look every now and then, where the system tells of no changes'),
  why: flag().describe('say whether tasks are up to date, and if not, what changed; run nothing'),
  json: flag().describe('print the result as JSON'),
  output: choice(['interleaved', 'grouped', 'quiet', 'live', 'json', 'plain'])
    .optional()
    .describe('how the output of tasks is shown'),
  color: flag().optional().describe('use colours, or not; default is as the terminal has it'),
  init: flag().describe('write a Taskfile.ts to begin with'),
  ops: flag().describe('with --init: a whole workspace for operations'),
  version: flag().alias('V').describe('print the version'),
})

type GlobalArguments = ReturnType<typeof makeArguments>

let known: GlobalArguments | undefined

/** The flags of `task` itself; they stand before the task's name. What follows the name is the task's. */
export function globalArguments(): GlobalArguments {
  known ??= makeArguments()
  return known
}

/** Their values. */
export type GlobalFlags = ArgumentValues<GlobalArguments>

/** What they are when nothing is said of them, as `parseArguments` would have it; to read nothing takes as long as a small task. */
export const defaultFlags: GlobalFlags = {
  list: false,
  pick: false,
  help: false,
  workspace: undefined,
  taskfile: undefined,
  yes: false,
  jobs: undefined,
  force: false,
  continue: undefined,
  dryRun: false,
  only: false,
  watch: false,
  poll: false,
  why: false,
  json: false,
  output: undefined,
  color: undefined,
  init: false,
  ops: false,
  version: false,
}

/** Splits the command line: the flags of `task` itself, and from the task's name on. */
export function splitCommandLine(argv: readonly string[]): { head: string[]; words: string[] } {
  let table: ReturnType<typeof argumentTable> | undefined
  let at = 0
  while (at < argv.length) {
    const word = argv[at] as string
    if (word === '--') return { head: argv.slice(0, at), words: argv.slice(at + 1) }
    if (!/^-./.test(word)) break
    table ??= argumentTable(globalArguments())
    at += takesNext(table, word) ? 2 : 1
  }
  return { head: argv.slice(0, at), words: argv.slice(at) }
}

function takesNext(table: ReturnType<typeof argumentTable>, word: string): boolean {
  if (word.startsWith('--')) {
    const found = table.long.get(word.slice(2))
    return found !== undefined && !found.negated && takesValue(found.entry.specification)
  }
  const last = table.short.get(word.at(-1) as string)
  const flagsBefore = [...word.slice(1, -1)].every((letter) => {
    const entry = table.short.get(letter)
    return entry !== undefined && !takesValue(entry.specification)
  })
  return last !== undefined && takesValue(last.specification) && flagsBefore
}
