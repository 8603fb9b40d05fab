import type { Task } from '../definition.ts'
import type { TaskNode } from '../graph.ts'
import { isPersistent, mayBeUpToDate } from '../services.ts'
import type { LoadedTasks } from '../table.ts'
import { check } from './check.ts'
import type { Reason } from './difference.ts'
import { readRecord, recordPath, type TaskRecord } from './record.ts'
import { findFor, takeFingerprint } from './request.ts'
import { Requests, type Surroundings } from './requests.ts'

/**
 * What would become of a task. `restorable`: its outputs would come from the cache. `may-run`: that depends on what a task gives that runs first.
 * `always`: it has no fingerprint.
 */
export type TaskStatus = {
  state: 'up-to-date' | 'restorable' | 'runs' | 'may-run' | 'always'
  reasons: readonly Reason[]
  /** When it last came to a good end, in milliseconds since the epoch, and how long it took. */
  endedAt?: number
  durationMs?: number
}

/** Where tasks work, and with which variables. */
export type Places = {
  base(task: Task): string
  environment(task: Task): Surroundings['env'] | Promise<Surroundings['env']>
}

/**
 * Tells of nodes (in an order in which each comes after its needs) what would become of them, by id. Reads; runs nothing and changes nothing.
 * Throws as `takeFingerprint` does.
 */
export async function explainAll(
  nodes: readonly TaskNode[],
  table: LoadedTasks,
  places: Places,
): Promise<Map<string, TaskStatus>> {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const requests = new Requests(table, (id) => byId.get(id))
  const wanted = new Set(nodes.flatMap(({ needs }) => Object.values(needs)))
  const statuses = new Map<string, TaskStatus>()
  const known: Known = {
    unknown: new Set(),
    results: new Map(),
    wantsResult: ({ id, task }) => wanted.has(id) || task.definition.render !== undefined,
  }
  for (const node of nodes) {
    // What is skipped gives nothing.
    if (node.skip !== undefined) continue
    const around = { folder: places.base(node.task), env: await places.environment(node.task) }
    statuses.set(node.id, await explainOne(node, requests, around, known))
  }
  return statuses
}

type Known = {
  /** What they would give is not known before they have run. */
  unknown: Set<string>
  /** Digests of what those return that are up to date. */
  results: Map<string, string | undefined>
  wantsResult(node: TaskNode): boolean
}

async function explainOne(node: TaskNode, requests: Requests, around: Surroundings, known: Known): Promise<TaskStatus> {
  const { unknown, results } = known
  const request = mayBeUpToDate(node) ? requests.of(node, around) : undefined
  const uncertain = Object.keys(node.needs).filter((name) => unknown.has(node.needs[name] as string))
  if (request === undefined) {
    if (uncertain.length > 0) unknown.add(node.id)
    return { state: 'always', reasons: [always(node)] }
  }
  // As if what runs first gave what it gave the last time.
  const record = readRecord(recordPath(request.workspace, request.id))
  const needs = { ...request.needs }
  for (const name of uncertain) needs[name] = record?.parts.needs[name] ?? ''
  const found = await findFor(request, requests.cache, record)
  const print = takeFingerprint({ ...request, needs }, requests.cache, requests.keyed, { record, ...found })
  const isKnown = (need: string): boolean => results.has(node.needs[need] as string)
  const verdict = check(print, {
    cache: requests.cache,
    record,
    resultOf: (need) => (isKnown(need) ? results.get(node.needs[need] as string) : record?.consumed[need]),
    wantsResult: known.wantsResult(node),
  })
  const looked = Object.keys(record?.consumed ?? {}).filter((need) => !isKnown(need))
  const open = [...new Set([...uncertain, ...looked])].sort()
  const last = record ? { endedAt: record.endedAt, durationMs: record.durationMs } : {}
  if (verdict.state === 'up-to-date' && open.length > 0) {
    unknown.add(node.id)
    return { state: 'may-run', reasons: open.map(firstNeed), ...last }
  }
  const good =
    verdict.state === 'up-to-date' ? verdict.record : verdict.state === 'restorable' ? verdict.entry : undefined
  if (good === undefined || open.length > 0 || verdict.state === 'run') {
    unknown.add(node.id)
    return {
      state: 'runs',
      // Who only asks whether all is up to date does not need them.
      get reasons() {
        return verdict.state === 'up-to-date' ? [] : verdict.reasons
      },
      ...last,
    }
  }
  noteKnown(node, good, requests, results)
  if (verdict.state === 'up-to-date') return { state: 'up-to-date', reasons: [], ...last }
  return { state: 'restorable', reasons: verdict.reasons, ...last }
}

function noteKnown(node: TaskNode, good: TaskRecord, requests: Requests, results: Known['results']): void {
  requests.ended(node, good)
  results.set(node.id, good.resultDigest)
}

const always = (node: TaskNode): Reason => ({
  kind: 'no-fingerprint',
  text: mayBeUpToDate(node)
    ? 'it was made while tasks ran, so nothing is kept of it'
    : isPersistent(node)
      ? 'it is a service'
      : 'it has neither inputs nor outputs',
})

const firstNeed = (name: string): Reason => ({
  kind: 'need',
  name,
  text: `${name} runs first, and what it gives counts`,
})
