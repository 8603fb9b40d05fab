import { type Milliseconds, parseDuration } from '../../model/duration.ts'
import { type Failure, FailureError, failed, ok, type Result } from '../../model/failure.ts'
import type { Holder, LockPort } from '../../model/platform.ts'
import { systemClock } from '../../system/clock.ts'
import { lifeOf, monotonicMs, ownStanding, type Standing } from '../local/lock-liveness.ts'
import { interrupted, locked, lockTtlVariable, watching } from '../lock-failures.ts'
import { ownHolder } from '../lock-holder.ts'
import { exclusiveEntry, newSharer, sharedEntry, withSharers } from './lease-entry.ts'
import {
  type LeaseNote,
  type LeaseObject,
  leasePath,
  microTime,
  noteOf,
  readLease,
  type Sharer,
} from './lease-object.ts'
import { KubernetesLease } from './lock-lease.ts'
import { SharersWatch } from './lock-sharers.ts'
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
 * duration by the clock of who waits; clocks are never compared. Those who
 * share it are all written in it, each with a sign of life of its own.
 */
export function kubernetesLock(options: KubernetesLockOptions): LockPort {
  const ttlMs = options.ttlMs ?? parseDuration(process.env[lockTtlVariable] ?? '') ?? 15_000
  return {
    async acquire({ mode, run, purpose, signal }) {
      const holder = ownHolder({ run, purpose })
      try {
        await ensureHome(options)
        return await acquire(options, { mode, holder, standing: await ownStanding(), ttlMs }, signal)
      } catch (error) {
        if (error instanceof FailureError) return failed(...(error.failures as [Failure, ...Failure[]]))
        throw error
      }
    },

    async inspect() {
      const note = noteOf(await readLease(options))
      const own = await ownStanding()
      for (const { holder, standing } of note?.sharers ?? (note ? [note] : []))
        if ((await lifeOf(own, standing)) !== 'dead') return holder
      return undefined
    },
  }
}

type Wish = { mode: 'exclusive' | 'shared'; holder: Holder; standing: Standing; ttlMs: Milliseconds }
type Taken = Result<{ lease: KubernetesLease; takenFrom: Holder[] }>

async function acquire(options: KubernetesLockOptions, wish: Wish, signal: AbortSignal): Promise<Taken> {
  let seen: { version: string; since: Milliseconds; watched: boolean } | undefined
  const watch = new SharersWatch()
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
    if (note?.sharers) {
      if (wish.mode === 'shared') {
        const taken = await take(options, wish, lease, note.left, signal, note.sharers)
        if (taken) return taken
        continue
      }
      const verdict = await watch.judge(note.sharers, wish.standing, now)
      if (verdict.alive) return failed(locked(options.environment, { holder: verdict.alive.holder, mode: 'shared' }, 0))
      if (verdict.leftMs <= 0) {
        const left = [...note.left, ...note.sharers.map(({ holder }) => holder)]
        const taken = await take(options, wish, lease, left, signal)
        if (taken) return taken
        continue
      }
      if (verdict.isNew) options.say?.(watching(options.environment, note.holder, verdict.leftMs))
      await systemClock.sleep(Math.max(50, Math.min(verdict.leftMs, 1000)), signal).catch(() => {})
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
  { mode, holder, standing, ttlMs }: Wish,
  before: LeaseObject | undefined,
  left: Holder[],
  signal: AbortSignal,
  beside: Sharer[] = [],
): Promise<Taken | undefined> {
  const note: LeaseNote = { holder, standing, left }
  const entry = mode === 'shared' ? sharedEntry(holder) : exclusiveEntry(holder)
  const takenAt = monotonicMs()
  const at = microTime()
  const own: LeaseObject = {
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
  const lease = mode === 'shared' ? withSharers(own, [...beside, newSharer(holder, standing, ttlMs)], left) : own
  const written = before
    ? await putObject(options.kubectl, leasePath(options), lease, { signal })
    : await createObject(options.kubectl, lease, { signal })
  if (!written.ok) return written
  // Whether a lost answer was ours is what the Lease says now.
  const now = before && written.value ? (written.value as LeaseObject) : await readLease(options)
  if (!now || !entry.isIn(now)) return undefined
  const takenFrom = beside.length > 0 ? [] : left
  return ok({ lease: new KubernetesLease(options, now, { holder, entry, ttlMs, takenAt }), takenFrom })
}
