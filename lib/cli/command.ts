import { existsSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { failuresText } from '../log/failure-text.ts'
import { type Failure, ok, type Result } from '../model/failure.ts'
import { findTaskfile, namedTaskfile, otherCopy, packageVersion } from '../task/find.ts'
import type { Ahead } from '../task/fingerprint/ahead.ts'
import { keptTasksPath } from '../task/manifest.ts'
import { parseArguments } from '../task/parse.ts'
import type { LoadedTasks } from '../task/table.ts'
import { watchRole } from '../task/watch/role.ts'
import { isBuiltIn } from './builtins.ts'
import { calledAs } from './called-as.ts'
import { canPick } from './can-pick.ts'
import { defaultFlags, type GlobalFlags, globalArguments, splitCommandLine } from './global-flags.ts'
import { type Ending, report } from './report.ts'
import { hasColor, Streams, standardError, standardOutput } from './terminal.ts'

/** The command `task`: its exit code. Everything that it says is said when this resolves. */
async function main(argv: readonly string[], ahead: Ahead | undefined): Promise<number> {
  const streams = new Streams()
  const folder = process.cwd()
  const { head, words } = splitCommandLine(argv)
  const isSilent = head.length === 0 && process.env.OPS_WORKSPACE === undefined
  const parsed = isSilent
    ? ok({ values: defaultFlags })
    : await parseArguments(globalArguments(), head, { env: process.env, folder, workspaceFolder: folder })
  const flags = parsed.ok ? (parsed.value.values as GlobalFlags) : undefined
  const color = hasColor(standardError, flags?.color, process.env)
  const command = () =>
    calledAs({ script: process.argv[1] ?? '', env: process.env, folder, workspace: flags?.workspace })
  const finish = (ending: Ending, json = flags?.json ?? head.includes('--json')) =>
    report(streams, ending, { json, color, folder, command })
  // Nothing is left that could end what is waited for; Node would end with status 13 and no word.
  process.once('beforeExit', () => process.exit(finish({ outcome: 'failed', failures: [stuck] })))
  try {
    if (!parsed.ok || !flags) return finish(usage(parsed.ok ? [] : parsed.failures))
    const answered = await answer(flags, words, streams, argv, ahead)
    return finish(answered, answered.asJson ?? flags.json)
  } finally {
    await streams.flush()
  }
}

const stuck: Failure = {
  code: 'task-stuck',
  message: 'a task waits for a promise that nothing can settle any more',
  why: 'no timer, connection or command is left; look for a promise whose resolve is never called',
}

type Answer = Ending & { asJson?: boolean }

const usage = (failures: readonly Failure[]): Ending => ({
  outcome: 'usage',
  failures,
  hint: 'usage: task [options] <task> [arguments]\n  next:\n    task --help\n',
})

async function answer(
  flags: GlobalFlags,
  words: readonly string[],
  streams: Streams,
  argv: readonly string[],
  ahead?: Ahead,
): Promise<Answer> {
  const stdoutColor = hasColor(standardOutput, flags.color, process.env)
  if (flags.version) return version()
  if (flags.init) return (await import('./init.ts')).initialise(flags, words)
  if (flags.ops) return usage([{ code: 'unknown-flag', message: '--ops only goes with --init', outcome: 'usage' }])
  const helpWords = flags.help ? words : words[0] === 'help' ? words.slice(1) : undefined
  if (helpWords?.length === 0) {
    const { generalHelp } = await import('./help.ts')
    return { outcome: 'done', text: generalHelp(stdoutColor) }
  }
  const found = taskfileOf(flags)
  const other = found.ok ? otherCopy(dirname(found.value)) : undefined
  // The version that the workspace asks for does the rest; it ends the process.
  if (other !== undefined) await import(pathToFileURL(join(other, 'dist', 'task.js')).href)
  if (found.ok && flags.watch && watchRole() === undefined) {
    if (words.length === 0) {
      const tasks = await (await import('../task/load.ts')).loadTaskfile(found.value)
      if (tasks.ok && !tasks.value.entry('default'))
        return usage([{ code: 'missing-task', message: '--watch needs a task', outcome: 'usage' }])
    }
    const { watchTasks } = await import('./watch.ts')
    const color = hasColor(process.stderr, flags.color, process.env)
    return watchTasks({ taskfile: found.value, argv, streams, color, poll: flags.poll })
  }
  const unloaded =
    found.ok && helpWords === undefined
      ? await answerUnloaded(found.value, flags, words, { streams, argv, ahead })
      : undefined
  if (unloaded !== undefined) return unloaded
  // The status of migrations is noted for a next time, with what tells that its task is the same.
  const isNoted = words[0] === 'migrate' && words[1] === 'status'
  const listing = flags.list || words.length === 0 || helpWords !== undefined || isNoted
  const loaded = found.ok ? await (await import('../task/load.ts')).loadTaskfile(found.value, { listing }) : found
  const [word, ...rest] = helpWords ?? words
  if (!flags.list && isBuiltIn(word) && !(loaded.ok && loaded.value.entry(word))) {
    const { runBuiltIn } = await import('./run-built-in.ts')
    const options = { flags, folder: process.cwd(), tasks: loaded, streams, color: stdoutColor }
    const { ending, json } = await runBuiltIn(word, rest, { ...options, help: helpWords !== undefined })
    return { ...ending, asJson: json }
  }
  if (!loaded.ok) return { outcome: 'unchanged', failures: loaded.failures }
  const table = loaded.value
  if (flags.pick && !canPick()) return usage([noTerminal])
  const hasDefault = table.entry('default') !== undefined
  const picked = flags.pick || (argv.length === 0 && !hasDefault && canPick()) ? await pick(table) : undefined
  if (picked) {
    return picked.length === 0 ? { outcome: 'done' } : answer({ ...flags, pick: false }, picked, streams, picked)
  }
  if (flags.list || (words.length === 0 && !helpWords && !hasDefault)) return list(table, words, stdoutColor)
  if (helpWords) return help(table, helpWords, stdoutColor)
  const { runWords } = await import('./run-words.ts')
  const ran = await runWords(words.length === 0 ? ['default'] : words, {
    table,
    folder: dirname(table.file),
    argv,
    flags,
    streams,
  })
  return 'help' in ran ? help(table, ran.help, stdoutColor) : { ...ran.ending, asJson: ran.json }
}

/** How the command ends where all that is asked for is up to date, and that is known without the Taskfile's code; else undefined. */
async function answerUnloaded(
  taskfile: string,
  flags: GlobalFlags,
  words: readonly string[],
  { streams, argv, ahead }: { streams: Streams; argv: readonly string[]; ahead: Ahead | undefined },
): Promise<Answer | undefined> {
  const { list, pick, why, dryRun, force } = flags
  if (list || pick || why || dryRun || force || watchRole() !== undefined) return undefined
  const names = words.length === 0 ? ['default'] : words
  if (!existsSync(keptTasksPath(taskfile))) return undefined
  const { keptTasks } = await import('../task/kept-tasks.ts')
  const table = keptTasks(taskfile, names, async (file) => (await import('../task/load.ts')).loadTaskfile(file))
  if (table === undefined) return undefined
  const { runWords } = await import('./run-words.ts')
  const options = { table, folder: dirname(taskfile), argv, flags, streams, ahead }
  const ran = await runWords(names, { ...options, unloaded: true })
  return ran === undefined || 'help' in ran ? undefined : { ...ran.ending, asJson: ran.json }
}

const noTerminal: Failure = {
  code: 'no-terminal',
  message: '--pick needs a terminal to ask on',
  next: ['task --list'],
  outcome: 'usage',
}

/** The words of the task that somebody picks; none when nothing is. */
async function pick(table: LoadedTasks): Promise<readonly string[] | undefined> {
  const [{ pickTask }, { summarize }] = await Promise.all([import('./picker.ts'), import('../task/summary.ts')])
  return table.entries.length === 0 ? undefined : ((await pickTask(summarize(table))) ?? [])
}

function taskfileOf(flags: GlobalFlags): Result<string> {
  const named = flags.taskfile ?? flags.workspace
  return named === undefined ? findTaskfile(process.cwd()) : namedTaskfile(named)
}

function version(): Ending {
  const number = packageVersion()
  return { outcome: 'done', text: `vital-ops ${number}\n`, json: { version: number } }
}

async function list(table: LoadedTasks, words: readonly string[], color: boolean): Promise<Ending> {
  const [{ listText, matchingTasks, noMatch }, { summarize }] = await Promise.all([
    import('./list.ts'),
    import('../task/summary.ts'),
  ])
  const all = summarize(table)
  const tasks = matchingTasks(all, words)
  if (words.length > 0 && tasks.every(({ hidden }) => hidden))
    return { outcome: 'usage', failures: [noMatch(all, words)] }
  const file = relative(process.cwd(), table.file) || table.file
  return {
    outcome: 'done',
    text: listText(tasks, file, color),
    json: { taskfile: table.file, tasks: tasks.filter(({ hidden }) => !hidden) },
  }
}

async function help(table: LoadedTasks, words: readonly string[], color: boolean): Promise<Ending> {
  const [{ taskHelp }, { summarizeTask }, { resolveHelp }] = await Promise.all([
    import('./help.ts'),
    import('../task/summary.ts'),
    import('./resolve.ts'),
  ])
  const resolved = resolveHelp(table, words)
  if (!resolved.ok) return { outcome: 'usage', failures: resolved.failures }
  const summary = summarizeTask(table, resolved.value.name, resolved.value.task)
  return { outcome: 'done', text: taskHelp(summary, color), json: { help: summary } }
}

/**
 * Runs the command, and ends the process: what a task has left open (a connection, a timer) does not keep it.
 *
 * @param ahead what was begun for it
 */
export async function runCommand(ahead?: Ahead): Promise<never> {
  // A defect of this program, not an expected failure: its stack is what helps.
  const code = await main(process.argv.slice(2), ahead).catch((error: unknown) => {
    const failure: Failure = {
      code: 'defect',
      message: `a defect in vital-ops: ${error instanceof Error ? error.message : String(error)}`,
      lines: error instanceof Error ? (error.stack ?? '').split('\n').slice(1) : [],
    }
    process.stderr.write(failuresText([failure]))
    return 1
  })
  return process.exit(code)
}
