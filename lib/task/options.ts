import type { Shell } from './shell.ts'

/** What is known of a task before it runs, for its conditions. */
export type ConditionContext<Args> = {
  readonly args: Args
  /** The environment that its commands would have. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** The folder in which its commands would run. */
  readonly folder: string
}

/** A check that must pass before anything runs. */
export type Precondition<Args> = {
  /** Fails by giving `false` or by throwing, so that a command will do: ``({ $ }) => $`docker info` ``. It changes nothing. */
  check(context: ConditionContext<Args> & { readonly $: Shell }): unknown
  /** What is wrong when it fails, and what to do about it. */
  readonly message: string | ((context: ConditionContext<Args>) => string)
}

/** How often a task is tried again. */
export type Retry = {
  /** How many further times. */
  readonly times: number
  /** The wait before the second attempt, e.g. `5s`; it doubles with each further one, up to 5 minutes. Default 1 s. */
  readonly backoff?: string
}

/** How a task is run from another one's code. */
export type CallOptions = {
  /** Ends it early, beside the caller's own signal, which always does. */
  readonly signal?: AbortSignal
  /** Runs it although it ran with these arguments in this invocation; what it needs is not run again. */
  readonly again?: boolean
}

/** What a definition may say of when and how often its task runs, and where. `Args` are the values of its arguments. */
export type TaskOptions<Args> = {
  /**
   * Whether the task is to run; asked before anything runs. `false`, or a text that says why not: it is skipped, which is no failure, and
   * what only it needs does not run either. Who needs it gets `undefined`.
   */
  readonly when?: (context: ConditionContext<Args>) => boolean | string | Promise<boolean | string>
  /** The systems on which the task runs (`process.platform`); on others it is skipped as by `when`. */
  readonly platforms?: readonly NodeJS.Platform[]
  /** Checks that must all pass before anything runs; all that fail are told at once (exit 3). */
  readonly preconditions?: readonly Precondition<Args>[]
  /** Tries again when it fails: so many times, or with a wait. */
  readonly retry?: number | Retry
  /** The longest one attempt may take, e.g. `10m`; then its commands are ended and it fails. */
  readonly timeout?: string
  /** Names of what only one task at a time may have, in all invocations in this workspace. */
  readonly mutex?: string | readonly string[]
  /** The working folder of its commands, relative to the Taskfile's; that is the default. */
  readonly folder?: string
  /** Variables that its commands get besides those of the process, which they override. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** `.env` files, relative to the Taskfile's folder; a later one overrides an earlier one, the process's environment overrides them all. */
  readonly dotenv?: readonly string[]
  /**
   * A service that goes on until it is ended (a development server). Who needs it begins when it has begun, not when it has ended; it is ended
   * when what was asked for has. `task --watch` restarts it.
   */
  readonly persistent?: boolean
  /** `false`: when this is the task that is asked for, no record of the run is kept in `.ops/runs`. Operations keep their own. */
  readonly record?: boolean
  /** What to use instead; said whenever the task runs. */
  readonly deprecated?: string
}
