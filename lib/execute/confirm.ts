import type { Failure } from '../model/failure.ts'
import type { Op } from '../model/op.ts'
import type { Plan } from '../model/plan.ts'
import { canonical } from '../plan/digest.ts'

/** What was given on the command line to confirm, and who can be asked. */
export type Consent = {
  /** `--yes`: enough for what is destructive, not for a protected environment. */
  yes: boolean
  /** `--confirm=NAME` */
  confirm?: string
  /** Asks on the terminal; absent when nobody can be asked. Gives the answer's text. */
  ask?(question: string): Promise<string>
}

/** What one invocation was allowed to do to one environment: it asks once, and again only for a loss that was not shown before. */
export class Consents {
  #named = false
  readonly #losses = new Set<string>()

  /** Whether the environment's name was given. */
  get named(): boolean {
    return this.#named
  }

  /** Whether this very loss was agreed to. */
  covers(op: Op): boolean {
    return this.#losses.has(lossOf(op))
  }

  /** Remembers what was agreed to. */
  add(plan: Plan, needed: 'yes' | 'name'): void {
    if (needed === 'name') this.#named = true
    for (const op of plan.ops) if (op.destructive) this.#losses.add(lossOf(op))
  }
}

const lossOf = (op: Op): string => `${op.kind} ${canonical(op.data)}`

/** What a plan needs before it may run, beyond what was given: nothing, a yes, or the environment's name typed. */
export function neededConsent(plan: Plan, isProtected: boolean, given = new Consents()): 'none' | 'yes' | 'name' {
  const losses = plan.ops.filter((op) => op.destructive && !given.covers(op))
  if ((isProtected && !given.named) || losses.some((op) => op.kind === 'apply-migrations')) return 'name'
  return losses.length > 0 ? 'yes' : 'none'
}

/**
 * Asks once, before anything runs. Returns undefined when the plan may run, else why not (outcome `unchanged`).
 * @param options `environment` is the name that has to be typed, `given` what this invocation was allowed before
 */
export async function confirm(
  plan: Plan,
  options: { environment: string; protected: boolean; given?: Consents } & Consent,
): Promise<Failure | undefined> {
  const needed = neededConsent(plan, options.protected, options.given)
  if (needed === 'none') return undefined
  const refused = await ask(needed, options)
  if (!refused) options.given?.add(plan, needed)
  return refused
}

async function ask(needed: 'yes' | 'name', options: { environment: string } & Consent): Promise<Failure | undefined> {
  const { environment } = options
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
