import { field, itemsOf, textOf } from '../../../manifest/fields.ts'
import { backendsOf } from '../../../manifest/kubernetes/backends.ts'
import type { Finding } from '../../../model/finding.ts'
import { findingAbout, objectsOf, type PreflightInput } from './rule.ts'

/** Ingresses that lead to Services or ports which do not exist, or name a class that nobody serves. */
export function ingressBackendRule(input: PreflightInput): Finding[] {
  return input.planned.flatMap((one) => {
    const { object } = one
    if (object.kind !== 'Ingress') return []
    const services = objectsOf(input, 'Service', object.metadata.namespace)
    const known = input.facts.known.has('Service')
    const missing = backendsOf(object).flatMap(({ service, port }) => {
      const found = services.find(({ metadata }) => metadata.name === service)
      if (!found) return known ? [`leads to the Service "${service}", which is neither there nor in the plan`] : []
      if (port === undefined || textOf(found, 'spec', 'type') === 'ExternalName') return []
      const key = typeof port === 'number' ? 'port' : 'name'
      const has = itemsOf(found, 'spec', 'ports').some((candidate) => field(candidate, key) === port)
      return has ? [] : [`leads to the port ${JSON.stringify(port)} of the Service "${service}", which has none such`]
    })
    const className = textOf(object, 'spec', 'ingressClassName')
    const classes = objectsOf(input, 'IngressClass').map(({ metadata }) => metadata.name)
    const noClass = className !== undefined && input.facts.known.has('IngressClass') && !classes.includes(className)
    return [
      ...missing.map((text) =>
        findingAbout(one, 'ingress-backend-missing', 'error', text, 'correct the name, or add the Service'),
      ),
      ...(noClass
        ? [
            findingAbout(
              one,
              'ingress-class-missing',
              'error',
              `no controller serves the class "${className}"`,
              `name one of: ${classes.join(', ') || 'there is none'}`,
            ),
          ]
        : []),
    ]
  })
}
