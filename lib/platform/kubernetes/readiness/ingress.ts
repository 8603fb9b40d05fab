import { field, itemsOf, textOf } from '../../../manifest/fields.ts'
import type { KubernetesObject } from '../../../model/kubernetes-object.ts'
import { notYet } from './conditions.ts'
import { type Look, progressing, type Rule, ready } from './rule.ts'

/** A Service and port that an Ingress leads to. */
export type Backend = { service: string; port?: string | number }

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

/** The Services that an Ingress names, each once. */
export function backendsOf(ingress: KubernetesObject): Backend[] {
  const paths = itemsOf(ingress, 'spec', 'rules').flatMap((rule) => itemsOf(rule, 'http', 'paths'))
  const backends = [field(ingress, 'spec', 'defaultBackend'), ...paths.map((path) => field(path, 'backend'))]
  const found = new Map<string, Backend>()
  for (const backend of backends) {
    const service = textOf(backend, 'service', 'name')
    if (service === undefined) continue
    const port = field(backend, 'service', 'port', 'name') ?? field(backend, 'service', 'port', 'number')
    const known = typeof port === 'string' || typeof port === 'number' ? port : undefined
    found.set(`${service}:${known}`, { service, ...(known !== undefined && { port: known }) })
  }
  return [...found.values()]
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
