import { textOf } from '../../../manifest/fields.ts'
import type { Finding } from '../../../model/finding.ts'
import { findingAbout, type PreflightInput } from './rule.ts'

/** Namespaces that are being deleted, which take nothing new, and namespaces that are neither there nor in the plan. */
export function namespacesRule(input: PreflightInput): Finding[] {
  if (!input.facts.known.has('Namespace')) return []
  const live = new Map(
    input.facts.objects.filter(({ kind }) => kind === 'Namespace').map((one) => [one.metadata.name, one]),
  )
  const planned = new Set(
    input.planned.filter(({ object }) => object.kind === 'Namespace').map(({ object }) => object.metadata.name),
  )
  const said = new Set<string>()
  return input.planned.flatMap((one) => {
    const name = one.object.kind === 'Namespace' ? one.object.metadata.name : one.object.metadata.namespace
    if (name === undefined || said.has(name)) return []
    const found = live.get(name)
    if (found && (textOf(found, 'status', 'phase') === 'Terminating' || found.metadata.deletionTimestamp)) {
      said.add(name)
      return [
        findingAbout(
          one,
          'namespace-terminating',
          'error',
          `the namespace ${name} is being deleted and takes nothing new`,
          `kubectl get namespace ${name} -o jsonpath='{.status.conditions}' says what holds it`,
        ),
      ]
    }
    if (found || planned.has(name)) return []
    said.add(name)
    return [
      findingAbout(
        one,
        'namespace-missing',
        'error',
        `the namespace ${name} is not there`,
        'task setup k8s <environment>',
      ),
    ]
  })
}
