import { type KubernetesObject, referenceKey, referenceOf } from '../../../lib/model/kubernetes-object.ts'
import { Gate, type GateTarget, type GateVerdict } from '../../../lib/platform/kubernetes/readiness/index.ts'
import type { RecordedEvent, RecordedStep, Recording } from '../../support/kubernetes-recordings.ts'

/** What a gate said in the course of a step. Times are those of the recording. */
export type Course = {
  /** When everything was ready and the window began to run; of the last such time, and of the first. */
  settling: number[]
  /** When each cause was named first. */
  named: Map<string, number>
  final?: { state: 'ready' | 'failed'; at: number; verdict: GateVerdict }
  /** The last verdict before the end. */
  last: GateVerdict
}

/** How a step is replayed. */
export type ReplayOptions = {
  deadline: number
  window?: number
  patience?: number
  /** Events in the order of their times, as the watch brought them; default is the recording's. */
  events?: readonly RecordedEvent[]
}

const clusterWide = new Set(['Namespace', 'CustomResourceDefinition', 'StorageClass', 'PersistentVolume', 'Node'])

function inNamespace(object: KubernetesObject): KubernetesObject {
  if (clusterWide.has(object.kind)) return object
  return { ...object, metadata: { namespace: 'demo', ...object.metadata } }
}

/** The objects that a recording had applied up to a step, and wants to be there. */
function appliedUpTo(steps: readonly RecordedStep[], index: number): KubernetesObject[] {
  const found = new Map<string, KubernetesObject>()
  for (const step of steps.slice(0, index + 1)) {
    if (step.exit !== 0) continue
    const removed = step.command.match(/kubectl delete crd (\S+)/)?.[1]
    for (const [key, object] of found) if (removed !== undefined && object.metadata.name === removed) found.delete(key)
    for (const object of step.objects.map(inNamespace)) found.set(referenceKey(referenceOf(object)), object)
  }
  return [...found.values()]
}

/** The newest generation of each object that a recording has before a time: what the answer to the apply had said. */
function generationsBefore(events: readonly RecordedEvent[], before: number): Map<string, number> {
  const found = new Map<string, number>()
  for (const { t, object } of events) {
    const { generation } = object.metadata
    if (t < before && generation !== undefined) {
      const key = referenceKey(referenceOf(object))
      found.set(key, Math.max(generation, found.get(key) ?? 0))
    }
  }
  return found
}

/**
 * Replays one step of a recording into a gate: what was there when it began is known beforehand; what its command applied and no watch
 * shows is fed when the command had returned. The clock goes on after the events until the gate has ended.
 */
export function replayStep(recorded: Recording, index: number, options: ReplayOptions): Course {
  const events = options.events ?? recorded.events
  const step = recorded.steps[index] as RecordedStep
  const deletesNamespace = /kubectl delete ns/.test(
    recorded.steps
      .slice(0, index + 1)
      .map((one) => one.command)
      .join('\n'),
  )
  // What is deleted by hand is gone when the command returns; what is applied is waited for from its beginning.
  const openedAt = /kubectl delete pod/.test(step.command) ? step.done : step.t
  const until = recorded.steps[index + 1]?.t ?? Number.POSITIVE_INFINITY
  const applied = appliedUpTo(recorded.steps, index)
  const generations = generationsBefore(recorded.events, until)
  const targets: GateTarget[] = deletesNamespace
    ? [{ reference: { group: '', kind: 'Namespace', name: 'demo' }, want: 'absent' }]
    : applied.map((object) => {
        const reference = referenceOf(object)
        const generation = generations.get(referenceKey(reference))
        return { reference, ...(generation !== undefined && { generation }) }
      })
  const watched = new Set(recorded.events.map(({ object }) => object.kind))
  const unseen = applied.filter(({ kind }) => !watched.has(kind))

  const before = new Map<string, KubernetesObject>()
  for (const { t, type, object } of events) {
    if (t >= openedAt) break
    const key = referenceKey(referenceOf(object))
    if (type === 'DELETED') before.delete(key)
    else before.set(key, object)
  }
  const { deadline, window, patience } = options
  const gate = new Gate({
    targets,
    before: [...before.values()],
    openedAt,
    deadline,
    ...(window !== undefined && { window }),
    ...(patience !== undefined && { patience }),
  })
  const feed = events.filter(({ t }) => t >= openedAt && t < until)
  const extra = unseen.map((object) => ({ t: step.done, type: 'ADDED' as const, object }))
  const all = [...feed, ...extra].sort((a, b) => a.t - b.t)

  const course: Course = { settling: [], named: new Map(), last: gate.verdict(openedAt) }
  const look = (now: number): boolean => {
    const verdict = gate.verdict(now)
    for (const target of verdict.targets) {
      if (target.cause !== undefined && !course.named.has(target.cause)) course.named.set(target.cause, now)
    }
    if (verdict.state === 'settling' && course.last.state !== 'settling') course.settling.push(now)
    if ((verdict.state === 'ready' || verdict.state === 'failed') && !course.final) {
      if (verdict.state === 'ready' && course.settling.length === 0) course.settling.push(now)
      course.final = { state: verdict.state, at: now, verdict }
    }
    course.last = verdict
    return course.final !== undefined
  }
  look(openedAt)
  for (const { t, type, object } of all) {
    for (let wake = course.last.wakeAt; wake !== undefined && wake < t; wake = course.last.wakeAt)
      if (look(wake)) return course
    gate.observe({ type, object }, t)
    if (look(t)) return course
  }
  for (let wake = course.last.wakeAt; wake !== undefined; wake = course.last.wakeAt) if (look(wake)) return course
  return course
}
