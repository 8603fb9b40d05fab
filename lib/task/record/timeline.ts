import type { TaskEndState } from '../events.ts'
import { lastLines, type TaskRunRecord } from './read.ts'

/** How a span ended. `running`: it had not ended when this was made; `killed`: its run died meanwhile; `waiting`: it never began. */
export type SpanState = TaskEndState | 'present' | 'warned' | 'running' | 'killed' | 'waiting'

/** One task, or op, of a run on its timeline. Times are milliseconds from the run's start. */
export type TimelineSpan = {
  name: string
  /** What it is, where the name does not say it. */
  title?: string
  state: SpanState
  at?: number
  ms?: number
  /** Indices of the spans that it waited for. */
  needs: number[]
  /** Index of the span whose code ran this one. */
  by?: number
  message?: string
  /** Last lines of its output, where it failed. */
  lines?: string[]
  log?: string
  steps: { title: string; at: number; ms: number; ok: boolean }[]
  /** On the chain of spans that determined how long the run took. */
  critical: boolean
}

/** A run as its timeline shows it. */
export type Timeline = {
  run: string
  /** What was run: the command line, or the operation. */
  title: string
  outcome: string
  by: string
  /** ISO 8601 */
  started: string
  ms: number
  /** `tasks` or `ops`. */
  noun: string
  spans: TimelineSpan[]
  /** How many short spans were left out, because nobody can look at so many. */
  leftOut: number
}

/** The most spans that a timeline has. */
export const mostSpans = 5_000

const shownLines = 20

/** The timeline of a run of tasks; reads the last lines of those that failed. */
export function taskTimeline(record: TaskRunRecord, command: string): Timeline {
  const index = new Map(record.spans.map(({ task }, place) => [task, place]))
  const dead = record.state === 'dead'
  const spans = record.spans.map((span): TimelineSpan => {
    const { task, state, needs, by, at, durationMs, message, log, steps } = span
    const caller = by === undefined ? undefined : index.get(by)
    const lines = state === 'failed' && log !== undefined ? lastLines(log, shownLines) : []
    return {
      name: task,
      state: dead && state === 'running' ? 'killed' : state,
      needs: needs.map((need) => index.get(need)).filter((place) => place !== undefined),
      ...(caller === undefined ? {} : { by: caller }),
      ...(at === undefined ? {} : { at }),
      ...(durationMs === undefined ? {} : { ms: durationMs }),
      ...(message === undefined ? {} : { message }),
      ...(lines.length === 0 ? {} : { lines }),
      ...(log === undefined ? {} : { log }),
      steps: steps.map(({ title, at: begun, durationMs: took, ok }) => ({ title, at: begun, ms: took, ok })),
      critical: false,
    }
  })
  return complete({
    run: record.run,
    title: command,
    outcome: record.state === 'ended' ? `${record.outcome}` : dead ? 'killed' : record.state,
    by: record.user === undefined ? '' : `${record.user}@${record.host}`,
    started: record.started ?? '',
    ...(record.durationMs === undefined ? {} : { ms: record.durationMs }),
    noun: 'tasks',
    spans,
  })
}

/**
 * Completes a timeline: how long it took, if that is not known, the end of what was still running, the critical path, and no more spans than anybody
 * can look at.
 */
export function complete(given: Omit<Timeline, 'ms' | 'leftOut'> & { ms?: number }): Timeline {
  const ms = Math.max(given.ms ?? 0, ...given.spans.map(({ at = 0, ms: took = 0 }) => at + took), 0)
  const spans = given.spans.map((span) =>
    span.at !== undefined && span.ms === undefined ? { ...span, ms: ms - span.at } : { ...span },
  )
  for (const place of criticalPath(spans)) (spans[place] as TimelineSpan).critical = true
  return withFewer({ ...given, ms, spans, leftOut: 0 })
}

const endOf = ({ at, ms }: Pick<TimelineSpan, 'at' | 'ms'>): number =>
  at === undefined ? Number.NEGATIVE_INFINITY : at + (ms ?? 0)

/**
 * The chain of spans that determined when the last one ended, from that one back: of all that a span waited for, the one that ended
 * last. A span that called others waited for these; one that was called waited, before that, for what its caller needed.
 */
export function criticalPath(spans: readonly Pick<TimelineSpan, 'at' | 'ms' | 'needs' | 'by'>[]): number[] {
  const called = new Map<number, number[]>()
  for (const [place, { by }] of spans.entries())
    if (by !== undefined) called.set(by, [...(called.get(by) ?? []), place])
  const latest = (places: readonly number[]): number | undefined => {
    let found: number | undefined
    for (const place of places) {
      const span = spans[place]
      if (span?.at === undefined || path.has(place)) continue
      if (found === undefined || endOf(span) > endOf(spans[found] as (typeof spans)[number])) found = place
    }
    return found
  }
  const path = new Set<number>()
  let at = latest([...spans.keys()])
  while (at !== undefined) {
    path.add(at)
    const { needs, by } = spans[at] as (typeof spans)[number]
    const next = latest([...needs, ...(called.get(at) ?? [])])
    at = next ?? (by === undefined ? undefined : latest(spans[by]?.needs ?? []))
  }
  return [...path]
}

/** Leaves out the shortest of those that went well and are not on the critical path. */
function withFewer(timeline: Timeline): Timeline {
  const { spans } = timeline
  if (spans.length <= mostSpans) return timeline
  const weight = ({ state, critical, ms = 0 }: TimelineSpan) =>
    critical || state === 'failed' || state === 'killed' ? Number.POSITIVE_INFINITY : ms
  const kept = spans
    .map((_, place) => place)
    .sort((one, other) => weight(spans[other] as TimelineSpan) - weight(spans[one] as TimelineSpan) || one - other)
    .slice(0, mostSpans)
    .sort((one, other) => one - other)
  const places = new Map(kept.map((old, place) => [old, place]))
  return {
    ...timeline,
    leftOut: spans.length - kept.length,
    spans: kept.map((old) => {
      const { by, ...span } = spans[old] as TimelineSpan
      const caller = by === undefined ? undefined : places.get(by)
      return {
        ...span,
        needs: span.needs.map((need) => places.get(need)).filter((place) => place !== undefined),
        ...(caller === undefined ? {} : { by: caller }),
      }
    }),
  }
}
