import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { placeText } from '../../log/failure-text.ts'
import type { Failure, Place } from '../../model/failure.ts'
import { text } from '../../task/arguments.ts'
import type { LoadedTasks } from '../../task/table.ts'
import { builtIn } from '../built-in.ts'
import { builtIns, isBuiltIn } from '../builtins.ts'
import { resolveHelp } from '../resolve.ts'

/** Where one name leads. */
type Located = {
  /** The task's full name, whatever spelling or alias was asked for. */
  name: string
  /** Absent for a word of `task` itself. */
  place?: Place
  /** The package that brings it, when that is not the Taskfile's own. */
  package?: { name: string; version?: string }
  builtIn?: true
}

/** `task which <task>`: file, line and column of its definition, which editors and terminals make a link of. */
export const which = builtIn({
  details: 'Prints file:line:column of each; for a task that a package brings, the package, too.',
  args: {
    names: text().positional().repeated({ atLeast: 1 }).describe('tasks; for a command within one: "services up"'),
  },
  async run({ args, tasks, folder }) {
    if (!tasks.ok) return { outcome: 'unchanged', failures: tasks.failures }
    const found: Located[] = []
    const failures: Failure[] = []
    for (const name of args.names) {
      const located = locate(tasks.value, name)
      if ('code' in located) failures.push(located)
      else found.push(located)
    }
    return {
      outcome: failures.length > 0 ? 'usage' : 'done',
      text: found.map((one) => `${lineOf(one, folder)}\n`).join(''),
      json: { tasks: found },
      failures,
    }
  },
})

function locate(table: LoadedTasks, wanted: string): Located | Failure {
  const resolved = resolveHelp(table, wanted.split(' '))
  if (!resolved.ok) return isBuiltIn(wanted) ? { name: wanted, builtIn: true } : resolved.failures[0]
  const { name, task } = resolved.value
  const { place } = task
  if (!place) return { name }
  const own = packageOf(table.file)
  const other = packageOf(place.file)
  const isForeign = other !== undefined && other.root !== own?.root
  return { name, place, ...(isForeign ? { package: other.shown } : {}) }
}

function lineOf({ name, place, package: from, builtIn: own }: Located, folder: string): string {
  if (own) return `${name}: a word of task itself: ${builtIns[name as keyof typeof builtIns].description}`
  if (!place) return `${name}: it is not known where this was defined`
  const brought = from ? `  (${[from.name, from.version].filter(Boolean).join(' ')})` : ''
  return `${placeText(place, folder)}${brought}`
}

/** The package that a file is part of: the nearest package.json above it that has a name. */
function packageOf(file: string): { root: string; shown: NonNullable<Located['package']> } | undefined {
  for (let root = dirname(file); ; root = dirname(root)) {
    const manifest = join(root, 'package.json')
    if (existsSync(manifest)) {
      const { name, version } = JSON.parse(readFileSync(manifest, 'utf8'))
      if (typeof name === 'string') return { root, shown: { name, ...(version === undefined ? {} : { version }) } }
    }
    if (dirname(root) === root) return undefined
  }
}
