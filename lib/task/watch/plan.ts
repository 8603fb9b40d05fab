import { dotenvPaths } from '../environment.ts'
import { literalPattern } from '../fingerprint/pattern.ts'
import type { TaskNode } from '../graph.ts'
import { isPersistent } from '../services.ts'
import type { FileSet } from './inputs.ts'

/** What runs and is restarted as one: what was asked for, or a persistent task, each with what they need themselves. */
export type WatchUnit = {
  label: string
  persistent: boolean
  /** Labels of its tasks. */
  tasks: string[]
  inputs: FileSet[]
  /** What its tasks write is no reason to run them. */
  outputs: FileSet[]
}

/**
 * What runs together: all that was asked for, but for persistent tasks; each of these, asked for or needed, runs by itself. `nodes` has needs before
 * those that need them.
 */
export function unitGroups(nodes: readonly TaskNode[], roots: readonly TaskNode[]): TaskNode[][] {
  const together = roots.filter((root) => !isPersistent(root))
  const alone = nodes.filter(isPersistent).map((node) => [node])
  return together.length === 0 ? alone : [...alone, together]
}

/** The units of a graph. `folder` is that of the Taskfile. */
export function watchUnits(
  nodes: readonly TaskNode[],
  roots: readonly TaskNode[],
  options: { folder: string; label(node: TaskNode): string },
): WatchUnit[] {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  return unitGroups(nodes, roots).map((group) => {
    const members = membersOf(group, byId)
    const setsOf = (which: 'inputs' | 'outputs'): FileSet[] =>
      members.flatMap(({ task, skip }) => {
        const patterns = (task.definition[which] ?? []) as readonly string[]
        if (patterns.length === 0 || skip !== undefined) return []
        return [{ folder: task.folder ?? options.folder, patterns }]
      })
    const dotenvs = members.flatMap(({ task, skip }) => {
      const folder = task.folder ?? options.folder
      const paths = skip === undefined ? dotenvPaths(task, folder) : []
      return paths.length === 0 ? [] : [{ folder, patterns: paths.map(literalPattern) }]
    })
    return {
      label: group.map(options.label).join(', '),
      persistent: group.some(isPersistent),
      tasks: members.map(options.label),
      inputs: [...setsOf('inputs'), ...dotenvs],
      outputs: setsOf('outputs'),
    }
  })
}

/** Nodes with all that they need, but for persistent ones, which are units of their own. */
function membersOf(group: readonly TaskNode[], byId: ReadonlyMap<string, TaskNode>): TaskNode[] {
  const members = new Set(group)
  for (const node of members) {
    for (const id of Object.values(node.needs)) {
      const need = byId.get(id)
      if (need && !isPersistent(need)) members.add(need)
    }
  }
  return [...members].reverse()
}
