import type { Milliseconds } from '../../model/duration.ts'
import type { Holder } from '../../model/platform.ts'
import type { Standing } from '../local/lock-liveness.ts'
import { type LeaseNote, type LeaseObject, microTime, noteOf, type Sharer } from './lease-object.ts'
import { label } from './names.ts'

/** What stands for one holder in a Lease: the whole of it (exclusive), or one of several who share it. */
export type LeaseEntry = {
  /** Whether the Lease still says that it is held so. */
  isIn(lease: LeaseObject | undefined): boolean
  /** The Lease with a new sign of life, good for so many seconds. */
  renewed(lease: LeaseObject, seconds: number): LeaseObject
  /** Whether a renewal whose answer was lost has been written. */
  isRenewed(now: LeaseObject, wanted: LeaseObject): boolean
  /** The Lease without it. */
  released(lease: LeaseObject): LeaseObject
  /** Others write the same object: a conflict is no loss. */
  shared: boolean
}

const identityOf = ({ run, host, pid }: Holder): string => `${run}/${host}/${pid}`

/** A Lease that nobody holds. */
function free(lease: LeaseObject): LeaseObject {
  const { [label.holder]: _, ...annotations } = lease.metadata.annotations ?? {}
  const { holderIdentity: __, renewTime: ___, ...spec } = lease.spec
  return { ...lease, metadata: { ...lease.metadata, annotations }, spec }
}

/** The Lease as one holder has it. */
export function exclusiveEntry(holder: Holder): LeaseEntry {
  const identity = identityOf(holder)
  return {
    shared: false,
    isIn: (lease) => lease?.spec.holderIdentity === identity && noteOf(lease)?.sharers === undefined,
    renewed: (lease, leaseDurationSeconds) => ({
      ...lease,
      spec: { ...lease.spec, leaseDurationSeconds, renewTime: microTime() },
    }),
    isRenewed: (now, wanted) => now.spec.renewTime === wanted.spec.renewTime,
    released: free,
  }
}

/** A Lease with other sharers, named after the first of them; free where none is left. */
export function withSharers(lease: LeaseObject, sharers: Sharer[], left: Holder[]): LeaseObject {
  const [first] = sharers
  if (!first) return free(lease)
  const note: LeaseNote = { holder: first.holder, standing: first.standing, left, sharers }
  return {
    ...lease,
    metadata: {
      ...lease.metadata,
      annotations: { ...lease.metadata.annotations, [label.holder]: JSON.stringify(note) },
    },
    spec: {
      ...lease.spec,
      holderIdentity: identityOf(first.holder),
      leaseDurationSeconds: Math.max(...sharers.map(({ seconds }) => seconds)),
      renewTime: microTime(),
    },
  }
}

/** What a new sharer writes of itself. */
export const newSharer = (holder: Holder, standing: Standing, ttlMs: Milliseconds): Sharer => ({
  holder,
  standing,
  seconds: Math.max(1, Math.ceil(ttlMs / 1000)),
  beat: microTime(),
})

/** One of those who share a Lease. */
export function sharedEntry(holder: Holder): LeaseEntry {
  const identity = identityOf(holder)
  const sharersOf = (lease: LeaseObject | undefined) => noteOf(lease)?.sharers ?? []
  const own = (lease: LeaseObject | undefined) => sharersOf(lease).find((one) => identityOf(one.holder) === identity)
  const others = (lease: LeaseObject) => sharersOf(lease).filter((one) => identityOf(one.holder) !== identity)
  return {
    shared: true,
    isIn: (lease) => own(lease) !== undefined,
    renewed(lease, seconds) {
      const sharers = sharersOf(lease).map((one) =>
        identityOf(one.holder) === identity ? { ...one, seconds, beat: microTime() } : one,
      )
      return withSharers(lease, sharers, noteOf(lease)?.left ?? [])
    },
    isRenewed: (now, wanted) => own(now)?.beat === own(wanted)?.beat,
    released: (lease) => withSharers(lease, others(lease), noteOf(lease)?.left ?? []),
  }
}
