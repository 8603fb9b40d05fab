import type { Failure } from '../model/failure.ts'
import type { Finding } from '../model/finding.ts'

/** A record that is left out of the list. `path`: where it lies. */
export const leftOut = (path: string, number: number, why: string): Finding => ({
  rule: 'release-record-unreadable',
  severity: 'warning',
  message: `release ${number} is left out, its record cannot be read: ${why}`,
  place: { file: path },
  mend: 'restore the file, or remove the folder if the release is not needed',
})

/** Which release is current cannot be read. */
export const damagedPointer = (path: string, instead: number | undefined): Finding => ({
  rule: 'current-release-unreadable',
  severity: 'warning',
  message: `which release is current cannot be read; by the records it is ${instead === undefined ? 'none' : `release ${instead}`}`,
  place: { file: path },
  mend: 'the next deploy or rollback writes it anew',
})

/** A record that is needed cannot be read. */
export const unreadable = (path: string, why: string): Failure => ({
  code: 'release-record-unreadable',
  message: 'the record of a release cannot be read',
  place: { file: path },
  why,
})

/** There is no such release. */
export const noRecord = (environment: string, number: number): Failure => ({
  code: 'no-such-release',
  message: `${environment} has no release ${number}`,
  next: [`task releases ${environment}`],
})

/** Another deploy has opened a release with that number. */
export const taken = (environment: string, number: number): Failure => ({
  code: 'release-number-taken',
  message: `${environment} has a release ${number} already; somebody else has deployed meanwhile`,
  outcome: 'unchanged',
  next: [`task releases ${environment}`],
})

/** The current release is not removed. */
export const isCurrent = (environment: string, number: number): Failure => ({
  code: 'release-is-current',
  message: `release ${number} of ${environment} is the current one and is not removed`,
})
