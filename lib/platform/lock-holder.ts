import { z } from 'zod'
import type { Holder, LockPort } from '../model/platform.ts'
import { hostName, userName } from '../system/machine.ts'

/** A holder as a lock's entry says it. */
export const holderSchema = z.looseObject({
  run: z.string(),
  user: z.string(),
  host: z.string(),
  pid: z.int(),
  purpose: z.string(),
  since: z.string(),
})

/** What stands on a ticket of a queue for a lock: who wants it and how, and how to tell whether that process lives. */
export const ticketSchema = z.looseObject({
  mode: z.enum(['exclusive', 'shared']),
  holder: holderSchema,
  standing: z.looseObject({
    process: z.looseObject({ pid: z.int(), startTime: z.string(), bootId: z.string() }),
    namespaces: z.string(),
    machine: z.string(),
  }),
  ttlMs: z.number(),
  monotonicMs: z.number(),
  at: z.string(),
})

/** Whether two tickets cannot be granted both: an exclusive one conflicts with everything. */
export const conflicts = (one: { mode: Mode }, other: { mode: Mode }): boolean =>
  one.mode === 'exclusive' || other.mode === 'exclusive'

type Mode = 'exclusive' | 'shared'

/** A sign of life of a ticket's owner. */
export const beatSchema = z.looseObject({
  beat: z.int(),
  ttlMs: z.number(),
  monotonicMs: z.number(),
  at: z.string(),
})

/** This process as the holder that a request for a lock will make it. */
export const ownHolder = ({ run, purpose }: Pick<Parameters<LockPort['acquire']>[0], 'run' | 'purpose'>): Holder => ({
  run,
  user: userName(),
  host: hostName(),
  pid: process.pid,
  purpose,
  since: new Date().toISOString(),
})
