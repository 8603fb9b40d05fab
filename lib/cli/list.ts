import { paint } from '../log/paint.ts'
import type { Failure } from '../model/failure.ts'
import { nearest } from '../model/nearest.ts'
import type { TaskSummary } from '../task/summary.ts'

/**
 * The tasks that `task --list WORD…` shows: those with every word in the name, an alias, the group or the description, upper and lower
 * case alike. All without words.
 */
export function matchingTasks(tasks: readonly TaskSummary[], words: readonly string[]): readonly TaskSummary[] {
  const wanted = words.map((word) => word.toLowerCase())
  return tasks.filter(({ name, aliases, group = '', description = '' }) => {
    const text = [name, ...aliases, group, description].join('\n').toLowerCase()
    return wanted.every((word) => text.includes(word))
  })
}

/** The failure of words that no task matches. */
export function noMatch(tasks: readonly TaskSummary[], words: readonly string[]): Failure {
  const shown = tasks.filter(({ hidden }) => !hidden)
  const near = nearest(words[0] ?? '', [...shown.map(({ name }) => name), ...shown.flatMap(({ group }) => group ?? [])])
  return {
    code: 'no-match',
    message: `no task has ${words.join(' and ')} in its name, group or description`,
    ...(near === undefined ? {} : { nearest: near }),
    next: ['task --list'],
    outcome: 'usage',
  }
}

/** The tasks as `task --list` shows them: those without a group first, then the groups by name. Hidden ones are left out. */
export function listText(tasks: readonly TaskSummary[], file: string, color: boolean): string {
  const shown = tasks.filter(({ hidden }) => !hidden)
  if (shown.length === 0) return `${file} has no tasks yet: export one that is made by task({ … })\n`
  // Not Math.max(...): there may be more tasks than a call takes arguments.
  const width = shown.reduce((most, { name }) => Math.max(most, name.length), 0)
  const groups = new Map<string, TaskSummary[]>()
  for (const task of shown) {
    const group = groups.get(task.group ?? '')
    if (group) group.push(task)
    else groups.set(task.group ?? '', [task])
  }
  const names = [...groups.keys()].sort()
  return names
    .map((name, index) => {
      const heading = name === '' ? '' : `${index === 0 ? '' : '\n'}${paint(`${name}:`, 'bold', color)}\n`
      const lines = (groups.get(name) ?? []).map((task) => line(task, width, color))
      return heading + lines.join('')
    })
    .join('')
}

function line(
  { name, description, deprecated, commands, isDefault }: TaskSummary,
  width: number,
  color: boolean,
): string {
  const inner =
    commands.length === 0 ? '' : ` (${commands.map((command) => command.name.slice(name.length + 1)).join(', ')})`
  const old = deprecated === undefined ? '' : ` (deprecated: ${deprecated})`
  const notes = `${inner}${isDefault && name !== 'default' ? ' (default)' : ''}${old}`
  const text = `${firstLine(description)}${paint(notes, 'dim', color && notes !== '')}`.trim()
  const padding = ' '.repeat(width - name.length)
  return text === '' ? `  ${paint(name, 'cyan', color)}\n` : `  ${paint(name, 'cyan', color)}${padding}  ${text}\n`
}

/** The first line of a description. */
export const firstLine = (description: string | undefined): string => description?.trim().split('\n')[0] ?? ''
