import { FailureError } from '../../model/failure.ts'
import type { KubernetesObject } from '../../model/kubernetes-object.ts'
import type { Holder } from '../../model/platform.ts'
import type { Standing } from '../local/lock-liveness.ts'
import { label, ownName } from './names.ts'
import type { RecordPlace } from './records.ts'

/** A Lease of coordination.k8s.io/v1. */
export type LeaseObject = KubernetesObject & {
  spec: {
    holderIdentity?: string
    leaseDurationSeconds?: number
    acquireTime?: string
    renewTime?: string
    leaseTransitions?: number
  }
}

/** One of those who share a Lease: `beat` is another text with each sign of life, which is good for so many seconds. */
export type Sharer = { holder: Holder; standing: Standing; seconds: number; beat: string }

/**
 * What a Lease says of its holder: who, where its process stands, and whose work it took over and has not ended yet. `sharers`: it is shared, and
 * the holder is the first of them.
 */
export type LeaseNote = { holder: Holder; standing: Standing; left: Holder[]; sharers?: Sharer[] }

/** The path of an environment's Lease on the API server. */
export const leasePath = (place: RecordPlace): string =>
  `/apis/coordination.k8s.io/v1/namespaces/${place.home}/leases/${ownName(place, 'lock')}`

/** A time as Leases write it: microseconds. */
export const microTime = (at = new Date()): string => at.toISOString().replace(/Z$/, '000Z')

/** Reads the Lease; undefined where there is none. Throws `FailureError`. */
export async function readLease(place: RecordPlace): Promise<LeaseObject | undefined> {
  const found = await place.kubectl.json<LeaseObject>([
    'get',
    'lease',
    ownName(place, 'lock'),
    '-n',
    place.home,
    '--ignore-not-found',
  ])
  if (!found.ok) throw new FailureError(...found.failures)
  return found.value
}

/** What a Lease says of its holder; undefined when nobody holds it, or somebody whose note cannot be read. */
export function noteOf(lease: LeaseObject | undefined): LeaseNote | undefined {
  const text = lease?.metadata.annotations?.[label.holder]
  if (!lease?.spec.holderIdentity || text === undefined) return undefined
  try {
    return JSON.parse(text) as LeaseNote
  } catch {
    return undefined
  }
}
