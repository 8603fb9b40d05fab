import { FailureError } from '../model/failure.ts'

/**
 * The failure of a clone whose key of digests is not the one that is kept with its environment.
 * @param where that is: `engine`, `cluster`
 */
export const keyringChanged = (environment: string, where: 'engine' | 'cluster'): FailureError =>
  new FailureError({
    code: 'keyring-changed',
    message: `${environment} has another key on its ${where} than in this clone`,
    why: 'the environment was made anew there, another clone was faster, or this folder belonged to another one',
    next: [`rm -r .ops/secrets/${environment}   # takes the one of the ${where} with the next command`],
    outcome: 'unchanged',
  })
