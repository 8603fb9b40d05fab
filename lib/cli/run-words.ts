import type { Failure } from '../model/failure.ts'
import { FailureError } from '../model/failure.ts'
import { type Arguments, flag } from '../task/arguments.ts'
import type { Task } from '../task/definition.ts'
import { environmentOf } from '../task/environment.ts'
import type { Ahead } from '../task/fingerprint/ahead.ts'
import type { TaskRequest } from '../task/graph.ts'
import { type ParseContext, parseWords } from '../task/parse.ts'
import { shownWords } from '../task/shown-arguments.ts'
import { summarizeTask } from '../task/summary.ts'
import type { LoadedTasks } from '../task/table.ts'
import { dryRun, execute } from './execute.ts'
import type { GlobalFlags } from './global-flags.ts'
import type { Ending } from './report.ts'
import { type Resolved, resolveWords } from './resolve.ts'
import { makeInvocation, type Streams } from './terminal.ts'
import { usageLine } from './usage.ts'
import { withHint } from './usage-hints.ts'

/** What running tasks takes. */
export type RunWordsOptions = {
  table: LoadedTasks
  folder: string
  argv: readonly string[]
  flags: GlobalFlags
  streams: Streams
  /** The table stands for that of a Taskfile that was not loaded (kept-tasks.ts): tasks that are all up to date are answered, and else nothing is. */
  unloaded?: boolean
  /** A look at inputs that was begun. */
  ahead?: Ahead | undefined
}

/** How the command ends, and whether JSON is wanted; or the words that name a task whose help is wanted instead. */
export type WordsEnd = { ending: Ending; json: boolean } | { help: readonly string[] }

/** A task as its words say it. `next` are the words from the next task on. */
type Read = { next: readonly string[]; json: boolean } & (
  | { request: TaskRequest; yes: boolean }
  | { wrong: Ending }
  | { help: readonly string[] }
)

/**
 * Runs the tasks that words name. What stands behind a task's name is the task's, up to `:::`, or up to a word that names a task, where this
 * one takes no positional (any more). Behind `--` neither counts: all that follows is that task's.
 */
export async function runWords(
  words: readonly string[],
  options: RunWordsOptions & { unloaded: true },
): Promise<WordsEnd | undefined>
export async function runWords(words: readonly string[], options: RunWordsOptions): Promise<WordsEnd>
export async function runWords(words: readonly string[], options: RunWordsOptions): Promise<WordsEnd | undefined> {
  const { flags, table, streams } = options
  const requests: TaskRequest[] = []
  const wrong: Ending[] = []
  let { json, yes } = flags
  for (const segment of segmentsOf(words)) {
    if (segment.length === 0) wrong.push({ outcome: 'usage', failures: [noTask] })
    for (let left = segment; left.length > 0; ) {
      const one = await readTask(left, options)
      if ('help' in one) return one
      if ('wrong' in one) wrong.push(one.wrong)
      else {
        requests.push(one.request)
        yes ||= one.yes
      }
      json ||= one.json
      left = one.next
    }
  }
  const [first] = wrong
  if (first && options.unloaded) return undefined
  if (first) return { ending: { ...first, failures: wrong.flatMap(({ failures = [] }) => failures) }, json }
  const { output, color, workspace } = flags
  // Not spread: that would ask for what is only made when somebody wants it.
  const invocation = Object.assign(makeInvocation(streams, options.argv, { json, yes, output, color, workspace }), {
    shownArgv: shownWords(options.argv, requests),
  })
  const execution = { requests, table, invocation, flags, streams }
  if (options.unloaded && !(await (await import('./all-up-to-date.ts')).allUpToDate(execution, options.ahead)))
    return undefined
  if (flags.why) return { ending: await (await import('./why.ts')).why(execution), json }
  return { ending: await (flags.dryRun ? dryRun(execution) : execute(execution)), json }
}

/** The words between `:::`, each up to `--` and then all. */
function segmentsOf(words: readonly string[]): (readonly string[])[] {
  const segments: (readonly string[])[] = []
  let start = 0
  for (const [at, word] of words.entries()) {
    if (word === '--') break
    if (word !== ':::') continue
    segments.push(words.slice(start, at))
    start = at + 1
  }
  return [...segments, words.slice(start)]
}

const noTask: Failure = {
  code: 'missing-task',
  message: 'a task is missing beside :::',
  why: '::: stands between tasks; as a value it is written behind -- or as --name=:::',
  outcome: 'usage',
}

/** Reads one task's words. Asks for arguments that are missing where somebody can be asked. */
async function readTask(words: readonly string[], options: RunWordsOptions): Promise<Read> {
  const { table, folder, flags } = options
  const resolved = resolveWords(table, words)
  // Nobody knows what a task that there is not would take: --json behind its name is the flag.
  const asJson = flags.json || wordsBefore(words).includes('--json')
  if (!resolved.ok) return { next: [], json: asJson, wrong: { outcome: 'usage', failures: resolved.failures } }
  const { name, task, rest } = resolved.value
  const named = words.slice(0, words.length - rest.length)
  const hint = () => usageLine(summarizeTask(table, name, task))
  if (Object.keys(task.commands).length > 0) {
    const failure = missingCommand(name)
    const wantsHelp = rest.some((word) => word === '--help' || word === '-h')
    if (wantsHelp) return { next: [], json: flags.json, help: named }
    return { next: [], json: asJson, wrong: { outcome: 'usage', failures: [failure], hint: hint() } }
  }
  const { args, ownYes } = withYes(task)
  const env = await environmentFor(task, folder)
  if ('wrong' in env) return { next: [], json: flags.json, wrong: { task: name, ...env.wrong } }
  const context: ParseContext = {
    env: env.env,
    folder: process.cwd(),
    workspaceFolder: task.folder ?? folder,
  }
  const beginsNext = (word: string) => table.entry(word) !== undefined
  let { parsed, next, missing } = await parseWords(args, rest, context, beginsNext)
  if (!parsed.ok && missing.length === parsed.failures.length && mayAsk(resolved.value, options)) {
    const { askForMissing } = await import('./ask-missing.ts')
    const answers = await askForMissing({ name, args, missing, context })
    if (!answers) return { next: [], json: false, wrong: { task: name, outcome: 'unchanged', failures: [noAnswer] } }
    parsed = (await parseWords(args, rest, context, beginsNext, answers)).parsed
  }
  if (!parsed.ok) {
    const failures = parsed.failures.map((failure) => withHint(failure, { name, args }, table))
    const json = flags.json || ('json' in args && wordsBefore(rest).includes('--json'))
    return {
      next,
      json,
      wrong: { task: name, outcome: 'usage', failures: withNext(failures, `task help ${name}`), hint: hint() },
    }
  }
  if (parsed.value.help) return { next, json: flags.json, help: named }
  const values: Record<string, unknown> = { ...parsed.value.values }
  const yes = values.yes === true
  if (!ownYes) delete values.yes
  return { next, json: flags.json || values.json === true, yes, request: { name, task, values } }
}

const missingCommand = (name: string): Failure => ({
  code: 'missing-command',
  message: `missing command: task ${name} <command>`,
  next: [`task help ${name}`],
  outcome: 'usage',
})

const noAnswer: Failure = { code: 'declined', message: 'no answer was given; nothing ran', outcome: 'unchanged' }

/** The environment that stands in for arguments; wrong when a file that it comes from is. */
async function environmentFor(task: Task, folder: string): Promise<{ env: ParseContext['env'] } | { wrong: Ending }> {
  try {
    return { env: await environmentOf(task, task.folder ?? folder, process.env) }
  } catch (error) {
    if (!(error instanceof FailureError)) throw error
    return { wrong: { outcome: error.outcome, failures: error.failures } }
  }
}

/** Somebody can be asked, and wants to be. */
function mayAsk({ rest }: Resolved, { flags, streams, argv }: RunWordsOptions): boolean {
  const { json, yes, dryRun: dry } = flags
  const words = wordsBefore(rest)
  if (json || yes || dry || words.includes('--json') || words.includes('--yes')) return false
  return makeInvocation(streams, argv, { json, yes }).interactive
}

/** Where a task asks for confirmation, it can also be given behind its name, unless the task has its own use of `--yes`. */
function withYes(task: Task): { args: Arguments; ownYes: boolean } {
  const args = (task.definition.args ?? {}) as Arguments
  const ownYes = 'yes' in args
  if (ownYes || task.definition.confirm === undefined) return { args, ownYes: true }
  return { args: { ...args, yes: flag() }, ownYes: false }
}

const wordsBefore = (words: readonly string[]): readonly string[] => {
  const end = words.indexOf('--')
  return end < 0 ? words : words.slice(0, end)
}

function withNext(failures: readonly Failure[], command: string): Failure[] {
  return failures.map((failure, index) => (index === failures.length - 1 ? { ...failure, next: [command] } : failure))
}
