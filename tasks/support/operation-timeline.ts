import { logPath } from '../../lib/execute/run-record.ts'
import type { Run } from '../../lib/execute/runs.ts'
import { opText } from '../../lib/plan/render.ts'
import { lastLines } from '../../lib/task/record/read.ts'
import { complete, type Timeline, type TimelineSpan } from '../../lib/task/record/timeline.ts'

/** How many of its last lines are shown for an op that failed. */
const shownLines = 20

/** The timeline of an operation, from its journal: a span for each op of each plan. `ops` is the workspace's `.ops` folder. */
export function operationTimeline(ops: string, run: Run, outcome: string): Timeline {
  const began = Date.parse(run.started ?? run.entries[0]?.at ?? '')
  const spans: TimelineSpan[] = []
  const places = new Map<string, number>()
  const waiting: { place: number; plan: number; after: readonly string[] }[] = []
  // A second plan is the way back; its ops may be called as those of the first.
  const nameOf = (plan: number, id: string) => (plan === 1 ? id : `${plan}/${id}`)
  for (const entry of run.entries) {
    if (entry.type === 'plan-fixed') {
      for (const id of entry.ops) {
        const name = nameOf(entry.plan, id)
        places.set(name, spans.length)
        spans.push({ name, state: 'waiting', needs: [], steps: [], critical: false })
      }
    } else if (entry.type === 'op-started') {
      const place = places.get(nameOf(entry.plan, entry.op.id))
      if (place === undefined) continue
      waiting.push({ place, plan: entry.plan, after: entry.op.after })
      Object.assign(spans[place] as TimelineSpan, {
        state: run.state === 'dead' ? 'killed' : 'running',
        title: opText(entry.op),
        at: Date.parse(entry.at) - began,
      })
    } else if (entry.type === 'op-ended') {
      const span = spans[places.get(nameOf(entry.plan, entry.op)) ?? -1]
      if (!span) continue
      const message = [entry.message, entry.failure?.message, entry.failure?.why].filter(Boolean).join(': ')
      const path = logPath(ops, run.run, entry.op)
      const bad = entry.end === 'failed' || entry.end === 'warned'
      const own = bad ? lastLines(path, shownLines) : []
      const lines = entry.failure?.lines ?? own
      span.state = entry.end
      // What was there already never began.
      if (span.at !== undefined) span.ms = entry.durationMs
      if (message !== '') span.message = message
      if (lines.length > 0) span.lines = lines
      if (own.length > 0) span.log = path
    }
  }
  for (const { place, plan, after } of waiting) {
    // The way back begins when what failed has ended.
    const before = after.length === 0 && plan > 1 ? waiting.filter((other) => other.plan === plan - 1) : []
    const failed = before.filter((other) => spans[other.place]?.state === 'failed').map((other) => other.place)
    const needs = [...after.map((id) => places.get(nameOf(plan, id))), ...failed]
    ;(spans[place] as TimelineSpan).needs = needs.filter((need) => need !== undefined)
  }
  const { header } = run
  return complete({
    run: run.run,
    title: [header?.operation ?? 'operation', header?.environment].filter(Boolean).join(' '),
    outcome,
    by: header ? `${header.user}@${header.host}` : '',
    started: run.started ?? '',
    ...(run.durationMs === undefined ? {} : { ms: run.durationMs }),
    noun: 'ops',
    spans,
  })
}
