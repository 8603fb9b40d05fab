import { type Fields, field, fieldsOf, isFields } from '../../fields.ts'
import { exact, filled, keyed, object, ordered, quantities, quantity, type Shape, set } from '../shape.ts'

const identity = { runAsUser: exact, runAsGroup: exact }

const probe = object({
  timeoutSeconds: filled(1),
  periodSeconds: filled(10),
  successThreshold: filled(1),
  failureThreshold: filled(3),
  httpGet: object({ path: filled('/'), scheme: filled('HTTP'), httpHeaders: ordered({}) }),
  grpc: object({ service: filled('') }),
})

/** `Always` for the tag `latest` and for none, `IfNotPresent` for others and for digests. */
function pullPolicy(container: Fields): string {
  const image = String(container.image ?? '')
  if (image.includes('@')) return 'IfNotPresent'
  const tag = image.slice(image.lastIndexOf('/') + 1).split(':')[1]
  return tag === undefined || tag === 'latest' ? 'Always' : 'IfNotPresent'
}

/** Whether values of environment variables refer to others, which must stand before them. */
function environmentRefers(items: readonly unknown[]): boolean {
  return items.some(
    (item) => typeof field(item, 'value') === 'string' && /\$\([A-Za-z_]/.test(String(field(item, 'value'))),
  )
}

const container = object({
  imagePullPolicy: filled(pullPolicy),
  terminationMessagePath: filled('/dev/termination-log'),
  terminationMessagePolicy: filled('File'),
  ports: keyed(['containerPort', 'protocol'], object({ protocol: filled('TCP') })),
  env: keyed(
    ['name'],
    object({
      valueFrom: object({
        fieldRef: object({ apiVersion: filled('v1') }),
        resourceFieldRef: object({ divisor: filled('0', quantity) }),
      }),
    }),
    environmentRefers,
  ),
  envFrom: ordered({}),
  resources: object({
    limits: quantities,
    // What has a limit and no request requests its limit.
    requests: filled((resources: Fields) => resources.limits, quantities),
    claims: keyed(['name']),
  }),
  volumeMounts: keyed(['mountPath']),
  volumeDevices: keyed(['devicePath']),
  livenessProbe: probe,
  readinessProbe: probe,
  startupProbe: probe,
  lifecycle: object({
    postStart: object({ httpGet: object({ path: filled('/'), scheme: filled('HTTP') }) }),
    preStop: object({ httpGet: object({ path: filled('/'), scheme: filled('HTTP') }) }),
  }),
  securityContext: object({
    ...identity,
    allowPrivilegeEscalation: exact,
    capabilities: object({ add: set(), drop: set() }),
  }),
})

const downwardItems = ordered(
  object({
    fieldRef: object({ apiVersion: filled('v1') }),
    resourceFieldRef: object({ divisor: filled('0', quantity) }),
  }),
)

const volume = object({
  configMap: object({ defaultMode: filled(420), items: set() }),
  secret: object({ defaultMode: filled(420), items: set() }),
  downwardAPI: object({ defaultMode: filled(420), items: downwardItems }),
  projected: object({
    defaultMode: filled(420),
    sources: ordered(
      object({
        serviceAccountToken: object({ expirationSeconds: filled(3600) }),
        downwardAPI: object({ items: downwardItems }),
      }),
    ),
  }),
  emptyDir: object({ sizeLimit: quantity }),
  hostPath: object({ type: filled('') }),
  iscsi: object({ iscsiInterface: filled('default') }),
  rbd: object({ pool: filled('rbd'), user: filled('admin'), keyring: filled('/etc/ceph/keyring') }),
})

const selectorTerm = object({
  matchExpressions: set(object({ values: set() })),
  matchFields: set(object({ values: set() })),
})
const podAffinity = object({
  requiredDuringSchedulingIgnoredDuringExecution: set(object({ labelSelector: selectorTerm })),
  preferredDuringSchedulingIgnoredDuringExecution: set(
    object({ podAffinityTerm: object({ labelSelector: selectorTerm }) }),
  ),
})

/** A label selector: requirements are all to be met, in no order. */
export const labelSelector: Shape = selectorTerm

/** The spec of a pod, with what API servers fill in (`SetDefaults_PodSpec` of Kubernetes' core/v1). */
export const podSpec: Shape = object({
  // Init containers run one after the other: their order counts.
  initContainers: keyed(['name'], container, true),
  containers: keyed(['name'], container),
  ephemeralContainers: keyed(['name'], container),
  volumes: keyed(['name'], volume),
  imagePullSecrets: keyed(['name']),
  hostAliases: keyed(['ip'], object({ hostnames: set() })),
  tolerations: set(object({ tolerationSeconds: exact })),
  topologySpreadConstraints: keyed(
    ['topologyKey', 'whenUnsatisfiable'],
    object({
      labelSelector: selectorTerm,
      nodeAffinityPolicy: filled('Honor'),
      nodeTaintsPolicy: filled('Ignore'),
    }),
  ),
  affinity: object({
    nodeAffinity: object({
      requiredDuringSchedulingIgnoredDuringExecution: object({ nodeSelectorTerms: set(selectorTerm) }),
      preferredDuringSchedulingIgnoredDuringExecution: set(object({ preference: selectorTerm })),
    }),
    podAffinity,
    podAntiAffinity: podAffinity,
  }),
  readinessGates: set(),
  schedulingGates: keyed(['name']),
  securityContext: object({ ...identity, fsGroup: exact, supplementalGroups: set(), sysctls: set() }),
  automountServiceAccountToken: exact,
  hostUsers: exact,
  activeDeadlineSeconds: exact,
  overhead: quantities,
  restartPolicy: filled('Always'),
  dnsPolicy: filled('ClusterFirst'),
  schedulerName: filled('default-scheduler'),
  terminationGracePeriodSeconds: filled(30),
  enableServiceLinks: filled(true),
  serviceAccount: filled((spec: Fields) => spec.serviceAccountName),
  serviceAccountName: filled((spec: Fields) => spec.serviceAccount),
})

/** The template of a workload's pods. */
export const podTemplate: Shape = object({ spec: podSpec })

/** The pod's spec within an object that makes pods, and undefined in others. */
export function podSpecOf(object: Fields): Fields | undefined {
  const ways = [
    ['spec', 'template', 'spec'],
    ['spec', 'jobTemplate', 'spec', 'template', 'spec'],
  ]
  if (object.kind === 'Pod') return fieldsOf(object, 'spec')
  for (const way of ways) {
    const found = field(object, ...way)
    if (isFields(found) && Array.isArray(found.containers)) return found
  }
  return undefined
}
