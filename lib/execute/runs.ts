import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Failure, FailureError } from '../model/failure.ts'
import type { OpId } from '../model/op.ts'
import type { Outcome } from '../model/outcome.ts'
import type { Holder } from '../model/platform.ts'
import { errorCode, fileFailure, removeTree } from '../system/files.ts'
import { openDurableAppender, readLinesTolerant } from '../system/journal-file.ts'
import { hostName } from '../system/machine.ts'
import { isAlive } from '../system/process-identity.ts'
import {
  isRunId,
  journalPath,
  parseEntries,
  type RunHeader,
  runsFolder,
  type Settlement,
  type StampedEntry,
} from './run-record.ts'

/** How far an op got, by its run's journal. `begun`: its end is not in the journal, its effect may be there or not. */
export type OpRecord = {
  id: OpId
  plan: number
  kind?: string
  changes?: boolean
  state: 'begun' | 'done' | 'not-done'
}

/**
 * A run as its journal has it. `running`: its process lives. `dead`: it ended without saying so. `elsewhere`: it is another
 * machine's, and nobody can tell from here.
 */
export type Run = {
  run: string
  state: 'ended' | 'running' | 'dead' | 'elsewhere'
  header?: RunHeader
  /** ISO 8601 */
  started?: string
  outcome?: Outcome
  durationMs?: number
  /** Set when another run dealt with what this one left. */
  settled?: Settlement
  /** Every op of the plans it fixed, in the plans' order. */
  ops: OpRecord[]
  /** The releases it opened and did not close. */
  openReleases: number[]
  /** The services that it could not bring up and left to `task resume`; only of a run that was done in part. */
  left?: string[]
  /** The release that its last plan makes current (a rollback). */
  target?: number
  entries: StampedEntry[]
  /** Why the journal could not be read, or not all of it. */
  damage?: Failure
}

/** Reads a run's journal; undefined if there is none. A damaged journal is reported by `damage`, not thrown. */
export async function readRun(ops: string, run: string): Promise<Run | undefined> {
  // What a person typed: it must not lead out of the runs' folder.
  if (!isRunId(run)) return undefined
  const empty: Run = { run, state: 'dead', ops: [], openReleases: [], entries: [] }
  let values: unknown[]
  try {
    const lines = await readLinesTolerant(journalPath(ops, run))
    if (!lines) return undefined
    values = lines.values
  } catch (error) {
    if (error instanceof FailureError) return { ...empty, damage: error.failures[0] as Failure }
    throw error
  }
  const { entries, foreign } = parseEntries(values)
  const header = entries.find((entry) => entry.type === 'run-header')
  const end = entries.findLast((entry) => entry.type === 'run-ended')
  const settled = entries.findLast((entry) => entry.type === 'run-settled')
  return {
    ...empty,
    state: end ? 'ended' : header ? await stateOf(header) : 'dead',
    ...(header ? { header, started: header.at } : {}),
    ...(end ? { outcome: end.outcome, durationMs: end.durationMs } : {}),
    ...(settled ? { settled } : {}),
    ops: opsOf(entries),
    openReleases: openReleases(entries),
    ...targetOf(entries),
    ...leftOf(entries),
    entries,
    ...(foreign > 0 ? { damage: foreignEntries(ops, run, foreign) } : {}),
  }
}

async function stateOf({ host, process }: RunHeader): Promise<Run['state']> {
  if (host !== hostName()) return 'elsewhere'
  return (await isAlive(process)) ? 'running' : 'dead'
}

const foreignEntries = (ops: string, run: string, count: number): Failure => ({
  code: 'journal-damaged',
  message: `${count} ${count === 1 ? 'line' : 'lines'} of the journal of run ${run} are not of this product`,
  place: { file: journalPath(ops, run) },
})

function opsOf(entries: readonly StampedEntry[]): OpRecord[] {
  const records = new Map<string, OpRecord>()
  for (const entry of entries) {
    if (entry.type === 'plan-fixed') {
      for (const id of entry.ops) records.set(`${entry.plan}/${id}`, { id, plan: entry.plan, state: 'not-done' })
    } else if (entry.type === 'op-started') {
      const { id, kind, changes } = entry.op
      records.set(`${entry.plan}/${id}`, { id, plan: entry.plan, kind, changes, state: 'begun' })
    } else if (entry.type === 'op-ended') {
      const record = records.get(`${entry.plan}/${entry.op}`)
      if (record) record.state = ['done', 'present', 'warned'].includes(entry.end) ? 'done' : 'not-done'
    }
  }
  return [...records.values()]
}

function targetOf(entries: readonly StampedEntry[]): { target?: number } {
  const fixed = entries.findLast((entry) => entry.type === 'plan-fixed')
  return fixed?.target === undefined ? {} : { target: fixed.target }
}

function leftOf(entries: readonly StampedEntry[]): { left?: string[] } {
  const said = entries.findLast((entry) => entry.type === 'services-left')
  return said ? { left: said.services } : {}
}

function openReleases(entries: readonly StampedEntry[]): number[] {
  const open = new Set<number>()
  for (const entry of entries) {
    if (entry.type === 'release-opened') open.add(entry.release)
    if (entry.type === 'release-closed') open.delete(entry.release)
  }
  return [...open]
}

/** The ids of all runs that have a folder, oldest first. */
export async function runIds(ops: string): Promise<string[]> {
  try {
    return (await readdir(runsFolder(ops))).filter(isRunId).sort()
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw new FailureError(fileFailure(error, 'read', runsFolder(ops)))
  }
}

/** The newest runs, newest first; of one environment where that is given. */
export async function listRuns(ops: string, options: { limit?: number; environment?: string } = {}): Promise<Run[]> {
  const { limit = Number.POSITIVE_INFINITY, environment } = options
  const runs: Run[] = []
  for (const id of (await runIds(ops)).reverse()) {
    if (runs.length >= limit) break
    const run = await readRun(ops, id)
    if (run && (environment === undefined || run.header?.environment === environment)) runs.push(run)
  }
  return runs
}

/**
 * Whether a run left work, and nobody has dealt with it since: it opened a release and did not close it, ended by saying so, or died
 * after it had begun to act and before all was done; or a resilient one could not bring up all. A plan with a target is done when the run says so: only then is the target
 * current. One that another machine began counts when it does not hold the lock (any more).
 * @param open the releases that are pending by their records, where they are known: a run may die after it closed one
 */
export function isUnfinished(run: Run, holder: Holder | undefined, open?: ReadonlySet<number>): boolean {
  if (run.settled || run.state === 'running' || holder?.run === run.run) return false
  if (run.openReleases.some((number) => open?.has(number) ?? true) || run.outcome === 'unfinished') return true
  if (run.state === 'ended') return run.outcome === 'partial' && run.left !== undefined
  const begun = run.ops.some((op) => op.kind !== undefined)
  return run.target !== undefined || (begun && run.ops.some((op) => op.state !== 'done'))
}

/** The runs of an environment that left work, oldest first. `holder` is who holds its lock now; `open` as for `isUnfinished`. */
export async function unfinishedRuns(
  ops: string,
  environment: string,
  holder: Holder | undefined,
  open?: ReadonlySet<number>,
): Promise<Run[]> {
  const runs = await listRuns(ops, { environment })
  return runs.filter((run) => isUnfinished(run, holder, open)).reverse()
}

/**
 * Writes into a dead run's journal how it was dealt with, so that it is not reported again. Whoever calls it holds the lock. A
 * journal that is gone, or cannot be written, is passed over: then it is only reported once more.
 */
export async function settleRun(ops: string, run: Run, by: string, how: Settlement['how']): Promise<void> {
  const entry: Settlement = { type: 'run-settled', by, how }
  try {
    if (!(await readLinesTolerant(journalPath(ops, run.run)))) return
    const file = await openDurableAppender(journalPath(ops, run.run))
    const seq = (run.entries.at(-1)?.seq ?? 0) + 1
    await file.append(JSON.stringify({ seq, at: new Date().toISOString(), ...entry }))
    await file.close()
  } catch (error) {
    if (!(error instanceof FailureError)) throw error
  }
}

/** How many runs are kept. */
export const keptRuns = 200

/** Removes the oldest runs beyond `keep`, but none that goes on or is unfinished. Returns those removed. */
export async function pruneRuns(ops: string, keep: number = keptRuns): Promise<string[]> {
  const ids = await runIds(ops)
  const removed: string[] = []
  for (const id of ids.slice(0, Math.max(0, ids.length - keep))) {
    const run = await readRun(ops, id)
    if (run && (run.state === 'running' || run.state === 'elsewhere' || isUnfinished(run, undefined))) continue
    await removeTree(join(runsFolder(ops), id))
    removed.push(id)
  }
  return removed
}
