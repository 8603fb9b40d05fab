/*
 * The record of a task run: `.ops/runs/<id>/` with its events and a log for each task that wrote something. Nothing is written while a run
 * is shorter than `firstWriteMs`: then all of it at once, at the end, with two or three system calls. A longer one writes what there is
 * every `writeMs`, so that one that is killed leaves that. Nothing is fsynced, and no failure to write is one of the task.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import type { TaskEvent } from '../events.ts'
import { eventsName, isoTime, logNameOf, logsName, type RecordEntry, runsFolderOf, taskRunId } from './files.ts'
import { pruneTaskRuns } from './prune.ts'
import { TaskLog } from './task-log.ts'

const firstWriteMs = 250
const writeMs = 500
/** The most events that are kept of steps and calls; a loop may make millions. */
const mostSteps = 20_000
/** How many of its last lines are shown for a task that failed. */
const shownLines = 20

/** What a record is made with. */
export type RecorderOptions = {
  /** The workspace's `.ops` folder. */
  ops: string
  argv: readonly string[]
  /** What was asked for. */
  tasks: readonly string[]
  /** Takes secrets out of a text, those included that became known later. */
  redact(text: string): string
  /** Keep nothing on disk; the last lines are still known. */
  off?: boolean
}

type Running = { started: number; isWritten: boolean }

/** Keeps what tasks say. */
export class RunRecorder {
  readonly run: string
  readonly #options: RecorderOptions
  readonly #began = performance.now()
  readonly #started: string
  readonly #logs = new Map<string, { log: TaskLog; name: string }>()
  readonly #running = new Map<string, Running>()
  /** The task that began last, until anything else is told: of 50,000 that do nothing, none is ever among those that run. */
  #latest: { task: string; started: number } | undefined
  readonly #steps = new Map<string, number>()
  #lines: string[] = []
  #stepCount = 0
  #folder: string | undefined
  #broken: boolean
  #timer: NodeJS.Timeout | undefined
  #turn: NodeJS.Immediate | undefined
  readonly #onExit = () => this.#write()

  constructor(options: RecorderOptions) {
    this.#options = options
    const now = new Date()
    this.run = taskRunId(now)
    this.#started = isoTime(now)
    this.#broken = options.off === true
    if (this.#broken) return
    // What ends in this very turn needs no timer; the first one takes Node a while.
    this.#turn = setImmediate(() => {
      this.#timer = setTimeout(() => this.#firstWrite(), firstWriteMs).unref()
    }).unref()
    process.once('exit', this.#onExit)
  }

  /** Takes an event. */
  take(event: TaskEvent): void {
    switch (event.type) {
      case 'tasks-planned': {
        const { tasks, needs, by } = event
        this.#add({
          type: 'tasks-planned',
          at: this.#now(),
          tasks,
          needs,
          ...(by === undefined ? {} : { by }),
        })
        return
      }
      case 'task-started':
        this.#noteLatest()
        this.#latest = { task: event.task, started: micros(event.at - this.#began) }
        return
      case 'task-ended':
        this.#ended(event)
        return
      case 'output':
        this.#log(event.task, (log) => {
          log.hasOutput = true
          return log.add(event.data)
        })
        return
      case 'command':
        this.#log(event.task, (log) => log.addLine(`$ ${event.text.trim()}`))
        return
      case 'message':
        this.#log(event.task, (log) => {
          log.hasOutput = true
          return log.addLine(event.level === 'info' ? event.text : `${event.level}: ${event.text}`)
        })
        return
      case 'step-started':
        this.#steps.set(`${event.task}\0${event.title}`, this.#now())
        return
      case 'step-ended':
        this.#stepEnded(event)
    }
  }

  /** The last lines that a task wrote, and the path of its log, where one is kept. */
  last(task: string): { lines: string[]; log?: string } {
    const kept = this.#logs.get(task)
    if (!kept?.log.hasOutput) return { lines: [] }
    const lines = kept.log.lines(shownLines).map((line) => this.#options.redact(line))
    return { lines, ...(this.#broken ? {} : { log: join(this.#path(), logsName, kept.name) }) }
  }

  /** Writes all that is left. */
  end(outcome: string, exitCode: number): void {
    clearImmediate(this.#turn)
    clearTimeout(this.#timer)
    process.off('exit', this.#onExit)
    this.#add({ type: 'run-ended', at: this.#now(), outcome, exitCode })
    this.#write()
    if (!this.#broken) pruneTaskRuns(this.#options.ops, this.run)
  }

  #add(entry: RecordEntry): void {
    if (!this.#broken) this.#lines.push(JSON.stringify(entry))
  }

  /** Microseconds since the run began. */
  #now(): number {
    return micros(performance.now() - this.#began)
  }

  #path(): string {
    return join(runsFolderOf(this.#options.ops), this.run)
  }

  #log(task: string, add: (log: TaskLog) => boolean): void {
    let kept = this.#logs.get(task)
    if (!kept) {
      kept = { log: new TaskLog(), name: logNameOf(task, this.#logs.size) }
      this.#logs.set(task, kept)
      this.#add({ type: 'task-log', task, log: kept.name })
    }
    if (add(kept.log)) this.#attempt(() => this.#writeLog(kept))
  }

  #ended({ task, state, durationMs, message }: Extract<TaskEvent, { type: 'task-ended' }>): void {
    const kept = this.#logs.get(task)
    if (kept) {
      this.#attempt(() => kept.log.end(join(this.#open(), logsName, kept.name)))
      if (state === 'failed') kept.log.shrink()
      else this.#logs.delete(task)
    }
    const started = this.#startOf(task) ?? Math.max(0, this.#now() - micros(durationMs))
    if (this.#broken) return
    const more = message === undefined ? '' : `,"message":${JSON.stringify(message)}`
    // There may be 50,000 of these: by hand it takes a third of the time.
    this.#lines.push(
      `{"type":"task-ended","at":${started},"task":${JSON.stringify(task)},"state":"${state}","took":${micros(durationMs)}${more}}`,
    )
  }

  /** When a task that has ended began; forgets it. */
  #startOf(task: string): number | undefined {
    const latest = this.#latest
    if (latest?.task === task) {
      this.#latest = undefined
      return latest.started
    }
    const started = this.#running.get(task)?.started
    this.#running.delete(task)
    return started
  }

  #noteLatest(): void {
    if (this.#latest === undefined) return
    const { task, started } = this.#latest
    this.#latest = undefined
    this.#running.set(task, { started, isWritten: false })
  }

  #stepEnded({ task, title, ok, durationMs }: Extract<TaskEvent, { type: 'step-ended' }>): void {
    const key = `${task}\0${title}`
    const at = this.#steps.get(key) ?? Math.max(0, this.#now() - micros(durationMs))
    this.#steps.delete(key)
    this.#stepCount += 1
    if (this.#stepCount > mostSteps) return
    this.#add({ type: 'step-ended', at, task, title, ok, took: micros(durationMs) })
  }

  #firstWrite(): void {
    const note = async (): Promise<void> => {
      const { ownIdentity } = await import('../../system/process-identity.ts')
      this.#add({ type: 'process', ...(await ownIdentity()) })
    }
    void note()
      .catch(() => {})
      .then(() => this.#writeAgain())
  }

  #writeAgain(): void {
    this.#write()
    if (!this.#broken) this.#timer = setTimeout(() => this.#writeAgain(), writeMs).unref()
  }

  /** Writes what has come since the last time. */
  #write(): void {
    this.#attempt(() => {
      const folder = this.#open()
      this.#noteLatest()
      for (const kept of this.#logs.values()) kept.log.write(join(folder, logsName, kept.name))
      for (const [task, running] of this.#running) {
        if (running.isWritten) continue
        running.isWritten = true
        this.#add({ type: 'task-started', at: running.started, task })
      }
      if (this.#lines.length === 0) return
      const text = `${this.#lines.join('\n')}\n`
      this.#lines = []
      writeFileSync(join(folder, eventsName), this.#options.redact(text), { flag: 'a', mode: 0o600 })
    })
  }

  #writeLog({ log, name }: { log: TaskLog; name: string }): void {
    log.write(join(this.#open(), logsName, name))
  }

  /** The run's folder; made when something is first written. */
  #open(): string {
    if (this.#folder !== undefined) return this.#folder
    const { ops, argv, tasks } = this.#options
    const folder = this.#path()
    if (!existsSync(ops)) {
      mkdirSync(ops, { recursive: true })
      // `.ops` is never committed, also where no `.gitignore` names it.
      writeFileSync(join(ops, '.gitignore'), '*\n')
    }
    mkdirSync(join(folder, logsName), { recursive: true, mode: 0o700 })
    this.#folder = folder
    const { run } = this
    const user = process.env.USER ?? process.env.LOGNAME ?? userName()
    const started = this.#started
    const header: RecordEntry = { type: 'task-run', version: 1, run, started, argv, tasks, user, host: hostname() }
    this.#lines.unshift(JSON.stringify(header))
    return folder
  }

  /** What cannot be written (no space, no right, a folder that was deleted) is done without, from then on. */
  #attempt(write: () => void): void {
    if (this.#broken) return
    try {
      write()
    } catch {
      this.#broken = true
    }
  }
}

/** Milliseconds as whole microseconds: numbers without a point are written three times as fast. */
const micros = (ms: number): number => Math.max(0, Math.round(ms * 1000))

/** The name of the user that this process runs as; asking the system reads its files. */
const userName = (): string => (process.getuid?.() === 0 ? 'root' : userInfo().username)
