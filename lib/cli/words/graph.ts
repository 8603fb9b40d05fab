import { paint } from '../../log/paint.ts'
import type { Failure } from '../../model/failure.ts'
import { choice, text } from '../../task/arguments.ts'
import { withDefaultCommand } from '../../task/graph.ts'
import type { LoadedTasks } from '../../task/table.ts'
import { type NamedTask, type TaskGraph, taskGraph, wholeGraph } from '../../task/task-graph/model.ts'
import { builtIn } from '../built-in.ts'
import { resolveHelp } from '../resolve.ts'

/** `task graph [task…]`: what needs what, as a tree, or for a program that draws it. */
export const graph = builtIn({
  details:
    'Without names: all tasks that are listed. What a task calls by run(other) is not known before it runs, and is not shown.',
  args: {
    tasks: text().positional().repeated().describe('only these and what they need; "services up" for a command'),
    format: choice(['tree', 'mermaid', 'dot', 'svg', 'json']).default('tree').alias('F').describe('what is printed'),
  },
  async run({ args, tasks, color, json }) {
    if (!tasks.ok) return { outcome: 'unchanged', failures: tasks.failures }
    const asked = findAll(tasks.value, args.tasks)
    if (asked.failures.length > 0) return { outcome: 'usage', failures: asked.failures }
    const drawn = args.tasks.length === 0 ? wholeGraph(tasks.value) : taskGraph(tasks.value, asked.found)
    if (json) return { outcome: 'done', json: { graph: drawn } }
    return { outcome: 'done', text: await textOf(drawn, args.format, color) }
  },
})

async function textOf(drawn: TaskGraph, format: string, color: boolean): Promise<string> {
  switch (format) {
    case 'svg':
      return (await import('../../task/task-graph/svg.ts')).svgText(drawn)
    case 'mermaid':
      return (await import('../../task/task-graph/diagrams.ts')).mermaidText(drawn)
    case 'dot':
      return (await import('../../task/task-graph/diagrams.ts')).dotText(drawn)
    case 'json':
      return `${JSON.stringify(drawn, undefined, 2)}\n`
    default:
      return (await import('../../task/task-graph/tree.ts')).treeText(drawn, (part, style) => paint(part, style, color))
  }
}

function findAll(table: LoadedTasks, names: readonly string[]): { found: NamedTask[]; failures: Failure[] } {
  const found: NamedTask[] = []
  const failures: Failure[] = []
  for (const name of names) {
    const resolved = resolveHelp(table, name.split(' '))
    if (!resolved.ok) {
      failures.push(...resolved.failures)
      continue
    }
    const { task } = resolved.value
    const runnable = withDefaultCommand(task)
    const commands = Object.entries(runnable.commands)
    if (commands.length === 0) found.push({ name: table.nameOf(runnable) ?? resolved.value.name, task: runnable })
    else found.push(...commands.map(([command, inner]) => ({ name: `${resolved.value.name} ${command}`, task: inner })))
  }
  return { found, failures }
}
