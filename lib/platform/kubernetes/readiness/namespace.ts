import { itemsOf, textOf } from '../../../manifest/fields.ts'
import { conditionOf, notYet } from './conditions.ts'
import { firstLine } from './pull-cause.ts'
import { progressing, type Rule, ready } from './rule.ts'

/** A namespace: Active. One that is being deleted names what holds it. */
export const namespaceRule: Rule = {
  settles: false,
  read(object, look) {
    const phase = textOf(object, 'status', 'phase')
    if (phase === 'Terminating' || object.metadata.deletionTimestamp) {
      const holds = ['NamespaceFinalizersRemaining', 'NamespaceContentRemaining', 'NamespaceDeletionContentFailure']
        .map((type) => conditionOf(object, type))
        .find((condition) => condition?.status === 'True')
      const own = itemsOf(object, 'spec', 'finalizers').join(', ')
      const text = holds ? firstLine(holds.message) : `finalizers remain: ${own || 'none'}`
      return { state: 'terminating', message: 'is being deleted', cause: { text, mayHeal: true, hint: !holds } }
    }
    return notYet(object, look) ?? (phase === 'Active' || phase === undefined ? ready('active') : progressing(phase))
  },
}
