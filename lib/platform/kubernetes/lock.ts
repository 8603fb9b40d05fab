import { type Milliseconds, parseDuration } from '../../model/duration.ts'
import { type Failure, FailureError, failed, ok, type Result } from '../../model/failure.ts'
import type { Holder, LockPort } from '../../model/platform.ts'
import { systemClock } from '../../system/clock.ts'
import { lifeOf, monotonicMs, ownStanding, type Standing } from '../local/lock-liveness.ts'
import { interrupted, locked, lockTtlVariable, watching } from '../lock-failures.ts'
import { ownHolder } from '../lock-holder.ts'
import { type LeaseNote, type LeaseObject, leasePath, microTime, noteOf, readLease } from './lease-object.ts'
import { KubernetesLease } from './lock-lease.ts'
import { label, ownerLabels, ownName } from './names.ts'
import { createObject, ensureHome, putObject, type RecordPlace } from './records.ts'

/** What the lock is made of. */
export type KubernetesLockOptions = RecordPlace & {
  /** Told when it takes longer than a moment. */
  say?(text: string): void
  /** For how long a sign of life is good; default 15 s, or what OPS_LOCK_TTL says. */
  ttlMs?: Milliseconds
}

/**
 * The lock of an environment as a Lease, taken and renewed with its resourceVersion. It expires when its renewTime has not changed for its
 * duration by the clock of who waits; clocks are never compared. Shared locks are taken as exclusive ones.
 */
export function kubernetesLock(options: KubernetesLockOptions): LockPort {
  const ttlMs = options.ttlMs ?? parseDuration(process.env[lockTtlVariable] ?? '') ?? 15_000
  return {
    async acquire({ run, purpose, signal }) {
      const holder = ownHolder({ run, purpose })
      try {
        await ensureHome(options)
        return await acquire(options, { holder, standing: await ownStanding(), ttlMs }, signal)
      } catch (error) {
        if (error instanceof FailureError) return failed(...(error.failures as [Failure, ...Failure[]]))
        throw error
      }
    },

    async inspect() {
      const note = noteOf(await readLease(options))
      return note && (await lifeOf(await ownStanding(), note.standing)) !== 'dead' ? note.holder : undefined
    },
  }
}

type Wish = { holder: Holder; standing: Standing; ttlMs: Milliseconds }
type Taken = Result<{ lease: KubernetesLease; takenFrom: Holder[] }>

async function acquire(options: KubernetesLockOptions, wish: Wish, signal: AbortSignal): Promise<Taken> {
  let seen: { version: string; since: Milliseconds; watched: boolean } | undefined
  for (;;) {
    if (signal.aborted) return failed(interrupted(options.environment))
    // Before it is read: a renewal that comes later must be seen, not outrun.
    const now = monotonicMs()
    const lease = await readLease(options)
    const version = lease?.metadata.resourceVersion ?? ''
    const note = noteOf(lease)
    if (!lease?.spec.holderIdentity) {
      const taken = await take(options, wish, lease, [], signal)
      if (taken) return taken
      continue
    }
    const dead = note !== undefined && (await lifeOf(wish.standing, note.standing)) === 'dead'
    const durationMs = (lease.spec.leaseDurationSeconds ?? 15) * 1000
    const unchanged = seen?.version === version ? now - seen.since : 0
    if (dead || unchanged >= durationMs) {
      const left = note ? [...note.left, note.holder] : []
      const taken = await take(options, wish, lease, left, signal)
      if (taken) return taken
      continue
    }
    // It moved while we watched, or looks fresh: alive. A clock that is wrong costs a second attempt, and takes nothing from anybody.
    const age = Date.now() - Date.parse(lease.spec.renewTime ?? '')
    const moved = seen !== undefined && seen.version !== version
    if (note && (moved || (!seen && age >= 0 && age < durationMs)))
      return failed(locked(options.environment, { holder: note.holder, mode: 'exclusive' }, 0))
    if (!seen) seen = { version, since: now, watched: false }
    if (!seen.watched && durationMs > 1000) {
      seen.watched = true
      options.say?.(watching(options.environment, note?.holder, durationMs))
    }
    await systemClock.sleep(Math.max(50, Math.min(durationMs - unchanged, 1000)), signal).catch(() => {})
  }
}

/** Writes ourselves into the Lease; undefined when somebody else was faster. */
async function take(
  options: KubernetesLockOptions,
  { holder, standing, ttlMs }: Wish,
  before: LeaseObject | undefined,
  left: Holder[],
  signal: AbortSignal,
): Promise<Taken | undefined> {
  const note: LeaseNote = { holder, standing, left }
  const takenAt = monotonicMs()
  const at = microTime()
  const lease: LeaseObject = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      ...(before?.metadata ?? { name: ownName(options, 'lock'), namespace: options.home }),
      labels: ownerLabels(options),
      annotations: { ...before?.metadata.annotations, [label.holder]: JSON.stringify(note) },
    },
    spec: {
      holderIdentity: `${holder.run}/${holder.host}/${holder.pid}`,
      leaseDurationSeconds: Math.max(1, Math.ceil(ttlMs / 1000)),
      acquireTime: at,
      renewTime: at,
      leaseTransitions: (before?.spec.leaseTransitions ?? 0) + 1,
    },
  }
  const written = before
    ? await putObject(options.kubectl, leasePath(options), lease, { signal })
    : await createObject(options.kubectl, lease, { signal })
  if (!written.ok) return written
  // Whether a lost answer was ours is what the Lease says now.
  const now = before && written.value ? (written.value as LeaseObject) : await readLease(options)
  if (!now || now.spec.holderIdentity !== lease.spec.holderIdentity) return undefined
  return ok({ lease: new KubernetesLease(options, now, { holder, ttlMs, takenAt }), takenFrom: left })
}
