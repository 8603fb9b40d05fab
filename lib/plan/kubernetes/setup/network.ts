import { field, fieldsOf, itemsOf, textOf } from '../../../manifest/fields.ts'
import { backendsOf } from '../../../manifest/kubernetes/backends.ts'
import { podSpecOf } from '../../../manifest/kubernetes/shapes/index.ts'
import type { KubernetesObject } from '../../../model/kubernetes-object.ts'
import { namespacesOf } from './namespaces.ts'
import type { Labels, ServiceManifests } from './types.ts'

/** What else than the catalogue's dependencies may be reached. */
export type NetworkOptions = {
  labels: Labels
  /** Services that may reach addresses outside of the cluster (a managed database, a mail server). */
  outside?: readonly string[]
  /** Namespaces of ingress controllers; default: from everywhere, as nothing says where they are. */
  ingressControllers?: readonly string[]
}

type Workload = {
  namespace: string
  name: string
  labels: Record<string, unknown>
  ports: { port: number; protocol: string }[]
}

const privateNets = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16']
const dns = {
  ports: [53].flatMap((port) => ['UDP', 'TCP'].map((protocol) => ({ port, protocol }))),
  to: [{ namespaceSelector: {} }],
}

/**
 * Policies of the network: in each namespace everything is denied but questions to DNS; then each service may reach the pods of the services
 * that it depends on, on their ports, and what an Ingress, a load balancer or a node port leads to may be reached.
 */
export function networkObjects(services: readonly ServiceManifests[], options: NetworkOptions): KubernetesObject[] {
  const byName = new Map(services.map((one) => [one.service, { ...one, workloads: workloadsOf(one) }]))
  const denied = namespacesOf(services).map((namespace) =>
    policy('default-deny', namespace, options.labels, {
      podSelector: {},
      policyTypes: ['Ingress', 'Egress'],
      egress: [dns],
    }),
  )
  const allowed = services.flatMap((one) => {
    const own = byName.get(one.service)?.workloads ?? []
    const callers = services
      .filter(({ dependencies }) => dependencies.includes(one.service))
      .flatMap(({ service }) => byName.get(service)?.workloads ?? [])
    const targets = one.dependencies.flatMap((name) => byName.get(name)?.workloads ?? [])
    const reached = reachedFromOutside(one)
    return own.flatMap((workload) => {
      const siblings = own.filter(({ name }) => name !== workload.name)
      // Replicas of one workload talk to each other (a cluster of databases), and so do the workloads of one service.
      const peers = [workload, ...siblings]
      const ingress = [
        ...(workload.ports.length > 0
          ? [{ from: peersOf([...peers, ...callers], workload.namespace), ports: workload.ports }]
          : []),
        ...(reached.has(workload.name) && workload.ports.length > 0 ? [fromOutside(workload, options)] : []),
      ]
      const egress = [
        ...[...peers, ...targets]
          .filter(({ ports }) => ports.length > 0)
          .map((target) => ({ to: peersOf([target], workload.namespace), ports: target.ports })),
        ...(options.outside?.includes(one.service)
          ? [{ to: [{ ipBlock: { cidr: '0.0.0.0/0', except: privateNets } }] }]
          : []),
      ]
      return [
        policy(`allow-${workload.name}`, workload.namespace, options.labels, {
          podSelector: { matchLabels: workload.labels },
          policyTypes: ['Ingress', 'Egress'],
          ...(ingress.length > 0 && { ingress }),
          ...(egress.length > 0 && { egress }),
        }),
      ]
    })
  })
  return [...denied, ...allowed]
}

function policy(name: string, namespace: string, labels: Labels, spec: unknown): KubernetesObject {
  return { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name, namespace, labels }, spec }
}

function workloadsOf({ objects, namespace }: ServiceManifests): Workload[] {
  return objects.flatMap((object) => {
    const spec = podSpecOf(object)
    if (!spec) return []
    const template =
      object.kind === 'CronJob'
        ? field(object, 'spec', 'jobTemplate', 'spec', 'template')
        : field(object, 'spec', 'template')
    const selector = fieldsOf(object, 'spec', 'selector', 'matchLabels')
    const labels =
      Object.keys(selector).length > 0
        ? selector
        : fieldsOf(object.kind === 'Pod' ? object : template, 'metadata', 'labels')
    if (Object.keys(labels).length === 0) return []
    const ports = itemsOf(spec, 'containers').flatMap((container) =>
      itemsOf(container, 'ports').flatMap((port) => {
        const number = field(port, 'containerPort')
        return typeof number === 'number' ? [{ port: number, protocol: textOf(port, 'protocol') ?? 'TCP' }] : []
      }),
    )
    return [
      { namespace: object.metadata.namespace ?? namespace, name: object.metadata.name, labels: { ...labels }, ports },
    ]
  })
}

function peersOf(workloads: readonly Workload[], from: string): unknown[] {
  const peers = workloads.map(({ namespace, labels }) => ({
    ...(namespace !== from && { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } } }),
    podSelector: { matchLabels: labels },
  }))
  return [...new Map(peers.map((peer) => [JSON.stringify(peer), peer])).values()]
}

/** The workloads of a service that its Ingresses, load balancers and node ports lead to. */
function reachedFromOutside({ objects }: ServiceManifests): Set<string> {
  const routed = new Set(
    objects
      .filter(({ kind }) => kind === 'Ingress')
      .flatMap((ingress) => backendsOf(ingress).map(({ service }) => service)),
  )
  const open = objects.filter((object) => {
    const type = textOf(object, 'spec', 'type')
    return (
      object.kind === 'Service' && (type === 'LoadBalancer' || type === 'NodePort' || routed.has(object.metadata.name))
    )
  })
  const names = objects.flatMap((object) => {
    const labels = fieldsOf(object, 'spec', 'template', 'metadata', 'labels')
    const reached = open.some((service) => {
      const selector = Object.entries(fieldsOf(service, 'spec', 'selector'))
      return selector.length > 0 && selector.every(([key, value]) => labels[key] === value)
    })
    return reached ? [object.metadata.name] : []
  })
  return new Set(names)
}

function fromOutside({ ports }: Workload, { ingressControllers }: NetworkOptions): unknown {
  if (!ingressControllers) return { ports }
  const from = ingressControllers.map((name) => ({
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } },
  }))
  return { from, ports }
}
