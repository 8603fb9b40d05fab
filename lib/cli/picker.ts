import type { TaskSummary } from '../task/summary.ts'
import { firstLine } from './list.ts'

/** What can be picked: the words to type, and what they do. */
type Choice = { words: readonly string[]; hint: string; sought: string }

/**
 * Lets somebody look for a task and pick it; gives its words, none when it was left. Names, aliases, groups and descriptions are searched; each
 * word that is typed must be found.
 */
export async function pickTask(tasks: readonly TaskSummary[]): Promise<readonly string[] | undefined> {
  const { autocomplete, isCancel } = await import('@clack/prompts')
  const choices = tasks.filter(({ hidden }) => !hidden).flatMap((task) => choicesOf(task))
  const picked = await autocomplete({
    message: 'Which task?',
    placeholder: 'type to search, Enter runs it, Esc leaves',
    maxItems: Math.max(5, Math.min(15, (process.stderr.rows ?? 24) - 8)),
    options: choices.map((choice) => ({
      value: choice,
      label: choice.words.join(' '),
      ...(choice.hint === '' ? {} : { hint: choice.hint }),
    })),
    filter: (search, { value }) =>
      search
        .toLowerCase()
        .split(/\s+/)
        .every((word) => value.sought.includes(word)),
    output: process.stderr,
  })
  return isCancel(picked) ? undefined : picked.words
}

/** A task, or the commands within it. */
function choicesOf(task: TaskSummary): Choice[] {
  const { name, description, group = '', aliases, commands } = task
  if (commands.length > 0) {
    return commands.flatMap((command) => choicesOf({ ...command, ...(task.group === undefined ? {} : { group }) }))
  }
  const hint = firstLine(description)
  return [{ words: name.split(' '), hint, sought: [name, hint, group, ...aliases].join(' ').toLowerCase() }]
}
