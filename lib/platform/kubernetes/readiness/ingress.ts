import { field, itemsOf, textOf } from '../../../manifest/fields.ts'
import { type Backend, backendsOf } from '../../../manifest/kubernetes/backends.ts'
import type { KubernetesObject } from '../../../model/kubernetes-object.ts'
import { notYet } from './conditions.ts'
import { type Look, progressing, type Rule, ready } from './rule.ts'

/** An Ingress: ready when the Services and ports that it leads to exist. What a controller makes of it is not in its status alone. */
export const ingressRule: Rule = {
  settles: false,
  read(object, look) {
    const early = notYet(object, look)
    if (early) return early
    const missing = backendsOf(object).flatMap((backend) => missingBackend(object, backend, look) ?? [])
    const first = missing[0]
    if (first === undefined) return ready('all backends exist')
    return progressing(`${missing.length} backends are missing`, { cause: { text: first, mayHeal: true } })
  },
}

function missingBackend(ingress: KubernetesObject, { service, port }: Backend, look: Look): string | undefined {
  const { namespace } = ingress.metadata
  const found = look.observed.find({
    group: '',
    kind: 'Service',
    name: service,
    ...(namespace !== undefined && { namespace }),
  })
  if (!found) return `Service "${service}" not found`
  if (port === undefined || textOf(found, 'spec', 'type') === 'ExternalName') return undefined
  const ports = itemsOf(found, 'spec', 'ports')
  const has = ports.some((one) => field(one, typeof port === 'number' ? 'port' : 'name') === port)
  return has ? undefined : `Service "${service}" has no port ${JSON.stringify(port)}`
}
