import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { note } from '../../support/index.ts'
import { recording, recordingNames, shuffled } from '../../support/kubernetes-recordings.ts'
import { judgeStep } from './expectations.ts'
import { replayStep } from './replay.ts'

const names = recordingNames()

test('all recordings get the verdict and the cause that are right, when the evidence is there', () => {
  const counts: Record<string, number> = {}
  let takenBack = 0
  const problems: string[] = []
  for (const name of names) {
    const recorded = recording(name)
    recorded.steps.forEach((_, index) => {
      const shown = judgeStep(recorded, index)
      counts[shown.kind] = (counts[shown.kind] ?? 0) + 1
      takenBack += shown.course && shown.course.final?.state === 'failed' ? shown.course.settling.length : 0
      problems.push(...shown.problems.map((problem) => `${name}, step ${index}: ${problem}`))
    })
  }
  note(
    `${names.length} recordings, steps by verdict: ${JSON.stringify(counts)}; ${takenBack} times ready was taken back`,
  )
  assert.equal(problems, [])
  assert.is(names.length, 57)
  assert.ok(takenBack > 5, 'the recordings with a false "ready" were among them')
})

test('the order of neighbouring events of different kinds makes no difference (1 seed; 1,000 in the long test)', () => {
  const problems: string[] = []
  for (const name of names) {
    const recorded = recording(name)
    for (const seed of [1]) {
      const events = shuffled(recorded, seed)
      recorded.steps.forEach((_, index) => {
        const shown = judgeStep(recorded, index, events, 1000)
        problems.push(...shown.problems.map((problem) => `${name}, step ${index}, seed ${seed}: ${problem}`))
      })
    }
  }
  assert.equal(problems, [])
})

test('readiness that flaps never meets the deadline of the controller, and fails at our own', () => {
  for (const name of ['deployment-readiness-flapping', 'deployment-readiness-flapping-minready']) {
    const { final } = replayStep(recording(name), 0, { deadline: 55_000, window: 10_000 })
    assert.is(final?.state, 'failed', name)
    assert.is(final?.at, 56_000, name)
    assert.is(final?.verdict.targets.find(({ state }) => state === 'failed')?.cause, 'readiness unstable', name)
  }
})

test('a window that is shorter than the flapping sees it as ready', () => {
  const { final } = replayStep(recording('deployment-readiness-flapping'), 0, { deadline: 55_000, window: 3000 })
  assert.is(final?.state, 'ready')
  assert.is(final?.at, 5832)
})

test('a load balancer without an address fails at the deadline, its Deployment being ready', () => {
  const { final } = replayStep(recording('service-loadbalancer-pending'), 0, { deadline: 15_000 })
  const byKind = Object.fromEntries(final?.verdict.targets.map((target) => [target.reference.kind, target]) ?? [])
  assert.is(byKind.Deployment?.state, 'settling')
  assert.is(byKind.Deployment?.since, 3581)
  assert.is(byKind.Service?.state, 'failed')
  assert.match(byKind.Service?.cause ?? '', 'the load balancer has no address')
})

test('patience decides earlier about what may heal', () => {
  const { final } = replayStep(recording('deployment-missing-secret'), 0, { deadline: 120_000, patience: 5000 })
  assert.is(final?.state, 'failed')
  assert.is(final?.at, 2182 + 5000)
  assert.is(final?.verdict.targets[0]?.cause, 'Secret "db-credentials" not found')
})

test('patience is no limit for what healed in time', () => {
  const recorded = recording('deployment-missing-secret-then-created')
  const { final } = replayStep(recorded, 1, { deadline: 120_000, patience: 20_000 })
  assert.is(final?.state, 'ready')
})

test('a failure names its pods and what the cluster said about them', () => {
  const { final } = replayStep(recording('deployment-bad-image'), 1, { deadline: 60_000 })
  const failed = final?.verdict.targets.find(({ state }) => state === 'failed')
  assert.equal(failed?.pods, ['web-65b94fc6c9-vnd5f'])
  assert.match(failed?.events.join('\n') ?? '', /Failed Pod\/web-65b94fc6c9-vnd5f: Failed to pull image/)
})

test('what a namespace is held by is named while it is being deleted', () => {
  const { named, final } = replayStep(recording('namespace-terminating'), 4, { deadline: 60_000 })
  assert.is(final?.state, 'ready')
  assert.match([...named.keys()].join('\n'), /finalizer/i)
})

test.run()
