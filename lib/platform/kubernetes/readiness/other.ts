import { conditionOf, notYet } from './conditions.ts'
import { firstLine } from './pull-cause.ts'
import { progressing, type Rule, ready } from './rule.ts'

/** Every kind without a rule of its own: its condition Ready decides; without one it is ready as soon as it is stored. */
export const otherRule: Rule = {
  settles: false,
  read(object, look) {
    const early = notYet(object, look)
    if (early) return early
    const condition = conditionOf(object, 'Ready')
    if (!condition || condition.status === 'True') return ready('stored')
    const text = firstLine(condition.message) || condition.reason || 'its condition Ready is not met'
    return progressing('not ready', { cause: { text, mayHeal: true } })
  },
}
