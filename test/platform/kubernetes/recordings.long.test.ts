import { setImmediate } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { note, timeLimit } from '../../support/index.ts'
import { recording, recordingNames, shuffled } from '../../support/kubernetes-recordings.ts'
import { judgeStep } from './expectations.ts'

const seeds = 1000
let gates = 0
let moved = 0

for (const name of recordingNames()) {
  test(`${name}: verdicts, causes and times hold for 1,000 orders of neighbouring events of different kinds`, async () => {
    timeLimit(300_000)
    const recorded = recording(name)
    const problems: string[] = []
    for (let seed = 1; seed <= seeds && problems.length < 5; seed++) {
      if (seed % 50 === 0) await setImmediate()
      const events = shuffled(recorded, seed)
      moved += events.filter((event, index) => event.object !== recorded.events[index]?.object).length
      recorded.steps.forEach((_, index) => {
        const shown = judgeStep(recorded, index, events, 1000)
        gates += shown.course ? 1 : 0
        problems.push(...shown.problems.map((problem) => `step ${index}, seed ${seed}: ${problem}`))
      })
    }
    assert.equal(problems, [])
  })
}

test('the orders were different ones', () => {
  note(`${seeds} seeds of ${recordingNames().length} recordings: ${gates} gates, ${moved} events moved`)
  assert.ok(moved > 100_000)
})

test.run()
