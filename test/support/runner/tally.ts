import type { TestEvent, TestId } from './events.ts'

/** How one test of a file ended. */
export type Outcome =
  | { end: 'passed' }
  | { end: 'failed'; text: string }
  | { end: 'skipped'; reason: string; allowedOnCi: boolean }

/** What is known of one declared test while its file runs. */
type Entry = { suite: string; name: string; state: 'declared' | 'queued' | 'excluded' | 'started'; outcome?: Outcome }

/** One thing that went wrong in a file: a test, a hook, or the file itself. */
export type Fault = { name: string; text: string }

/** A file's result. `passed + skipped + failed.length` is at least the number of declared tests. */
export type Result = { notes: string[]; passed: number; skipped: { name: string; reason: string }[]; failed: Fault[] }

/** How a test process ended, as far as the count needs it. */
export type Ending = { status: number | null; signal: string | null; killed?: string; leftovers: string[] }

/** Collects a test file's events. */
export class Tally {
  private readonly entries = new Map<TestId, Entry>()
  private readonly hooks: { suite: string; fault: Fault }[] = []
  private lingering: string[] = []
  private readonly notes: string[] = []

  /** Takes one event in. */
  add(event: TestEvent): void {
    switch (event.type) {
      case 'declared':
        this.entries.set(event.id, { suite: event.suite, name: event.name, state: 'declared' })
        break
      case 'queued':
      case 'excluded':
        for (const id of event.ids) this.entry(id).state = event.type
        break
      case 'busy':
        if (event.id !== undefined) this.entry(event.id).state = 'started'
        break
      case 'passed':
        this.entry(event.id).outcome = { end: 'passed' }
        break
      case 'failed':
        this.entry(event.id).outcome = { end: 'failed', text: event.text }
        break
      case 'skipped':
        this.entry(event.id).outcome = { end: 'skipped', reason: event.reason, allowedOnCi: event.allowedOnCi }
        break
      case 'hook-failed': {
        const name = event.suite ? `${event.suite}: ${event.hook} hook` : `${event.hook} hook`
        this.hooks.push({ suite: event.suite, fault: { name, text: event.text } })
        break
      }
      case 'lingering':
        this.lingering = event.resources
        break
      case 'note':
        this.notes.push(event.text)
        break
      case 'idle':
        break
    }
  }

  /** The file's result: a test that was declared and neither passed nor was skipped has failed. With `ci`, a skip has too. */
  result(ending: Ending, ci: boolean): Result {
    const result: Result = { notes: this.notes, passed: 0, skipped: [], failed: this.hooks.map(({ fault }) => fault) }
    for (const entry of this.entries.values()) {
      const name = entry.suite ? `${entry.suite}: ${entry.name}` : entry.name
      const outcome = entry.outcome
      if (outcome?.end === 'passed') result.passed++
      else if (outcome?.end === 'skipped' && (!ci || outcome.allowedOnCi)) {
        result.skipped.push({ name, reason: outcome.reason })
      } else if (outcome?.end === 'skipped') {
        result.failed.push({ name, text: `skipped, which CI does not allow: ${outcome.reason}` })
      } else result.failed.push({ name, text: outcome?.text ?? this.whyNotEnded(entry) })
    }
    for (const text of this.faultsOfFile(ending, result.failed.length > 0))
      result.failed.push({ name: 'the file', text })
    return result
  }

  private whyNotEnded(entry: Entry): string {
    if (entry.state === 'declared') return 'declared, never run: call .run() on its suite after it'
    if (entry.state === 'excluded') return 'left out: another test is marked only'
    if (entry.state === 'started') return 'did not end before its process did'
    const hook = this.hooks.find(({ suite }) => suite === entry.suite)
    return hook ? `not run, because of the ${hook.fault.name}` : 'not run: its process ended before it'
  }

  private *faultsOfFile(ending: Ending, hasFailed: boolean): Generator<string> {
    if (ending.killed) {
      const held = this.lingering.length > 0 ? `; still open: ${this.lingering.join(', ')}` : ''
      yield `${ending.killed}${held}`
    } else if (ending.signal) yield `its process was ended by ${ending.signal}`
    else if (ending.status !== 0 && !hasFailed) yield `its process ended with status ${ending.status}`
    else if (this.entries.size === 0) yield 'declares no test'
    if (ending.leftovers.length > 0) yield `left processes running (now killed):\n${ending.leftovers.join('\n')}`
  }

  private entry(id: TestId): Entry {
    const entry = this.entries.get(id)
    if (!entry) throw new Error(`the test process reported on test ${id}, which it did not declare`)
    return entry
  }
}
