import { textOf } from '../../../manifest/fields.ts'
import { conditionOf, notYet } from './conditions.ts'
import { progressing, type Rule, ready } from './rule.ts'

/** A CustomResourceDefinition: objects of its kind can be made when it is established and its names are accepted. */
export const customResourceDefinitionRule: Rule = {
  settles: false,
  read(object, look) {
    const early = notYet(object, look)
    if (early) return early
    const names = conditionOf(object, 'NamesAccepted')
    const established = conditionOf(object, 'Established')
    if (names?.status === 'True' && established?.status === 'True') return ready('established')
    if (names?.status !== 'False') return progressing('not established yet')
    const kind = textOf(object, 'spec', 'names', 'kind') ?? ''
    const list = textOf(object, 'spec', 'names', 'listKind') ?? `${kind}List`
    const conflict = /KindConflict$/.test(names.reason) ? `"${kind}"/"${list}" in use` : names.message
    return progressing('its names are not accepted', {
      cause: { text: `CRD names conflict: ${conflict}`, mayHeal: true },
    })
  },
}
