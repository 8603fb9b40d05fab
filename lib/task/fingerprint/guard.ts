import { FailureError } from '../../model/failure.ts'
import { newMark, withMark } from '../../system/marks.ts'
import { sizeLimit } from '../cache/limit.ts'
import { restoreOutputs, touchEntries } from '../cache/store.ts'
import type { TaskEvent } from '../events.ts'
import type { TaskNode } from '../graph.ts'
import type { LoadedTasks } from '../table.ts'
import { check, type Verdict } from './check.ts'
import { unmatchedPatterns } from './files.ts'
import { beforeRun, keepRun } from './keep.ts'
import { type HeldLock, lock, taskMark } from './lock.ts'
import { dropLooks } from './looks.ts'
import { changedOutputs } from './outputs.ts'
import {
  invalidate,
  pruneRecords,
  readFormerRecord,
  readRecord,
  recordPath,
  recordStamp,
  type TaskRecord,
  touchRecord,
  writeRecord,
} from './record.ts'
import { type Fingerprint, type FingerprintRequest, findFor, takeFingerprint } from './request.ts'
import { Requests } from './requests.ts'
import { keepResult, readResult } from './result.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** What the guard is told by who runs the tasks. */
export type GuardOptions = {
  table: LoadedTasks
  emit(event: TaskEvent): void
  /** The node of an id. */
  node(id: string): TaskNode | undefined
  /** Somebody uses what a node returns. */
  wantsResult(id: string): boolean
  /** A text without secrets; what it would change is not written to disk. */
  redact(text: string): string
  /** Runs also what is up to date. */
  force: boolean
}

/** A run of a task that may turn out not to be needed. */
export type GuardedRun = {
  node: TaskNode
  label: string
  /** The folder of its Taskfile. */
  folder: string
  env: Environment
  needs: Readonly<Record<string, unknown>>
  signal: AbortSignal
  /** Runs it, with marks in the environment of its commands, and needs that note what it looks at. */
  execute(env: Environment, needs: Readonly<Record<string, unknown>>): Promise<unknown>
}

/** A fingerprint and what it means; the latter is not asked for when the task runs in any case. */
type Look = { print: Fingerprint; verdict: Verdict | undefined }
type Prepared = Look & { request: FingerprintRequest; stamp: string }

/** Keeps tasks from running that need not. One for an invocation. */
export class Guard {
  readonly #options: GuardOptions
  readonly #requests: Requests
  #hasKept = false

  constructor(options: GuardOptions) {
    this.#options = options
    this.#requests = new Requests(options.table, options.node)
  }

  /** Keeps what was found out of files. */
  end(): void {
    this.#requests.cache.save()
    if (this.#hasKept) pruneRecords(this.#requests.workspace)
  }

  /** What `run` of the task gives, or gave the last time. Rejects as the task does. */
  async run(guarded: GuardedRun): Promise<unknown> {
    const begun = performance.now()
    const prepared = await this.#prepare(guarded)
    if (prepared === undefined) {
      dropLooks()
      return guarded.execute(guarded.env, guarded.needs)
    }
    const { request, verdict } = prepared
    const path = recordPath(this.#requests.workspace, request.id)
    if (verdict?.state === 'up-to-date') {
      touchRecord(path)
      return this.#skip(guarded, 'up-to-date', verdict.record, begun)
    }
    // From here on others may write, too.
    dropLooks()
    const mark = newMark()
    const held = await this.#lock(request, guarded, mark)
    if (held === undefined) {
      this.#requests.endedUnknown(guarded.node, mark)
      return guarded.execute(guarded.env, guarded.needs)
    }
    try {
      guarded.signal.throwIfAborted()
      // What others did meanwhile counts; the inputs as they were are compared when the task has run.
      const isSame = !held.waited && recordStamp(path) === prepared.stamp
      const { print, verdict: now } = isSame ? prepared : await this.#look(request, guarded)
      if (now?.state === 'up-to-date') return this.#skip(guarded, 'up-to-date', now.record, begun)
      if (now?.state === 'restorable' && this.#restore(path, print, now.entry)) {
        return this.#skip(guarded, 'restored', now.entry, begun)
      }
      return await this.#execute(guarded, path, print, mark)
    } finally {
      held.release()
    }
  }

  /** Whether the task is up to date, seen without its lock; undefined where that cannot be told. */
  async #prepare(guarded: GuardedRun): Promise<Prepared | undefined> {
    const { node, label, env } = guarded
    try {
      // What is wrong there is said before anything runs.
      sizeLimit(env)
      const request = this.#requests.of(node, guarded)
      if (request === undefined) return undefined
      const stamp = recordStamp(recordPath(this.#requests.workspace, request.id))
      return { request, stamp, ...(await this.#look(request, guarded)) }
    } catch (error) {
      if (error instanceof FailureError) throw error
      this.#say(label, 'warning', `cannot be compared with its last run: ${messageOf(error)}`)
      this.#requests.endedUnknown(node, newMark())
      return undefined
    }
  }

  async #look(request: FingerprintRequest, { node, needs }: GuardedRun): Promise<Look> {
    const { cache, keyed, workspace } = this.#requests
    if (this.#options.force) {
      return { print: takeFingerprint(request, cache, keyed, await findFor(request, cache)), verdict: undefined }
    }
    const record = readRecord(recordPath(workspace, request.id))
    const found = await findFor(request, cache, record)
    const print = takeFingerprint(request, cache, keyed, { record, ...found })
    const verdict = check(print, {
      cache,
      record,
      resultOf: (need) => this.#keptResult(needs[need])?.digest,
      wantsResult: this.#options.wantsResult(node.id),
    })
    return { print, verdict }
  }

  async #lock(request: FingerprintRequest, guarded: GuardedRun, mark: string): Promise<HeldLock | undefined> {
    const { node, label, env, signal } = guarded
    const { name } = node
    const onWait = ({ pid }: { pid: number }) =>
      this.#say(label, 'info', `waits for another run of it (process ${pid})`)
    try {
      return await lock(recordPath(this.#requests.workspace, request.id), { name, mark, env, signal, onWait })
    } catch (error) {
      if (error instanceof FailureError || signal.aborted) throw error
      this.#say(label, 'warning', `is run without a lock, and nothing is kept of its run: ${messageOf(error)}`)
      return undefined
    }
  }

  /** Brings outputs back that an earlier run has made. */
  #restore(path: string, { request }: Fingerprint, entry: TaskRecord): boolean {
    const { folder } = request
    const former = readRecord(path) ?? readFormerRecord(path)
    invalidate(path)
    const kept = new Set(entry.outputs.map((output) => output.path))
    const inputs = new Set(takeFingerprint(request, this.#requests.cache, this.#requests.keyed).inputs?.paths)
    const stale = (former?.outputs ?? []).filter((one) => one.produced && !kept.has(one.path) && !inputs.has(one.path))
    const missing = changedOutputs(entry.outputs, folder, this.#requests.cache).map(({ output }) => output)
    if (!restoreOutputs(this.#requests.workspace, folder, missing, stale)) return false
    writeRecord(path, entry)
    touchEntries(this.#requests.workspace, entry.key)
    return true
  }

  #skip(guarded: GuardedRun, state: 'up-to-date' | 'restored', record: TaskRecord, begun: number): unknown {
    this.#requests.ended(guarded.node, record)
    const message = state === 'restored' ? 'outputs from the cache' : undefined
    const durationMs = performance.now() - begun
    const ended = { type: 'task-ended' as const, task: guarded.label, state, durationMs }
    this.#options.emit({ ...ended, ...(message === undefined ? {} : { message }) })
    return record.result === undefined ? undefined : readResult(record.result)
  }

  async #execute(guarded: GuardedRun, path: string, print: Fingerprint, mark: string): Promise<unknown> {
    const { node, label, env, needs } = guarded
    const former = readRecord(path) ?? readFormerRecord(path)
    const before = beforeRun(print, path, former?.outputs ?? [])
    invalidate(path)
    const { tracked, read } = track(needs)
    // Until it has come to a good end: who runs in spite of its failure is not to be taken for up to date.
    this.#requests.endedUnknown(node, mark)
    const value = await guarded.execute(withMark({ ...env }, taskMark, mark), tracked)
    try {
      const consumed = [...read].sort().map((need) => [need, this.#keptResult(needs[need])?.digest ?? ''])
      const after = { result: this.#keptResult(value), consumed: Object.fromEntries(consumed) }
      this.#hasKept = true
      const { record, changed } = await keepRun(before, after, this.#requests.cache, env)
      this.#requests.ended(node, record)
      if (changed !== undefined)
        this.#say(label, 'warning', `input ${changed} changed while the task ran: it is not up to date`)
      else this.#tellDoubts(guarded, record)
    } catch (error) {
      if (error instanceof FailureError) throw error
      this.#requests.endedUnknown(node, mark)
      this.#say(label, 'warning', `nothing is kept of its run: ${messageOf(error)}`)
    }
    return value
  }

  /** What makes no difference now, and is likely not meant so. */
  #tellDoubts({ node, label, folder }: GuardedRun, record: TaskRecord): void {
    const { inputs = [], outputs = [] } = node.task.definition
    for (const pattern of unmatchedPatterns(inputs, folder))
      this.#say(label, 'warning', `inputs: nothing matches ${pattern}`)
    for (const pattern of unmatchedPatterns(outputs, folder)) {
      this.#say(label, 'warning', `outputs: it has made nothing that matches ${pattern}`)
    }
    if (record.resultDigest === undefined && this.#options.wantsResult(node.id)) {
      this.#say(label, 'warning', 'is never up to date for who needs it: what it returns cannot be kept')
    }
  }

  #keptResult(value: unknown): { text: string; digest: string } | undefined {
    const kept = keepResult(value, (text) => this.#options.redact(text) === text)
    return kept && { text: kept.text, digest: this.#requests.keyed(kept.identity) }
  }

  #say(task: string, level: 'info' | 'warning', text: string): void {
    this.#options.emit({ type: 'message', task, level, text: this.#options.redact(text) })
  }
}

/** The needs as a task is given them, and the names of those that it has looked at. */
function track(needs: Readonly<Record<string, unknown>>): {
  tracked: Readonly<Record<string, unknown>>
  read: ReadonlySet<string>
} {
  const read = new Set<string>()
  const tracked = {}
  for (const name of Object.keys(needs)) {
    const get = (): unknown => {
      read.add(name)
      return needs[name]
    }
    Object.defineProperty(tracked, name, { get, enumerable: true })
  }
  return { tracked, read }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
