import type { Milliseconds } from '../../../model/duration.ts'
import type { KubernetesObject, ObjectReference } from '../../../model/kubernetes-object.ts'
import { eventLine } from './event-text.ts'
import type { PodMemory } from './pod-memory.ts'
import { inTimeText, progressing, type Reading, type Rule, ready } from './rule.ts'
import { ruleFor } from './rules.ts'
import { settlingWindow } from './window.ts'
import type { World } from './world.ts'

/** An object that a gate waits for. */
export type GateTarget = {
  reference: ObjectReference
  /** What to wait for: that it is ready (default), or that it is gone. */
  want?: 'ready' | 'absent'
  /** `metadata.generation` in the answer to our apply: older states of the object do not count. */
  generation?: number
}

/** Where one target stands. `ready` is taken back when it ceases to be so before the gate has ended. */
export type TargetVerdict = {
  reference: ObjectReference
  state: 'waiting' | 'settling' | 'ready' | 'failed'
  /** Since when, on the gate's clock. */
  since: Milliseconds
  /** How far it is: `2 of 3 available`. */
  message: string
  /** Why it failed, or what keeps it from being ready. */
  cause?: string
  /** The cause may pass: it is named early and decided by the gate's patience or deadline. */
  mayHeal?: boolean
  /** Pods that the cause concerns. */
  pods: readonly string[]
  /** What the cluster said about them since the apply, oldest first. */
  events: readonly string[]
}

type Surroundings = {
  world: World
  memory: PodMemory
  openedAt: Milliseconds
  ends: Milliseconds
  window?: Milliseconds
  patience?: Milliseconds
}

const eventsShown = 10

/** The evidence on one target. */
export class TargetState {
  readonly reference: ObjectReference
  readonly #target: GateTarget
  readonly #around: Surroundings
  #reading: Reading = progressing('is not there yet')
  #since: Milliseconds
  #rule: Rule | undefined
  #object: KubernetesObject | undefined
  #readySince: Milliseconds | undefined
  #failedSince: Milliseconds | undefined
  #held: { text: string; since: Milliseconds } | undefined
  #eventsKept: readonly string[] = []
  #final: 'ready' | 'failed' | undefined
  /** How often it ceased to be ready. */
  #lost = 0

  constructor(target: GateTarget, around: Surroundings) {
    this.reference = target.reference
    this.#target = target
    this.#around = around
    this.#since = around.openedAt
  }

  hasFailed(): boolean {
    return this.#final === 'failed'
  }

  /** Whether it was ready for the whole window. */
  isSettled(now: Milliseconds): boolean {
    return this.#final === 'ready' || (this.#settledAt() ?? Number.POSITIVE_INFINITY) <= now
  }

  /** The gate has ended with everything ready. */
  conclude(now: Milliseconds): void {
    if (this.#final) return
    this.#final = 'ready'
    this.#since = now
  }

  /** When the passing of time alone may change the verdict. */
  wakeAt(): Milliseconds | undefined {
    if (this.#final) return undefined
    const { patience } = this.#around
    const times = [
      this.#settledAt(),
      this.#reading.lookAgainAt,
      this.#failedSince === undefined ? undefined : this.#failedSince + (this.#reading.standsFor ?? 0),
      this.#held && patience !== undefined ? this.#held.since + patience : undefined,
    ].filter((time) => time !== undefined)
    return times.length > 0 ? Math.min(...times) : undefined
  }

  verdict(): TargetVerdict {
    const { message, cause, pods = [] } = this.#reading
    const state = this.#final ?? (this.#readySince === undefined ? 'waiting' : 'settling')
    return {
      reference: this.reference,
      state,
      since: this.#readySince !== undefined && !this.#final ? (this.#readyFrom() ?? this.#since) : this.#since,
      message,
      ...(cause && (!cause.hint || state === 'failed') && { cause: cause.text }),
      ...(cause && state === 'waiting' && { mayHeal: true }),
      pods,
      events: this.#final === 'ready' ? [] : this.#events(),
    }
  }

  /** Looks at the objects again. */
  refresh(now: Milliseconds): void {
    if (this.#final) return
    const reading = this.#read(now)
    if (reading.state !== this.#reading.state || reading.cause?.text !== this.#reading.cause?.text) this.#since = now
    this.#reading = reading
    if (reading.state === 'ready') this.#becameReady(now)
    else this.#notReady(reading, now)
    if (!this.#final && now >= this.#around.ends && !this.isSettled(now)) this.#fail(this.#overdue(reading, now), now)
  }

  #read(now: Milliseconds): Reading {
    const { world, memory, openedAt } = this.#around
    const before = this.#object
    this.#object = world.find(this.reference)
    if (this.#target.want === 'absent') {
      if (!this.#object) return ready('is gone')
      const { cause } = ruleFor(this.#object).read(this.#object, { observed: world, memory, now, appliedAt: openedAt })
      const left = {
        text: `is still there${cause ? `: ${cause.text}` : ''}`,
        mayHeal: true,
        hint: !cause || cause.hint === true,
      }
      return { state: 'progressing', message: 'is being deleted', cause: left }
    }
    if (!this.#object) {
      if (before)
        this.#reading = progressing('was deleted', { cause: { text: 'was deleted', mayHeal: true, hint: true } })
      return this.#reading.state === 'ready' ? progressing('was deleted') : this.#reading
    }
    this.#rule = ruleFor(this.#object)
    const { generation } = this.#target
    return this.#rule.read(this.#object, {
      observed: world,
      memory,
      now,
      appliedAt: openedAt,
      ...(generation !== undefined && { generation }),
    })
  }

  #becameReady(now: Milliseconds): void {
    this.#failedSince = undefined
    this.#held = undefined
    this.#readySince ??= now
    if (this.#target.want === 'absent' || this.#rule?.settles === false) this.conclude(now)
  }

  #notReady(reading: Reading, now: Milliseconds): void {
    if (this.#readySince !== undefined) this.#lost += 1
    this.#readySince = undefined
    if (reading.state === 'failed') {
      this.#failedSince ??= now
      if (now - this.#failedSince >= (reading.standsFor ?? 0)) this.#fail(reading, now)
      return
    }
    this.#failedSince = undefined
    const { cause } = reading
    if (!cause?.mayHeal || cause.hint) this.#held = undefined
    else if (this.#held?.text !== cause.text) this.#held = { text: cause.text, since: now }
    const { patience } = this.#around
    if (this.#held && patience !== undefined && now - this.#held.since >= patience) this.#fail(reading, now)
  }

  #fail(reading: Reading, now: Milliseconds): void {
    this.#reading = reading
    this.#eventsKept = this.#events()
    this.#final = 'failed'
    this.#since = now
    this.#reading = { ...reading, state: 'failed' }
  }

  /** What is said when the time is over. */
  #overdue(reading: Reading, now: Milliseconds): Reading {
    const cause = (text: string): Reading => ({ ...reading, cause: { text, mayHeal: false } })
    const pods = this.#pods()
    if (this.#lost + this.#around.memory.lostReadiness(pods) >= 2) {
      return { ...cause('readiness unstable'), pods: pods.map(({ metadata }) => metadata.name) }
    }
    const from = this.#readyFrom()
    if (from !== undefined) return cause(`not ready in time; ready for ${Math.round((now - from) / 1000)} s only`)
    return cause(inTimeText(reading.cause ?? { text: reading.message, mayHeal: true, hint: true }))
  }

  /** Since when it is ready without a sign that it may not stay so. */
  #readyFrom(): Milliseconds | undefined {
    if (this.#readySince === undefined) return undefined
    const signs = this.#pods().map((pod) => this.#around.memory.disturbedAt(pod) ?? 0)
    return Math.max(this.#readySince, ...signs)
  }

  #settledAt(): Milliseconds | undefined {
    const from = this.#readyFrom()
    if (from === undefined || !this.#object) return undefined
    return from + (this.#around.window ?? settlingWindow(this.#object))
  }

  /** The pods that belong to it and are not being ended. */
  #pods(): KubernetesObject[] {
    const { world } = this.#around
    const uid = this.#object?.metadata.uid
    if (uid === undefined) return []
    const found = this.#object?.kind === 'Pod' ? [this.#object] : []
    const level = world.ownedBy(uid)
    const below = level.flatMap((one) => (one.kind === 'Pod' ? [one] : world.ownedBy(one.metadata.uid ?? '')))
    return [...found, ...below].filter(({ kind, metadata }) => kind === 'Pod' && !metadata.deletionTimestamp)
  }

  #events(): readonly string[] {
    const uid = this.#object?.metadata.uid
    const about = new Set([...(uid === undefined ? [] : [uid]), ...(this.#reading.about ?? [])])
    const { world } = this.#around
    const events = [...about].flatMap((one) => world.eventsAbout(one)).slice(-eventsShown)
    // What went with its pod is kept: a Job deletes the pod that could not pull its image.
    return events.length > 0 ? events.map(eventLine) : this.#eventsKept
  }
}
