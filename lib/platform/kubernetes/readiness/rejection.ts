import { firstLine } from './pull-cause.ts'

/** What servers say when they refuse, and what that means; the first that fits. */
const meanings: readonly (readonly [RegExp, string])[] = [
  [/no matches for kind/, 'no matches for kind'],
  [/because it is being terminated/, 'namespace is being terminated'],
  [/violate the pod's disruption budget/, 'disruption budget'],
  [/field is immutable|updates to statefulset spec for fields other than/, 'immutable field'],
  [/exceeded quota/, 'quota exceeded'],
  [/violates PodSecurity/, 'Pod Security denies the pod'],
  [/the object has been modified/, 'changed by someone else meanwhile'],
  [/field not declared in schema|unknown field/, 'unknown field'],
  [/Too Many Requests|TooManyRequests/, 'the server asks to come back later'],
]

/**
 * What a refusal of the API server means, from kubectl's standard error; the message itself where it is none of the usual ones. For people
 * alone: that something was refused is told by the exit code.
 */
export function rejectionCause(stderr: string): { cause: string; fields: string[] } {
  const cause = meanings.find(([pattern]) => pattern.test(stderr))?.[1] ?? firstLine(stderr)
  const immutable = [...stderr.matchAll(/([A-Za-z][\w.[\]]*): Invalid value: .*?field is immutable/gs)].map(
    (found) => found[1] as string,
  )
  return { cause, fields: [...new Set(immutable)] }
}
