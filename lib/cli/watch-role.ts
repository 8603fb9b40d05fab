import { writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Failure } from '../model/failure.ts'
import type { TaskRequest } from '../task/graph.ts'
import type { Invocation } from '../task/invocation.ts'
import { TaskRun } from '../task/run.ts'
import type { LoadedTasks } from '../task/table.ts'
import { unitGroups, watchUnits } from '../task/watch/plan.ts'
import type { WatchRole } from '../task/watch/role.ts'
import type { GlobalFlags } from './global-flags.ts'
import type { Ending } from './report.ts'

/** What a process that a watching one has started does: it answers at once, or runs these tasks. */
export type Played = { ending: Ending } | { requests: TaskRequest[]; beside: readonly string[] }

/** What was asked for. */
type Asked = { requests: readonly TaskRequest[]; table: LoadedTasks; invocation: Invocation; flags: GlobalFlags }

/** Plays the role that the watching process has given: writes what is to be watched, or chooses the unit that runs here. */
export async function playRole(role: WatchRole, { requests, table, invocation, flags }: Asked): Promise<Played> {
  const { signal } = new AbortController()
  const collected = await new TaskRun({ table, invocation, signal, emit: () => {}, only: flags.only }).graph(requests)
  if (!collected.ok) {
    return { ending: { outcome: collected.failures[0].outcome ?? 'unchanged', failures: collected.failures } }
  }
  const { nodes, roots, label } = collected.value
  const units = watchUnits(nodes, roots, { folder: dirname(table.file), label })
  if (role.kind === 'run') {
    const group = unitGroups(nodes, roots)[role.unit]
    if (!group) return { ending: { outcome: 'unchanged', failures: [changed] } }
    return {
      requests: group.map(({ name, task, values }) => ({ name, task, values })),
      beside: units.map((unit) => unit.label),
    }
  }
  const idle = units.every(({ inputs, persistent }) => inputs.length === 0 && !persistent)
  writeFileSync(role.file, JSON.stringify(idle ? {} : { units }))
  return { ending: idle ? { outcome: 'unchanged', failures: [nothingToWatch(requests)] } : { outcome: 'done' } }
}

const changed: Failure = {
  code: 'taskfile-changed',
  message: 'the Taskfile has changed since it was read for watching; it is read again',
  outcome: 'unchanged',
}

function nothingToWatch(requests: readonly TaskRequest[]): Failure {
  const names = requests.map(({ name }) => name).join(', ')
  return {
    code: 'nothing-to-watch',
    message: `there is nothing to watch for ${names}: neither it nor what it needs says which files it reads`,
    why: 'a change of its inputs is what runs a task again, and it has none',
    next: [`add inputs: ['src/**'] to the definition of ${requests[0]?.name ?? 'the task'}`],
    outcome: 'unchanged',
  }
}
