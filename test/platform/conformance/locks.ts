import { suite } from 'uvu'
import type { Result } from '../../../lib/model/failure.ts'
import type { Holder, Lease, LockPort } from '../../../lib/model/platform.ts'
import type { Standing } from '../../../lib/platform/local/lock-liveness.ts'
import { bundleScript } from '../../execute/support/script.ts'
import { skip, timeLimit } from '../../support/index.ts'
import { lockCases } from './lock-cases.ts'
import { lockChances } from './lock-chance.ts'
import { type LockPlace, lockAt } from './lock-place.ts'
import { Peer } from './peer.ts'

/** What a platform brings to the cases of its lock. */
export type LockGround = {
  place: LockPlace
  /** Another workspace of the same name there. */
  other: LockPlace
  /** A time to live after which a silent holder is taken over soon, and that a busy machine keeps up with, in milliseconds. */
  shortMs: number
  /** Makes the lock look held by a process of another machine, and gives what beats for it. */
  hold(environment: string, as: Foreign): Promise<(beat: number) => Promise<unknown>>
  /** Takes the lock away from under its holder, as somebody does by hand. */
  destroy(environment: string): Promise<void>
  /** How many stand in the queue. */
  queue(environment: string): Promise<number>
  /** For how long the cases with chance in them go on, in milliseconds, and how many races there are at most. */
  chanceMs: number
  races: number
  /** How many processes meet. */
  crowd: number
  end?(): Promise<void>
}

/** A holder of which only its entry is known. */
export type Foreign = { holder: Holder; standing: Standing; ttlMs: number; at: string }

type Options = {
  mode?: 'exclusive' | 'shared'
  run?: string
  ttlMs?: number
  say?: (text: string) => void
  signal?: AbortSignal
}

/** Why a platform has no such case, by the case: none, all of them do all. */
export const lockSkips: Readonly<Record<string, Partial<Record<LockPlace['platform'], string>>>> = {}

/** Runs the cases of the lock on a platform. */
export function conformLocks(platform: LockPlace['platform'], make: () => Promise<LockGround>): void {
  timeLimit(600_000)
  const on = suite<{ ground: LockGround; script: string }>(`the lock of the ${platform} platform`)
  let environments = 0
  const newEnvironment = () => {
    environments += 1
    return `e${environments}`
  }
  on.before(async (context) => {
    context.ground = await make()
    context.script = await bundleScript('test/platform/conformance/lock-peer.ts')
  })
  on.after(({ ground }) => ground?.end?.())

  for (const [name, body] of Object.entries({ ...lockCases, ...lockChances })) {
    on(name, async ({ ground, script }) => {
      const why = lockSkips[name]?.[platform]
      if (why !== undefined) skip(`${platform}: ${why}`, { allowedOnCi: true })
      const peers: Peer[] = []
      const newPeer = () => {
        const peer = new Peer(script, ground.place)
        peers.push(peer)
        return peer
      }
      try {
        await body({ ground, newPeer, environment: newEnvironment(), newEnvironment, ...takersOf(ground) })
      } finally {
        await Promise.all(peers.map((peer) => peer.kill()))
      }
    })
  }
  on.run()
}

function takersOf(ground: LockGround) {
  const lockOf = (environment: string, { ttlMs, say }: Options = {}, place = ground.place): LockPort =>
    lockAt(place, environment, { ...(ttlMs && { ttlMs }), ...(say && { say }) })
  const acquire = (
    environment: string,
    options: Options = {},
    place = ground.place,
  ): Promise<Result<{ lease: Lease; takenFrom: Holder[] }>> =>
    lockOf(environment, options, place).acquire({
      mode: options.mode ?? 'exclusive',
      run: options.run ?? 'run-here',
      purpose: 'deploy v1.4',
      signal: options.signal ?? new AbortController().signal,
    })
  return {
    lockOf,
    acquire,
    async hold(environment: string, options: Options = {}, place = ground.place) {
      const result = await acquire(environment, options, place)
      if (!result.ok) throw new Error(`not acquired: ${result.failures[0].message}`)
      return result.value
    },
    async refusal(environment: string, options: Options = {}, place = ground.place) {
      const result = await acquire(environment, options, place)
      if (!result.ok) return result.failures[0]
      await result.value.lease.release()
      throw new Error('it was acquired')
    },
  }
}

/** What a case is given. */
export type LockGiven = ReturnType<typeof takersOf> & {
  ground: LockGround
  newPeer(): Peer
  environment: string
  newEnvironment(): string
}

/** Cases by their names. */
export type LockCases = Readonly<Record<string, (given: LockGiven) => Promise<void>>>
