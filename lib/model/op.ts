import type { z } from 'zod'
import type { Milliseconds } from './duration.ts'
import type { opKinds } from './ops/index.ts'

/** Readable and stable: `start:api`, `migrate:postgres`, `gate:api`. */
export type OpId = string

/** The kinds of ops, derived from the table. */
export type OpKindName = keyof typeof opKinds
/** The data of a kind. */
export type OpData<K extends OpKindName> = z.output<(typeof opKinds)[K]['schema']>

/** What all ops have. An op carries only its own data and why it is in the plan. */
export type OpCommon = {
  id: OpId
  after: OpId[]
  /** Ops that must have ended before it starts, in whichever way: what it can do without, where a failure ends nothing else. */
  afterEnd?: OpId[]
  /** Names configuration or existence, or a health verdict settled over a window. */
  cause: string
  /** Gates, hooks, records and notifications do not change; a plan with no changing op is empty. */
  changes: boolean
  /** Loses data that nothing brings back: asks for confirmation. */
  destructive?: boolean
  service?: string
  timeoutMs: Milliseconds
}

/** One step of change with its cause. */
export type Op = { [K in OpKindName]: OpCommon & { kind: K; data: OpData<K> } }[OpKindName]
/** The ops of one kind. */
export type OpOf<K extends OpKindName> = Extract<Op, { kind: K }>
