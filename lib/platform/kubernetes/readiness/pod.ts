import { textOf } from '../../../manifest/fields.ts'
import { notYet } from './conditions.ts'
import { podState } from './pod-state.ts'
import { failedFor, progressing, type Rule, ready } from './rule.ts'

/** A bare pod: nobody replaces it, so that one which is thrown out has failed too. */
export const podRule: Rule = {
  settles: true,
  read(object, look) {
    const phase = textOf(object, 'status', 'phase') ?? 'unknown'
    if (phase === 'Succeeded') return ready('succeeded')
    if (phase !== 'Failed') {
      const early = notYet(object, look)
      if (early) return early
    }
    const { state, cause } = podState(object, look)
    const concerned = { pods: [object.metadata.name] }
    if (state === 'ready') return ready('ready')
    if (phase === 'Failed' || state === 'doomed') {
      return failedFor(
        cause?.text ?? `pod failed: ${textOf(object, 'status', 'reason') ?? 'no reason given'}`,
        concerned,
      )
    }
    return progressing(phase, cause ? { cause: { ...cause, mayHeal: true }, ...concerned } : {})
  },
}
