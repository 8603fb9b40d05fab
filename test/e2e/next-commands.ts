/** Every command that a run tells a person to type is one: its words are those of a task or of `task` itself, and its arguments can be read. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { BuiltIn } from '../../lib/cli/built-in.ts'
import { builtInModules } from '../../lib/cli/built-in-modules.ts'
import { isBuiltIn } from '../../lib/cli/builtins.ts'
import { globalArguments, splitCommandLine } from '../../lib/cli/global-flags.ts'
import { resolveWords } from '../../lib/cli/resolve.ts'
import { failuresText } from '../../lib/log/failure-text.ts'
import type { Result } from '../../lib/model/failure.ts'
import { flag } from '../../lib/task/arguments.ts'
import { loadTaskfile } from '../../lib/task/load.ts'
import { type ParseContext, parseArguments } from '../../lib/task/parse.ts'
import type { LoadedTasks } from '../../lib/task/table.ts'
import { type Ended, repository } from '../support/index.ts'

const program = String.raw`(?:npx )?(?:[^\s']*/)?task`
const beginning = new RegExp(`^${program} `)

/** What stands behind `next:` and `mend:`, on that line and on those below it that are further in; and the same of JSON. */
export function nextTexts({ stdout, stderr }: Pick<Ended, 'stdout' | 'stderr'>): string[] {
  const texts: string[] = []
  for (const stream of [stdout, stderr]) {
    let within: number | undefined
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with it
    for (const line of stream.replace(/\u001B\[[\d;]*m/g, '').split('\n')) {
      const [, indent = '', word, rest = ''] = /^(\s*)(next:|mend:)?\s*(.*)$/.exec(line) ?? []
      if (word !== undefined) within = indent.length
      else if (within === undefined || indent.length <= within || rest === '') {
        within = undefined
        continue
      }
      if (rest !== '') texts.push(rest)
    }
  }
  try {
    collect(JSON.parse(stdout), texts)
  } catch {
    // Not the output of --json.
  }
  return texts
}

function collect(value: unknown, texts: string[]): void {
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) {
    if (key === 'mend' && typeof inner === 'string') texts.push(inner)
    else if (key === 'next' && Array.isArray(inner)) texts.push(...inner.filter((one) => typeof one === 'string'))
    else collect(inner, texts)
  }
}

/** The commands of `task` in such texts, without their comments. What has a placeholder (`<name>`) is none. */
export const commandsIn = (texts: readonly string[]): string[] =>
  texts
    .flatMap((text) => text.split(new RegExp(`, or (?=${program} )`)))
    .filter((text) => beginning.test(text))
    .map((text) => text.replace(/\s+#.*$/, '').trim())
    .filter((text) => !/<[^>]+>/.test(text))

const tables = new Map<string, Promise<Result<LoadedTasks>>>()
let checked = 0

/** How many commands were checked so far. */
export const checkedCommands = (): number => checked

/**
 * Throws, with the text, when a run tells to type what cannot be read, or what is about another environment or platform than it was itself.
 * @param args what was run
 */
export async function checkNext(folder: string, args: readonly string[], ended: Ended): Promise<Ended> {
  for (const command of commandsIn(nextTexts(ended))) {
    const wrong = (await mistakeIn(command, folder)) ?? strayed(command, args)
    if (wrong !== undefined) throw new Error(`task ${args.join(' ')} says to type: ${command}\n${wrong}`)
    checked += 1
  }
  return ended
}

/** Why a command line cannot be read; undefined when it can. */
export async function mistakeIn(command: string, folder: string): Promise<string | undefined> {
  const { head, words } = splitCommandLine(command.replace(beginning, '').split(/ +/))
  const context = { env: {}, folder, workspaceFolder: folder }
  const flags = await parseArguments(globalArguments(), head, context)
  const read = flags.ok && words.length > 0 && words[0] !== 'help' ? await reading(words, folder, context) : flags
  return read.ok ? undefined : failuresText(read.failures)
}

async function reading(words: readonly string[], folder: string, context: ParseContext): Promise<Result<unknown>> {
  const [word, ...rest] = words
  const table = await tableOf(folder)
  if (isBuiltIn(word) && !(table.ok && table.value.entry(word))) {
    let found: BuiltIn = await builtInModules[word]()
    let left: readonly string[] = rest
    for (let inner = found.commands?.[left[0] ?? '']; inner; inner = found.commands?.[left[0] ?? '']) {
      found = inner
      left = left.slice(1)
    }
    const preset = found.defaultCommand === undefined ? undefined : found.commands?.[found.defaultCommand]
    return parseArguments({ ...(preset ?? found).args, json: flag() }, left, context)
  }
  if (!table.ok) return table
  const resolved = resolveWords(table.value, words)
  if (!resolved.ok) return resolved
  return parseArguments(resolved.value.task.definition.args ?? {}, resolved.value.rest, context)
}

/** The tasks of a folder as they were when it was first asked for; where it has none, those of this repository. */
function tableOf(folder: string): Promise<Result<LoadedTasks>> {
  const own = join(folder, 'Taskfile.ts')
  const file = existsSync(own) ? own : join(repository, 'Taskfile.ts')
  const known = tables.get(file) ?? loadTaskfile(file)
  tables.set(file, known)
  return known
}

const aboutOne = /^(setup|health-check|deploy|rollback|releases|resume|abort|migrate|services)( |$)/

/** Whether an operation of `production` says to do something about `dev`, or a rehearsal something about the real one. */
function strayed(command: string, args: readonly string[]): string | undefined {
  const words = command.replace(beginning, '')
  if (!aboutOne.test(words) || !aboutOne.test(args.join(' '))) return undefined
  const lacking = ['production', 'staging', '--platform'].find(
    (word) => args.includes(word) && !words.split(' ').includes(word),
  )
  return lacking === undefined ? undefined : `it was about ${lacking}`
}
