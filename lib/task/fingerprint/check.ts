import { findEntries, isWhole } from '../cache/store.ts'
import { BegunInputs } from './begun.ts'
import { differences, outputReasons, type Reason } from './difference.ts'
import { changedOutputs } from './outputs.ts'
import { readFormerRecord, recordPath, type TaskRecord } from './record.ts'
import type { Fingerprint } from './request.ts'
import type { StatCache } from './stat-cache.ts'

/**
 * Whether a task has to run. `up-to-date`: nothing to do. `restorable`: its outputs are in the cache; `entry` is the run that has made them.
 * `reasons` say why it is not up to date.
 */
export type Verdict =
  | { state: 'up-to-date'; record: TaskRecord }
  | { state: 'restorable'; entry: TaskRecord; reasons: readonly Reason[] }
  | { state: 'run'; reasons: readonly Reason[] }

/** How a task is looked at. */
export type CheckOptions = {
  cache: StatCache
  /** Its last good run, as `readRecord` has it. */
  record: TaskRecord | undefined
  /** A digest of what a needed task has returned; undefined when there is none (it could not be kept, or the task has not run). */
  resultOf(need: string): string | undefined
  /** Somebody uses what the task returns, so that a run whose result could not be kept does not count. */
  wantsResult: boolean
}

/** Whether a task is up to date. Reads; changes nothing. Throws what the system says of files that cannot be read. */
export function check(print: Fingerprint, options: CheckOptions): Verdict {
  const { request } = print
  const { record } = options
  if (record && holds(print, record, options)) return { state: 'up-to-date', record }
  const entry = request.outputs === undefined ? undefined : findRestorable(print, options)
  return {
    ...(entry ? { state: 'restorable', entry } : { state: 'run' }),
    // To name what changed takes longer than to see that something did, and mostly nobody asks.
    get reasons() {
      return record
        ? recordReasons(print, record, options)
        : withoutRecord(print, recordPath(request.workspace, request.id))
    },
  }
}

const holds = (print: Fingerprint, record: TaskRecord, options: CheckOptions): boolean =>
  !(print.inputs instanceof BegunInputs && print.inputs.differFrom(record.parts.inputs)) &&
  print.key === record.key &&
  resultReasons(record, options).length === 0 &&
  changedOutputs(record.outputs, print.request.folder, options.cache).length === 0

function recordReasons(print: Fingerprint, record: TaskRecord, options: CheckOptions): Reason[] {
  const reasons = [...differences(print, record), ...resultReasons(record, options)]
  if (reasons.length > 0) return reasons
  const changes = changedOutputs(record.outputs, print.request.folder, options.cache)
  return outputReasons(changes.map(({ output, what }) => ({ path: output.path, what })))
}

function resultReasons(record: TaskRecord, { resultOf, wantsResult }: CheckOptions): Reason[] {
  const reasons: Reason[] = []
  for (const [name, digest] of Object.entries(record.consumed)) {
    const now = resultOf(name)
    if (now === digest && digest !== '') continue
    const text =
      now === undefined || digest === '' ? `what ${name} returns cannot be compared` : `what ${name} returns changed`
    reasons.push({ kind: 'need', name, text })
  }
  if (wantsResult && record.resultDigest === undefined) {
    reasons.push({ kind: 'result', text: 'what it returned could not be kept, and is asked for' })
  }
  return reasons
}

function withoutRecord(print: Fingerprint, path: string): Reason[] {
  const former = readFormerRecord(path)
  if (former === undefined) return [{ kind: 'first-run', text: 'it has not come to a good end yet' }]
  return [{ kind: 'not-finished', text: 'its last run did not come to a good end' }, ...differences(print, former)]
}

/** The newest run of this very fingerprint whose outputs can be brought back. */
function findRestorable(print: Fingerprint, options: CheckOptions): TaskRecord | undefined {
  const { workspace, folder } = print.request
  return findEntries(workspace, print.key).find((entry) => {
    if (resultReasons(entry, options).length > 0 || !isWhole(workspace, entry)) return false
    // What others have put there cannot be brought back.
    const foreign = entry.outputs.filter(({ produced }) => !produced)
    return changedOutputs(foreign, folder, options.cache).length === 0
  })
}
