import type { Failure } from '../model/failure.ts'
import { nearest } from '../model/nearest.ts'
import { type Arguments, flag } from '../task/arguments.ts'
import { parseArguments } from '../task/parse.ts'
import { summarizeArguments, type TaskSummary } from '../task/summary.ts'
import type { BuiltIn, BuiltInContext } from './built-in.ts'
import { builtInModules } from './built-in-modules.ts'
import { type BuiltInName, builtIns } from './builtins.ts'
import { taskHelp } from './help.ts'
import type { Ending } from './report.ts'
import { usageLine } from './usage.ts'

/** What running a word takes; `help` asks for its help instead. */
export type RunBuiltInOptions = Omit<BuiltInContext, 'args' | 'json'> & { help: boolean }

/** Runs a word of `task` itself with what stands behind it. Gives how the command ends, and whether JSON is wanted. */
export async function runBuiltIn(
  word: BuiltInName,
  rest: readonly string[],
  options: RunBuiltInOptions,
): Promise<{ ending: Ending; json: boolean }> {
  const { flags, folder } = options
  const whole: Found = { name: word, description: builtIns[word].description, word: await builtInModules[word]() }
  const { found, left, wrong } = descend(whole, rest, options.help)
  const json = flags.json || left.includes('--json')
  const hint = usageLine(summaryOf(found))
  if (wrong) return { ending: { outcome: 'usage', failures: [wrong], hint }, json }
  if (options.help || asksForHelp(left)) return { ending: helpOf(found, options.color), json }
  const { run } = found.word
  if (!run) {
    const failure: Failure = {
      code: 'missing-command',
      message: `missing command: task ${found.name} <command>`,
      why: `it has ${Object.keys(found.word.commands ?? {}).join(', ')}`,
      outcome: 'usage',
    }
    return { ending: { outcome: 'usage', failures: [failure], hint }, json }
  }
  const args: Arguments = { ...found.word.args, json: flag() }
  const parsed = await parseArguments(args, left, { env: process.env, folder, workspaceFolder: folder })
  if (!parsed.ok) return { ending: { outcome: 'usage', failures: parsed.failures, hint }, json }
  const ending = await run({
    ...options,
    args: parsed.value.values,
    json: flags.json || parsed.value.values.json === true,
  })
  return { ending, json: flags.json || parsed.value.values.json === true }
}

type Found = { name: string; description: string; word: BuiltIn }

/** The word, or the one within it that the next words name. */
function descend(
  found: Found,
  rest: readonly string[],
  exactly: boolean,
): { found: Found; left: readonly string[]; wrong?: Failure } {
  const { commands, defaultCommand } = found.word
  const [next, ...others] = rest
  if (!commands) return { found, left: rest }
  const inner = (name: string) => commands[name] && within(found, name, commands[name])
  const named = next === undefined ? undefined : inner(next)
  if (named) return descend(named, others, exactly)
  if (next !== undefined && !next.startsWith('-')) {
    const near = nearest(next, Object.keys(commands))
    const wrong: Failure = {
      code: 'unknown-command',
      message: `unknown command ${found.name} ${next}`,
      ...(near === undefined ? {} : { nearest: `${found.name} ${near}` }),
      why: `it has ${Object.keys(commands).join(', ')}`,
      next: [`task help ${found.name}`],
      outcome: 'usage',
    }
    return { found, left: rest, wrong }
  }
  const preset = defaultCommand === undefined ? undefined : inner(defaultCommand)
  return preset && !exactly && !asksForHelp(rest) ? { found: preset, left: rest } : { found, left: rest }
}

const within = (outer: Found, name: string, word: BuiltIn & { description: string }): Found => ({
  name: `${outer.name} ${name}`,
  description: word.description,
  word,
})

/** `--help` or `-h` behind a word, before `--`. */
function asksForHelp(words: readonly string[]): boolean {
  const end = words.indexOf('--')
  return (end < 0 ? words : words.slice(0, end)).some((word) => word === '--help' || word === '-h')
}

function helpOf(found: Found, color: boolean): Ending {
  const summary = summaryOf(found)
  return { outcome: 'done', text: taskHelp(summary, color), json: { help: summary } }
}

/** A word as its help and its usage line show it, which are those of a task. */
function summaryOf({ name, description, word }: Found): TaskSummary {
  const text = `${description[0]?.toUpperCase()}${description.slice(1)}.`
  return {
    name,
    description: word.details === undefined ? text : `${text}\n\n${word.details.trim()}`,
    aliases: [],
    hidden: false,
    arguments: summarizeArguments({ ...word.args, ...(word.commands ? {} : { json: jsonFlag }) }),
    needs: [],
    commands: Object.entries(word.commands ?? {}).map(([inner, command]) =>
      summaryOf({ name: `${name} ${inner}`, description: command.description, word: command }),
    ),
    ...(word.defaultCommand === undefined ? {} : { defaultCommand: word.defaultCommand }),
  }
}

const jsonFlag = flag().describe('print the result as JSON')
