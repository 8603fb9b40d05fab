import type { Milliseconds } from '../../../model/duration.ts'
import { type KubernetesObject, referenceKey, referenceOf, referenceText } from '../../../model/kubernetes-object.ts'
import { type GateTarget, TargetState, type TargetVerdict } from './gate-target.ts'
import { PodMemory } from './pod-memory.ts'
import type { WatchEvent } from './world.ts'
import { World } from './world.ts'

export type { GateTarget, TargetVerdict } from './gate-target.ts'

/** What a gate waits for, and how long. Times are milliseconds of one monotonic clock, which the caller reads. */
export type GateOptions = {
  targets: readonly GateTarget[]
  /** What was there before the apply: restarts and events of that time do not count. */
  before?: Iterable<KubernetesObject>
  /** When the apply began. */
  openedAt: Milliseconds
  /** After this long the gate fails, whatever happened before. */
  deadline: Milliseconds
  /** How long everything must have been ready; default is what suits each object (`settlingWindow`). */
  window?: Milliseconds
  /** How long a cause that may heal may stand; default is until the deadline. */
  patience?: Milliseconds
}

/** Where a gate stands. `ready` and `failed` are final. */
export type GateVerdict = {
  /** `settling`: everything is ready, and the window runs. */
  state: 'waiting' | 'settling' | 'ready' | 'failed'
  targets: readonly TargetVerdict[]
  /** Call `verdict` again at this time at the latest, also when no event comes; undefined when the gate has ended. */
  wakeAt?: Milliseconds
}

/**
 * Collects the evidence on what was applied, from events of watches: ready only after everything stood for the window, failed as soon as
 * the evidence is there. Does no input or output and reads no clock; the same events at the same times give the same verdicts.
 */
export class Gate {
  readonly #world = new World()
  readonly #memory: PodMemory
  readonly #targets: TargetState[]
  readonly #byKey = new Map<string, TargetState>()
  readonly #ends: Milliseconds
  #final: 'ready' | 'failed' | undefined

  constructor(options: GateOptions) {
    const { openedAt, deadline } = options
    this.#ends = openedAt + deadline
    this.#memory = new PodMemory(options.window ?? longestWindow)
    const before = [...(options.before ?? [])]
    this.#world.start(before)
    for (const object of before) if (object.kind === 'Pod') this.#memory.start(object, openedAt)
    const rest = { world: this.#world, memory: this.#memory, openedAt, ends: this.#ends }
    const limits = {
      ...(options.window !== undefined && { window: options.window }),
      ...(options.patience !== undefined && { patience: options.patience }),
    }
    this.#targets = options.targets.map((target) => new TargetState(target, { ...rest, ...limits }))
    for (const target of this.#targets) this.#byKey.set(referenceKey(target.reference), target)
    for (const target of this.#targets) target.refresh(openedAt)
  }

  /** Takes in an event of a watch, or an object as a list or an apply gave it (as ADDED). Times never go back. */
  observe(event: WatchEvent, now: Milliseconds): void {
    this.#take([event], now)
  }

  /**
   * All objects of one kind (in one namespace, if it is given) as a new list has them, after a watch broke off: what is missing was deleted
   * meanwhile.
   */
  relist(kind: string, objects: readonly KubernetesObject[], now: Milliseconds, namespace?: string): void {
    const there = new Set(objects.map((object) => referenceKey(referenceOf(object))))
    const gone = this.#world.ofKind(kind).filter((known) => {
      const elsewhere = namespace !== undefined && known.metadata.namespace !== namespace
      return !elsewhere && !there.has(referenceKey(referenceOf(known)))
    })
    // A part of a list says nothing: one pod that fails may be the first of many that run.
    this.#take([...gone.map((object) => deleted(object)), ...objects.map((object) => added(object))], now)
  }

  /** Where the gate stands at this time. */
  verdict(now: Milliseconds): GateVerdict {
    if (!this.#final) {
      this.#memory.tick(now)
      for (const target of this.#targets) {
        if (now >= this.#ends || (target.wakeAt() ?? Number.POSITIVE_INFINITY) <= now) target.refresh(now)
      }
      this.#decide(now)
    }
    const targets = this.#targets.map((target) => target.verdict())
    if (this.#final) return { state: this.#final, targets }
    const settling = targets.every(({ state }) => state === 'ready' || state === 'settling')
    const wakes = this.#targets.map((target) => target.wakeAt()).filter((at) => at !== undefined && at > now)
    const wakeAt = Math.min(this.#ends, ...(wakes as number[]))
    return { state: settling ? 'settling' : 'waiting', targets, wakeAt }
  }

  #take(events: readonly WatchEvent[], now: Milliseconds): void {
    if (this.#final) return
    const touched = new Set<TargetState>()
    for (const event of events) {
      const { object, type } = event
      // What is gone has no owner any more by which its target is found.
      const owner = type === 'DELETED' ? [...this.#touchedBy(object)] : []
      if (!this.#world.take(event)) continue
      if (object.kind === 'Pod' && type !== 'DELETED') this.#memory.see(object, now)
      else if (object.kind === 'Event') this.#memory.hear(object, now)
      else this.#memory.tick(now)
      for (const target of [...owner, ...this.#touchedBy(object)]) touched.add(target)
    }
    for (const target of touched) target.refresh(now)
    this.#decide(now)
  }

  #decide(now: Milliseconds): void {
    if (this.#targets.some((target) => target.hasFailed())) this.#final = 'failed'
    else if (this.#targets.every((target) => target.isSettled(now))) {
      this.#final = 'ready'
      for (const target of this.#targets) target.conclude(now)
    }
  }

  /** The targets that an object speaks about; all of them where that is not known. */
  #touchedBy(object: KubernetesObject): Iterable<TargetState> {
    const own = this.#byKey.get(referenceKey(referenceOf(object)))
    if (own) return [own]
    const about = object.kind === 'Event' ? subject(object, this.#world) : object
    if (!about) return []
    const root = this.#world.rootOf(about)
    const target = this.#byKey.get(referenceKey(referenceOf(root)))
    if (target) return [target]
    // An owner that was not seen yet, or something that rules look up by name.
    return independent.has(about.kind) && root === about && !hasOwner(about) ? [] : this.#targets
  }
}

const longestWindow: Milliseconds = 20_000

const added = (object: KubernetesObject): WatchEvent => ({ type: 'ADDED', object })
const deleted = (object: KubernetesObject): WatchEvent => ({ type: 'DELETED', object })

/** Kinds that no rule looks up by name: one that belongs to no target says nothing about them. */
const independent = new Set([
  'Pod',
  'ReplicaSet',
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'Job',
  'CronJob',
  'EndpointSlice',
  'ConfigMap',
  'Secret',
  'Lease',
])

const hasOwner = ({ metadata }: KubernetesObject): boolean =>
  Array.isArray(metadata.ownerReferences) && metadata.ownerReferences.length > 0

function subject(event: KubernetesObject, world: World): KubernetesObject | undefined {
  const involved = event.involvedObject ?? event.regarding
  const uid = typeof involved === 'object' && involved !== null && 'uid' in involved ? String(involved.uid) : ''
  return world.withUid(uid)
}

/** What a gate says about its targets as lines for people, the failed ones first: `Deployment demo/web: image cannot be pulled: not found`. */
export function verdictLines(verdict: Pick<GateVerdict, 'targets'>): string[] {
  const order = ['failed', 'waiting', 'settling', 'ready']
  return [...verdict.targets]
    .sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state))
    .map((target) => `${referenceText(target.reference)}: ${target.cause ?? target.message}`)
}
