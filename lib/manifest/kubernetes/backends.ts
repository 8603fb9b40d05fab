import type { KubernetesObject } from '../../model/kubernetes-object.ts'
import { field, itemsOf, textOf } from '../fields.ts'

/** A Service and port that an Ingress leads to. */
export type Backend = { service: string; port?: string | number }

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
