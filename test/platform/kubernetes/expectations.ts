import { rejectionCause } from '../../../lib/platform/kubernetes/readiness/index.ts'
import type { RecordedEvent, Recording } from '../../support/kubernetes-recordings.ts'
import { type Course, replayStep } from './replay.ts'

/** A failure is said, and readiness seen, at most so long after its evidence came. */
const latest = 2000
/** Our own deadline: later than all controllers' in the recordings. */
const deadline = 120_000

/** Steps that leave nothing to wait for: a label on a namespace, a ConfigMap. */
const nothingToWaitFor = new Set(['deployment-podsecurity-denied 0', 'namespace-terminating 0'])
/** Steps in which something else than the recorder's evidence says it earlier, for certain. */
const earlier: Readonly<Record<string, number>> = {
  // The storage class, which was observed, says that it waits for the first consumer; the event comes 6 ms after the claim.
  'pvc-wait-for-first-consumer 1': 10,
}

/** What a replay of a step has shown. */
export type Shown = {
  problems: string[]
  course?: Course
  kind: 'ready' | 'failed' | 'named' | 'progressing' | 'rejected' | 'none'
}

/** Replays a step and compares what the gate says with the verdict of the recording. `shift`: how far events were moved. */
export function judgeStep(recorded: Recording, index: number, events?: readonly RecordedEvent[], shift = 0): Shown {
  const step = recorded.steps[index]
  const expected = recorded.verdicts.find((one) => one.step_t === step?.t)
  if (!step || !expected) return { problems: [`step ${index} has no verdict`], kind: 'none' }
  const key = `${recorded.name} ${index}`
  if (nothingToWaitFor.has(key)) return { problems: [], kind: 'none' }
  if (expected.verdict === 'rejected') {
    const { cause } = rejectionCause(step.stderr.join('\n'))
    return { problems: expected.cause?.includes(cause) ? [] : [`refused for "${cause}"`], kind: 'rejected' }
  }
  const course = replayStep(recorded, index, { deadline, ...(events && { events }) })
  const at = expected.at ?? step.t
  const from = at - shift - (earlier[key] ?? 0)
  const until = at + latest
  const problems: string[] = []
  const within = (what: string, time: number | undefined) => {
    if (time === undefined) problems.push(`${what}: never`)
    else if (time < from) problems.push(`${what}: ${from - time} ms before its evidence`)
    else if (time > until) problems.push(`${what}: ${time - at} ms after its evidence`)
  }
  const next = recorded.steps[index + 1]?.t ?? recorded.duration

  if (expected.verdict === 'ready' || expected.verdict === 'deleted') {
    within('ready', course.settling.at(expected.note?.includes('unready again') ? 0 : -1))
    if (course.final?.state === 'failed' && !expected.note?.includes('unready again')) {
      problems.push(`failed: ${causes(course)}`)
    }
    return { problems, course, kind: 'ready' }
  }
  if (course.final?.state === 'ready') problems.push('said to be ready for good')
  if (expected.verdict === 'progressing') {
    const ended = course.final?.at ?? 0
    if (ended < Math.min(next, step.t + deadline)) problems.push(`ended at ${ended}: ${causes(course)}`)
    return { problems, course, kind: 'progressing' }
  }
  if (!causes(course).includes(expected.cause ?? '')) problems.push(`failed for "${causes(course)}"`)
  if (!expected.may_heal) {
    within('failed', course.final?.at)
    return { problems, course, kind: 'failed' }
  }
  // What may heal is named when its evidence is there, and decided by a deadline: the controller's, or our own.
  within('named', course.named.get(expected.cause ?? ''))
  const overdue = expected.cause?.startsWith('not ready in time') ? at : undefined
  const decided = expected.controller_says_failed ?? overdue ?? step.t + deadline
  const final = course.final?.at ?? 0
  if (final < decided - shift || final > decided + latest) problems.push(`decided at ${final}, not ${decided}`)
  return { problems, course, kind: 'named' }
}

function causes({ final }: Course): string {
  const failed = final?.verdict.targets.filter(({ state }) => state === 'failed') ?? []
  const waiting = final?.verdict.targets.filter(({ state }) => state === 'waiting') ?? []
  return [...failed, ...waiting]
    .map(({ cause }) => cause)
    .filter((cause) => cause !== undefined)
    .join('; ')
}
