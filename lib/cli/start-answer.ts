import { dirname, relative } from 'node:path'
import { kebabCase } from '../task/arguments.ts'
import { findTaskfile, namedTaskfile, otherCopy, packageVersion } from '../task/find.ts'
import { currentListing, type Listing } from '../task/listing.ts'
import type { TaskSummary } from '../task/summary.ts'
import { canPick } from './can-pick.ts'
import { completeWords, completionText } from './completion/complete.ts'
import { generalHelp, taskHelp } from './help.ts'
import { listText, matchingTasks } from './list.ts'
import { isTerminal, writeAll } from './standard-streams.ts'
import type { StartWords } from './start-words.ts'
import { hasColor } from './terminal.ts'

/** Prints the answer, where there is one; whether there was. What goes wrong here is for the command itself to tell. */
export function printAnswer(asked: StartWords): boolean {
  let answer: string | undefined
  try {
    answer = startAnswer(asked)
  } catch {
    return false
  }
  if (answer !== undefined) writeAll(1, answer)
  return answer !== undefined
}

/** What a command that only asks prints on stdout, in the very form that the command itself would; undefined when it has to answer. */
function startAnswer(asked: StartWords): string | undefined {
  const { ask, words, json } = asked
  if (ask === 'version') {
    const version = packageVersion()
    return json ? jsonText({ version }) : `vital-ops ${version}\n`
  }
  // Who says nothing on a terminal gets the picker.
  if (asked.bare && canPick()) return undefined
  if (ask === 'help' && words.length === 0) return json ? undefined : generalHelp(colorOf(asked))
  const found = listingOf(asked)
  if (found === undefined) return undefined
  const { file, listing } = found
  if (ask === 'complete') {
    const completion = completeWords(words, listing)
    return completion.candidatesOf === undefined ? completionText(completion) : undefined
  }
  if (ask === 'help') return helpText(listing, asked)
  if (asked.mayRun && listing.tasks.some(({ isDefault }) => isDefault)) return undefined
  const tasks = matchingTasks(listing.tasks, words)
  // That nothing matches is for the command to say.
  if (words.length > 0 && tasks.every(({ hidden }) => hidden)) return undefined
  if (json) return jsonText({ taskfile: file, tasks: tasks.filter(({ hidden }) => !hidden) })
  return listText(tasks, relative(process.cwd(), file) || file, colorOf(asked))
}

/** The Taskfile that is meant, and its listing, where that holds and this copy of the package is the one to answer. */
function listingOf({ workspace, taskfile }: StartWords): { file: string; listing: Listing } | undefined {
  const named = taskfile ?? workspace
  const found = named === undefined ? findTaskfile(process.cwd()) : namedTaskfile(named)
  if (!found.ok || otherCopy(dirname(found.value)) !== undefined) return undefined
  const listing = currentListing(found.value)
  return listing === undefined || listing.outside !== undefined ? undefined : { file: found.value, listing }
}

function helpText({ tasks, spellings }: Listing, asked: StartWords): string | undefined {
  const [first = '', ...rest] = asked.words
  const at = spellings.findIndex((names) => names.includes(first))
  let summary: TaskSummary | undefined = tasks[at]
  for (const word of rest) {
    if (summary === undefined) return undefined
    const { name, commands } = summary
    // The words of a command line whose help is asked for go on with arguments.
    if (commands.length === 0) break
    summary = commands.find((command) => command.name === `${name} ${kebabCase(word)}`)
  }
  if (summary === undefined) return undefined
  // Of a task alone, the command does not say in which group it is.
  const { group: _, ...help } = summary
  return asked.json ? jsonText({ help }) : taskHelp(summary, colorOf(asked))
}

const colorOf = ({ color }: StartWords): boolean => hasColor({ isTTY: isTerminal(1) }, color, process.env)

const jsonText = (members: object): string => `${JSON.stringify({ outcome: 'done', exitCode: 0, ...members })}\n`
