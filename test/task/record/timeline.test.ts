import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { complete, criticalPath, mostSpans, type TimelineSpan } from '../../../lib/task/record/timeline.ts'

const span = (
  name: string,
  at: number | undefined,
  ms: number,
  needs: number[] = [],
  more: Partial<TimelineSpan> = {},
) => ({
  name,
  state: 'done' as const,
  ...(at === undefined ? {} : { at, ms }),
  needs,
  steps: [],
  critical: false,
  ...more,
})
const timeline = (spans: TimelineSpan[]) =>
  complete({ run: 'r', title: 't', outcome: 'done', by: 'me', started: '', noun: 'tasks', spans })

test('the critical path goes back from the last end over what ended last of all that was waited for', () => {
  const spans = [
    span('a', 0, 10),
    span('b', 0, 30),
    span('c', 30, 5, [0, 1]),
    span('short', 35, 1, [2]),
    span('d', 35, 20, [2]),
    span('waits', undefined, 0, [4]),
  ]
  assert.equal(criticalPath(spans), [4, 2, 1])
})

test('it goes through what a task calls, and what the caller needed before', () => {
  const spans = [span('first', 0, 10), span('caller', 10, 50, [0]), span('called', 20, 35, [], { by: 1 })]
  assert.equal(criticalPath(spans), [1, 2, 0])
})

test('tasks that call each other’s results do not go round for ever', () => {
  const spans = [span('a', 0, 10, [1], { by: 1 }), span('b', 0, 20, [0], { by: 0 })]
  assert.equal([...criticalPath(spans)].sort(), [0, 1])
  assert.equal(criticalPath([]), [])
})

test('what had not ended lasts to the end of the run', () => {
  const { ms, spans } = timeline([span('a', 0, 100), { ...span('b', 40, 0), ms: undefined } as never])
  assert.is(ms, 100)
  assert.is(spans[1]?.ms, 60)
})

test('of very many, the shortest are left out, and never what failed or determined the time', () => {
  const many = Array.from({ length: mostSpans + 500 }, (_, index) => span(`t${index}`, 0, 1 + index / 1e4))
  const failed = span('failed', 0, 0, [], { state: 'failed' })
  const tiny = span('tiny', 2, 0.001)
  const last = span('last', 3, 50, [many.length + 1])
  const { spans, leftOut } = timeline([...many, failed, tiny, last].map((one) => ({ ...one }) as TimelineSpan))
  assert.is(spans.length, mostSpans)
  assert.is(leftOut, 503)
  const names = spans.map(({ name }) => name)
  for (const name of ['failed', 'tiny', 'last']) assert.ok(names.includes(name), name)
  assert.equal(spans.find(({ name }) => name === 'last')?.needs, [names.indexOf('tiny')])
  assert.not.ok(names.includes('t0'))
})

test.run()
