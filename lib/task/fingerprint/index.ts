/*
 * Whether a task has to run. A task that has `inputs` or `outputs` is skipped while nothing that matters has changed since its last good run.
 *
 *   request.ts     FingerprintRequest → Fingerprint: all that matters, as plain data, and the key that is made of it
 *   check.ts       Fingerprint → Verdict: up to date, restorable from the cache, or to be run, with the reasons
 *   guard.ts       runs a task under its lock: check, invalidate, run, look at the inputs again, keep
 *   record.ts      the last good run, one file a task and arguments: .ops/cache/tasks/<sha256 of the id>
 *   stat-cache.ts  contents of files by their size, times and inode: .ops/cache/files
 *   ../cache/      contents of outputs: .ops/cache/objects, .ops/cache/entries
 *
 * A check needs no Task and nothing of the Taskfile's code: who knows a FingerprintRequest (ids, patterns, values and digests) calls
 *
 *   const cache = new StatCache(statCachePath(workspace))
 *   const record = readRecord(recordPath(workspace, request.id))
 *   const verdict = check(takeFingerprint(request, cache, keyedDigest(workspace), { record }), { cache, record, resultOf, wantsResult })
 *
 * and is told, without a change on disk. Nothing here loads more than Node's own modules, but for what takes the lock.
 */
export { type CheckOptions, check, type Verdict } from './check.ts'
export type { Reason } from './difference.ts'
export { keyedDigest } from './key.ts'
export { type Fingerprint, type FingerprintRequest, takeFingerprint } from './request.ts'
export { StatCache, statCachePath } from './stat-cache.ts'
