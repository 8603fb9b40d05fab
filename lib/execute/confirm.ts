import type { Failure } from '../model/failure.ts'
import type { Plan } from '../model/plan.ts'

/** What was given on the command line to confirm, and who can be asked. */
export type Consent = {
  /** `--yes`: enough for what is destructive, not for a protected environment. */
  yes: boolean
  /** `--confirm=NAME` */
  confirm?: string
  /** Asks on the terminal; absent when nobody can be asked. Gives the answer's text. */
  ask?(question: string): Promise<string>
}

/** What a plan needs before it may run: nothing, a yes, or the environment's name typed. */
export function neededConsent(plan: Plan, isProtected: boolean): 'none' | 'yes' | 'name' {
  if (isProtected || plan.ops.some((op) => op.destructive && op.kind === 'apply-migrations')) return 'name'
  return plan.ops.some((op) => op.destructive) ? 'yes' : 'none'
}

/**
 * Asks once, before anything runs. Returns undefined when the plan may run, else why not (outcome `unchanged`).
 * @param environment the name that has to be typed
 */
export async function confirm(
  plan: Plan,
  options: { environment: string; protected: boolean } & Consent,
): Promise<Failure | undefined> {
  const { environment } = options
  const needed = neededConsent(plan, options.protected)
  if (needed === 'none') return undefined
  if (needed === 'name') {
    if (options.confirm !== undefined) {
      return options.confirm === environment
        ? undefined
        : refusal(`--confirm=${options.confirm} is not the name of this environment`, environment)
    }
    if (!options.ask)
      return refusal(`${environment} asks for its name, and there is no terminal to ask on`, environment)
    const answer = await options.ask(`Type the name of the environment (${environment}) to go on: `)
    return answer.trim() === environment ? undefined : refusal('the name was not typed', environment)
  }
  if (options.yes || options.confirm === environment) return undefined
  if (!options.ask) {
    return {
      code: 'not-confirmed',
      message: 'the plan loses data, and there is no terminal to ask on',
      outcome: 'unchanged',
      next: ['the same command with --yes'],
    }
  }
  const answer = await options.ask('The plan loses data that nothing brings back. Go on? [y/N] ')
  return /^y(es)?$/i.test(answer.trim())
    ? undefined
    : { code: 'declined', message: 'declined; nothing was changed', outcome: 'unchanged' }
}

const refusal = (message: string, environment: string): Failure => ({
  code: 'not-confirmed',
  message,
  outcome: 'unchanged',
  next: [`the same command with --confirm=${environment}`],
})
