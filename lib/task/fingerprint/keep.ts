import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { noteAdded, sizeLimit } from '../cache/limit.ts'
import { keepEntry } from '../cache/store.ts'
import { BegunInputs } from './begun.ts'
import { prepareDigests } from './digest.ts'
import { changedInput, readInputs } from './files.ts'
import type { FoundStates } from './found-states.ts'
import { noInputs } from './kept-inputs.ts'
import { type Output, outputsDigest, readOutputs, stampOutputs } from './outputs.ts'
import { type TaskRecord, writeRecord } from './record.ts'
import { type Fingerprint, findFor } from './request.ts'
import type { StatCache } from './stat-cache.ts'

/** What is known before a task runs. */
export type BeforeRun = {
  print: Fingerprint
  /** Where its record goes. */
  path: string
  /** What its earlier runs have produced. */
  earlier: readonly Output[]
  stamps: ReadonlyMap<string, string>
  /** When it was noted, in milliseconds since the epoch. */
  startedAt: number
}

/** Notes what has to be known of a task's outputs before it runs. */
export function beforeRun(print: Fingerprint, path: string, earlier: readonly Output[]): BeforeRun {
  const { outputs = [], folder } = print.request
  if (print.inputs instanceof BegunInputs) print.inputs.begin(`${path}.began`)
  return { print, path, earlier, stamps: stampOutputs(outputs, folder), startedAt: Date.now() }
}

/** What a good run has left. */
export type AfterRun = {
  /** What it returned, as text and as a digest; undefined when that cannot be kept. */
  result: { text: string; digest: string } | undefined
  /** Digests of the results of other tasks that it has looked at. */
  consumed: Readonly<Record<string, string>>
}

/**
 * Keeps a good run, unless an input was written to meanwhile: `changed` names it then, and the task is not up to date. Gives a digest of the
 * outputs. Throws what the system says.
 */
export async function keepRun(
  { print, path, earlier, stamps, startedAt }: BeforeRun,
  { result, consumed }: AfterRun,
  cache: StatCache,
  env: Readonly<Record<string, string | undefined>>,
): Promise<{ record: TaskRecord; changed?: string }> {
  // Nothing of the task runs any more.
  const finding = findFor(print.request, cache)
  if (print.request.inputs !== undefined) prepareDigests()
  const { found } = await finding
  const isBegun = print.inputs instanceof BegunInputs && print.inputs.hasBegun
  const changedMeanwhile = isBegun ? (print.inputs as BegunInputs).end(found) : undefined
  const { request, key, parts, shown } = print
  const { folder, workspace } = request
  const known = new Set(earlier.filter(({ produced }) => produced).map((output) => output.path))
  const outputs =
    request.outputs === undefined ? [] : readOutputs(request.outputs, folder, cache, stamps, (one) => known.has(one))
  const record: TaskRecord = {
    key,
    name: request.name,
    parts,
    shown,
    consumed,
    endedAt: Date.now(),
    durationMs: Date.now() - startedAt,
    ...(request.outputs === undefined ? {} : { outputsDigest: outputsDigest(outputs) }),
    ...(result === undefined ? {} : { result: result.text, resultDigest: result.digest }),
    inputs: print.inputs?.packed() ?? noInputs,
    outputs,
  }
  const changed = isBegun ? changedMeanwhile : changedSince(print, outputs, cache, found)
  if (changed !== undefined) return { record, changed }
  makeIgnored(workspace)
  writeRecord(path, record)
  const limit = sizeLimit(env)
  const size = outputs.reduce((sum, output) => sum + (output.kind === 'file' && output.produced ? output.size : 0), 0)
  if (request.outputs !== undefined && size <= limit && limit > 0) {
    const added = keepEntry(workspace, folder, record)
    if (added > 0) noteAdded(workspace, added, limit)
  }
  return { record }
}

function changedSince(
  { request, inputs }: Fingerprint,
  outputs: readonly Output[],
  cache: StatCache,
  found: FoundStates | undefined,
): string | undefined {
  if (inputs === undefined || request.inputs === undefined) return undefined
  const rewritten = new Set(outputs.map(({ path }) => path))
  const after = readInputs(request.inputs, request.folder, cache, found)
  return changedInput(inputs, after, (path) => rewritten.has(path))
}

/** `.ops` is never committed, also where no `.gitignore` names it. */
function makeIgnored(workspace: string): void {
  const ignore = join(workspace, '.ops', '.gitignore')
  if (existsSync(ignore)) return
  mkdirSync(join(workspace, '.ops'), { recursive: true })
  writeFileSync(ignore, '*\n')
}
