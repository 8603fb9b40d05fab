import { Refusal } from './refusals.ts'

/**
 * What goes wrong with the next `times` requests that match: `refuse` answers with a refusal, `close` drops the connection before anything
 * is done, `lose-answer` after it was done, `hang` never answers, `close-watch` ends a watch after its first event.
 */
export type Fault = {
  times: number
  matches(method: string, path: string, query: URLSearchParams): boolean
} & ({ kind: 'refuse'; refusal: Refusal } | { kind: 'close' | 'lose-answer' | 'hang' | 'close-watch' })

/** 429 with a time to wait. */
export const tooManyRequests = new Refusal(
  429,
  'TooManyRequests',
  'the server has received too many requests and has asked us to try again later',
  undefined,
  1,
)
/** 500 of a broken backend. */
export const internalError = new Refusal(500, 'InternalError', 'Internal error occurred: etcdserver: leader changed')
/** 409 that a second attempt passes. */
export const conflictOnce = new Refusal(
  409,
  'Conflict',
  'Operation cannot be fulfilled: the object has been modified; please apply your changes to the latest version and try again',
)
