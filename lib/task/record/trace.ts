import type { Timeline, TimelineSpan } from './timeline.ts'

/**
 * A run in Chrome's trace event format, for chrome://tracing, Perfetto and speedscope
 * (https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU). Times are microseconds. What runs at the same time is on
 * threads of its own; arrows lead from what was needed to what needed it.
 */
export function traceOf(timeline: Timeline): object {
  const placed = timeline.spans.map((span, place) => ({ span, place })).filter(({ span }) => span.at !== undefined)
  const lanes = lanesOf(placed.map(({ span }) => span))
  const lane = new Map(placed.map(({ place }, index) => [place, (lanes[index] as number) + 1]))
  const us = (ms: number) => Math.round(ms * 1000)
  const events: object[] = [
    { ph: 'M', name: 'process_name', pid: 1, args: { name: timeline.title } },
    ...[...new Set(lane.values())].map((tid) => ({
      ph: 'M',
      name: 'thread_name',
      pid: 1,
      tid,
      args: { name: `lane ${tid}` },
    })),
  ]
  let flow = 0
  for (const { span, place } of placed) {
    const { name, title, state, at = 0, ms = 0, message, needs, critical, steps } = span
    const tid = lane.get(place)
    const args = {
      state,
      critical,
      ...(title === undefined ? {} : { title }),
      ...(message === undefined ? {} : { message }),
      needs: needs.map((need) => timeline.spans[need]?.name),
    }
    events.push({ ph: 'X', cat: state, name, pid: 1, tid, ts: us(at), dur: us(ms), args })
    for (const step of steps) {
      events.push({ ph: 'X', cat: 'step', name: step.title, pid: 1, tid, ts: us(step.at), dur: us(step.ms) })
    }
    for (const need of needs) {
      const from = timeline.spans[need] as TimelineSpan
      if (from.at === undefined) continue
      flow += 1
      const one = { cat: 'needs', name: 'needs', id: flow, pid: 1 }
      events.push({ ph: 's', ...one, tid: lane.get(need), ts: us(from.at + (from.ms ?? 0)) })
      events.push({ ph: 'f', bp: 'e', ...one, tid, ts: us(at) })
    }
  }
  const { run, title, outcome, started, by } = timeline
  return { traceEvents: events, displayTimeUnit: 'ms', otherData: { run, title, outcome, started, by } }
}

/** For each span the first lane, from 0, that is free when it starts. */
function lanesOf(spans: readonly TimelineSpan[]): number[] {
  const order = spans.map((_, index) => index).sort((one, other) => (spans[one]?.at ?? 0) - (spans[other]?.at ?? 0))
  const free: number[] = []
  const lanes: number[] = []
  for (const index of order) {
    const { at = 0, ms = 0 } = spans[index] as TimelineSpan
    let lane = free.findIndex((until) => until <= at)
    if (lane < 0) lane = free.length
    free[lane] = at + ms
    lanes[index] = lane
  }
  return lanes
}
