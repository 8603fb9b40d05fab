import { failureInEnvironment } from '../../lib/log/environment-command.ts'
import { type Failure, FailureError } from '../../lib/model/failure.ts'
import { finish, isFinished } from '../../lib/task/definition.ts'

/** The arguments that say which environment an operation is about. */
export type EnvironmentArguments = {
  readonly environment?: string
  /** `task setup`: an environment, `k8s` or `all`. */
  readonly target?: string
  readonly platform?: string | undefined
}

/** What an operation gives or throws, with failures whose next commands name its environment and platform as they were typed. */
export async function failuresInEnvironment(args: EnvironmentArguments, work: () => unknown): Promise<unknown> {
  const { environment, target, platform } = args
  // `k8s` and `all` are no environments; what is done of them for one is done for dev.
  const name = environment ?? (target === undefined || target === 'k8s' || target === 'all' ? 'dev' : target)
  const complete = (failure: Failure) =>
    failureInEnvironment(failure, platform === undefined ? name : `${name}@${platform}`)
  try {
    const result = await work()
    if (!isFinished(result) || result.failures.length === 0) return result
    return finish(result.outcome, result.result, result.failures.map(complete))
  } catch (error) {
    if (!(error instanceof FailureError)) throw error
    throw new FailureError(...(error.failures.map(complete) as [Failure, ...Failure[]]))
  }
}
