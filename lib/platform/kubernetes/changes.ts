import { autoscaledTargets } from '../../manifest/kubernetes/autoscaled.ts'
import { changeText, compareObject } from '../../manifest/kubernetes/compare.ts'
import type { Finding } from '../../model/finding.ts'
import { type KubernetesObject, referenceKey, referenceOf, referenceText } from '../../model/kubernetes-object.ts'
import type { Inventory } from './inventory.ts'
import { fieldManager, label } from './names.ts'

/** How many fields of an object are shown. */
const shownFields = 8
/** What differs with every release, and says nothing. */
const marks = new RegExp(`annotations\\[?.?"?${label.applied.replaceAll('.', '\\.')}|annotations\\..*applied`)

/** The live object of each manifest, by reference key. */
export const byReference = (objects: readonly KubernetesObject[]): Map<string, KubernetesObject> =>
  new Map(objects.map((object) => [referenceKey(referenceOf(object)), object]))

/** What an apply would change, field by field, as notes of a plan; an immutable field is an error, but for Jobs, which are replaced. */
export function changeFindings(
  planned: readonly { object: KubernetesObject; service: string }[],
  live: Map<string, KubernetesObject>,
): Finding[] {
  const autoscaled = autoscaledTargets([...planned.map(({ object }) => object), ...live.values()])
  return planned.flatMap(({ object, service }): Finding[] => {
    const reference = referenceOf(object)
    const before = live.get(referenceKey(reference))
    if (!before) return []
    const { fields } = compareObject(object, before, { manager: fieldManager, autoscaled })
    const shown = fields.filter(({ path }) => !marks.test(path))
    if (shown.length === 0) return []
    const fixed = object.kind === 'Job' ? [] : shown.filter(({ immutable }) => immutable)
    const lines = shown.slice(0, shownFields).map(changeText)
    const more = shown.length > shownFields ? `; and ${shown.length - shownFields} more` : ''
    const text = `${referenceText(reference)}: ${lines.join('; ')}${more}`
    if (fixed.length === 0) return [{ rule: 'changes', severity: 'note', service, message: text }]
    const mend = `give it another name, or remove it first: kubectl delete ${reference.kind.toLowerCase()} ${reference.name}${reference.namespace === undefined ? '' : ` -n ${reference.namespace}`}`
    return [{ rule: 'immutable-field', severity: 'error', service, message: text, mend }]
  })
}

/**
 * What somebody else has changed of what was applied: parts of a fingerprint, by `Deployment/web spec.replicas`. Values of Secrets are not
 * kept, so that they are not compared.
 */
export function driftOf({ applied }: Inventory, live: Map<string, KubernetesObject>): Record<string, string> {
  const autoscaled = autoscaledTargets([...applied, ...live.values()])
  const parts = applied.flatMap((object) => {
    const now = live.get(referenceKey(referenceOf(object)))
    if (!now || object.kind === 'Secret') return []
    const { fields } = compareObject(object, now, { manager: fieldManager, autoscaled })
    return fields.map(({ path }) => [`${object.kind}/${object.metadata.name} ${path}`, 'drifted'])
  })
  return Object.fromEntries(parts)
}
