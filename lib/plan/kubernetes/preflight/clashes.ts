import { field, itemsOf, textOf } from '../../../manifest/fields.ts'
import { podSpecOf } from '../../../manifest/kubernetes/shapes/index.ts'
import type { Finding } from '../../../model/finding.ts'
import { type KubernetesObject, referenceKey, referenceOf } from '../../../model/kubernetes-object.ts'
import { findingAbout, objectsOf, type PlannedObject, type PreflightInput } from './rule.ts'

/** Names and ports that clash: one object in two manifests, two ports of one name, node ports, host ports and routes that are taken. */
export function clashesRule(input: PreflightInput): Finding[] {
  return [...sameNames(input), ...input.planned.flatMap(portsOfPods), ...nodePorts(input), ...routes(input)]
}

function sameNames({ planned }: PreflightInput): Finding[] {
  const first = new Map<string, PlannedObject>()
  return planned.flatMap((one) => {
    const key = referenceKey(referenceOf(one.object))
    const before = first.get(key)
    if (!before) {
      first.set(key, one)
      return []
    }
    const at = before.place ? ` (${before.place.file}:${before.place.line ?? 1})` : ''
    const whose = before.service === undefined ? '' : ` of the service ${before.service}`
    return [
      findingAbout(
        one,
        'name-clash',
        'error',
        `is also in another manifest${whose}${at}: the later one would overwrite it`,
        'rename one of them, or leave it to one service',
      ),
    ]
  })
}

function portsOfPods(one: PlannedObject): Finding[] {
  const names = new Map<string, string>()
  const hosts = new Map<string, string>()
  const found: Finding[] = []
  for (const container of itemsOf(podSpecOf(one.object), 'containers')) {
    const own = textOf(container, 'name') ?? ''
    for (const port of itemsOf(container, 'ports')) {
      const name = textOf(port, 'name')
      const protocol = textOf(port, 'protocol') ?? 'TCP'
      const number = `${field(port, 'containerPort')}/${protocol}`
      if (name !== undefined && names.has(name)) {
        found.push(
          findingAbout(
            one,
            'port-clash',
            'error',
            `the port name "${name}" is in the containers ${names.get(name)} and ${own}`,
            'give each port a name of its own',
          ),
        )
      }
      if (name !== undefined) names.set(name, own)
      const before = hosts.get(number)
      if (before !== undefined && before !== own) {
        found.push(
          findingAbout(
            one,
            'port-clash',
            'error',
            `the containers ${before} and ${own} both listen on ${number}: they share one address`,
            'change one of the ports',
          ),
        )
      }
      hosts.set(number, own)
    }
  }
  return found
}

function nodePorts(input: PreflightInput): Finding[] {
  const taken = new Map<string, KubernetesObject>()
  const portsOf = (service: KubernetesObject) =>
    itemsOf(service, 'spec', 'ports').flatMap((port) => {
      const number = field(port, 'nodePort')
      return typeof number === 'number' && number > 0 ? [`${number}/${textOf(port, 'protocol') ?? 'TCP'}`] : []
    })
  const planned = new Set(input.planned.map(({ object }) => object))
  for (const service of objectsOf(input, 'Service'))
    if (!planned.has(service)) for (const port of portsOf(service)) taken.set(port, service)
  return input.planned.flatMap((one) => {
    if (one.object.kind !== 'Service') return []
    return portsOf(one.object).flatMap((port) => {
      const other = taken.get(port)
      taken.set(port, one.object)
      if (!other || other === one.object) return []
      const whose = `${other.metadata.namespace ?? 'default'}/${other.metadata.name}`
      return [
        findingAbout(
          one,
          'port-clash',
          'error',
          `the node port ${port} is taken by the Service ${whose}`,
          'leave nodePort out, or choose another',
        ),
      ]
    })
  })
}

function routes(input: PreflightInput): Finding[] {
  const routesOf = (ingress: KubernetesObject) =>
    itemsOf(ingress, 'spec', 'rules').flatMap((rule) =>
      itemsOf(rule, 'http', 'paths').map(
        (path) =>
          `${textOf(rule, 'host') ?? '*'}${textOf(path, 'path') ?? '/'} (${textOf(ingress, 'spec', 'ingressClassName') ?? 'default class'})`,
      ),
    )
  const taken = new Map<string, KubernetesObject>()
  const planned = new Set(input.planned.map(({ object }) => object))
  for (const ingress of objectsOf(input, 'Ingress'))
    if (!planned.has(ingress)) for (const route of routesOf(ingress)) taken.set(route, ingress)
  return input.planned.flatMap((one) => {
    if (one.object.kind !== 'Ingress') return []
    return routesOf(one.object).flatMap((route) => {
      const other = taken.get(route)
      taken.set(route, one.object)
      if (!other || other === one.object) return []
      const whose = `${other.metadata.namespace ?? 'default'}/${other.metadata.name}`
      return [
        findingAbout(
          one,
          'route-clash',
          'warning',
          `the route ${route} is also in the Ingress ${whose}: which one answers is left to chance`,
          'change the host or the path of one of them',
        ),
      ]
    })
  })
}
