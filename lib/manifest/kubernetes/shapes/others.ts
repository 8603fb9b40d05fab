import type { Fields } from '../../fields.ts'
import { exact, filled, keyed, object, ordered, quantities, type Shape, set } from '../shape.ts'
import { labelSelector } from './pod.ts'
import { servicePorts } from './workloads.ts'

const rbacGroup = 'rbac.authorization.k8s.io'

const policyRules = set(
  object({ verbs: set(), apiGroups: set(), resources: set(), resourceNames: set(), nonResourceURLs: set() }),
)
const subjects = set(
  object({ apiGroup: filled((subject: Fields) => (subject.kind === 'ServiceAccount' ? '' : rbacGroup)) }),
)
const binding = object({ subjects, roleRef: object({ apiGroup: filled(rbacGroup) }) })

const policyPorts = set(object({ protocol: filled('TCP') }))
const policyPeers = set(object({ podSelector: labelSelector, namespaceSelector: labelSelector }))

const limitItem = object({
  default: filled((limit: Fields) => limit.max, quantities),
  defaultRequest: filled((limit: Fields) => limit.default ?? limit.min, quantities),
  max: quantities,
  min: quantities,
  maxLimitRequestRatio: quantities,
})

const webhooks = keyed(
  ['name'],
  object({
    failurePolicy: filled('Fail'),
    matchPolicy: filled('Equivalent'),
    timeoutSeconds: filled(10),
    namespaceSelector: labelSelector,
    objectSelector: labelSelector,
    clientConfig: object({ service: object({ port: filled(443) }) }),
    rules: set(
      object({ scope: filled('*'), operations: set(), apiGroups: set(), apiVersions: set(), resources: set() }),
    ),
  }),
)

/** The other kinds that are known, with what API servers fill in. */
export const otherShapes = {
  '/Service': object({
    spec: object({
      type: filled('ClusterIP'),
      sessionAffinity: filled('None'),
      internalTrafficPolicy: filled((spec: Fields) => (spec.type === 'ExternalName' ? undefined : 'Cluster')),
      externalTrafficPolicy: filled((spec: Fields) =>
        spec.type === 'LoadBalancer' || spec.type === 'NodePort' ? 'Cluster' : undefined,
      ),
      allocateLoadBalancerNodePorts: filled((spec: Fields) => (spec.type === 'LoadBalancer' ? true : undefined)),
      ipFamilyPolicy: filled('SingleStack'),
      ipFamilies: filled(['IPv4']),
      clusterIPs: filled((spec: Fields) => (spec.clusterIP === undefined ? undefined : [spec.clusterIP])),
      externalIPs: set(),
      loadBalancerSourceRanges: set(),
      ports: servicePorts,
    }),
  }),
  '/Secret': object({ type: filled('Opaque') }),
  '/ServiceAccount': object({
    automountServiceAccountToken: exact,
    secrets: keyed(['name']),
    imagePullSecrets: keyed(['name']),
  }),
  '/Namespace': object({ spec: object({ finalizers: filled(['kubernetes'], { list: 'set' }) }) }),
  '/ResourceQuota': object({ spec: object({ hard: quantities, scopes: set() }) }),
  '/LimitRange': object({ spec: object({ limits: set(limitItem) }) }),
  'rbac.authorization.k8s.io/Role': object({ rules: policyRules }),
  'rbac.authorization.k8s.io/ClusterRole': object({ rules: policyRules }),
  'rbac.authorization.k8s.io/RoleBinding': binding,
  'rbac.authorization.k8s.io/ClusterRoleBinding': binding,
  'networking.k8s.io/NetworkPolicy': object({
    spec: object({
      podSelector: labelSelector,
      policyTypes: filled((spec: Fields) => ['Ingress', ...(spec.egress === undefined ? [] : ['Egress'])], {
        list: 'set',
      }),
      ingress: set(object({ from: policyPeers, ports: policyPorts })),
      egress: set(object({ to: policyPeers, ports: policyPorts })),
    }),
  }),
  'networking.k8s.io/Ingress': object({
    spec: object({ tls: set(object({ hosts: set() })), rules: set(object({ http: object({ paths: ordered({}) }) })) }),
  }),
  'storage.k8s.io/StorageClass': object({
    reclaimPolicy: filled('Delete'),
    volumeBindingMode: filled('Immediate'),
    mountOptions: set(),
  }),
  'apiextensions.k8s.io/CustomResourceDefinition': object({
    spec: object({
      conversion: filled({ strategy: 'None' }, { fields: { strategy: filled('None') } }),
      names: object({
        singular: filled((names: Fields) => String(names.kind ?? '').toLowerCase()),
        listKind: filled((names: Fields) => `${String(names.kind ?? '')}List`),
        shortNames: set(),
        categories: set(),
      }),
      versions: keyed(['name']),
    }),
  }),
  'admissionregistration.k8s.io/ValidatingWebhookConfiguration': object({ webhooks }),
  'admissionregistration.k8s.io/MutatingWebhookConfiguration': object({ webhooks }),
} as const satisfies Record<string, Shape>
