/** A Kubernetes object as the test's API server keeps it: loose, as it came. */
// biome-ignore lint/suspicious/noExplicitAny: objects of any kind pass through; nothing here relies on more than it checks
export type Json = any
/** An object with what every one has. */
export type ApiObject = {
  apiVersion: string
  kind: string
  metadata: {
    name: string
    namespace?: string
    uid: string
    resourceVersion: string
    generation?: number
    creationTimestamp: string
    deletionTimestamp?: string
    labels?: Record<string, string>
    annotations?: Record<string, string>
    ownerReferences?: { uid: string; kind: string; name: string; apiVersion: string; controller?: boolean }[]
    finalizers?: string[]
    managedFields?: ManagedFields[]
    generateName?: string
    deletionGracePeriodSeconds?: number
  }
  spec?: Json
  status?: Json
  data?: Json
  [field: string]: Json
}
/** Which fields a manager owns, as the API writes it. */
export type ManagedFields = {
  manager: string
  operation: 'Apply' | 'Update'
  apiVersion: string
  time: string
  fieldsType: 'FieldsV1'
  fieldsV1: Json
  subresource?: string
}

/** The present, as the API writes times: whole seconds. */
export const nowText = (): string => new Date().toISOString().replace(/\.\d+Z$/, 'Z')

/** A type of object that the server has. */
export type ResourceType = {
  group: string
  version: string
  /** Plural, lower case: `deployments`. */
  resource: string
  kind: string
  namespaced: boolean
  shortNames?: string[]
  subresources?: string[]
}

const type = (
  groupVersion: string,
  resource: string,
  kind: string,
  namespaced: boolean,
  rest: Pick<ResourceType, 'shortNames' | 'subresources'> = {},
): ResourceType => {
  const [group, version] = groupVersion.includes('/') ? groupVersion.split('/') : ['', groupVersion]
  return { group: group as string, version: version as string, resource, kind, namespaced, ...rest }
}

/** The types that the server starts with; custom ones come with their definitions. */
export const builtInTypes: ResourceType[] = [
  type('v1', 'namespaces', 'Namespace', false, { shortNames: ['ns'] }),
  type('v1', 'configmaps', 'ConfigMap', true, { shortNames: ['cm'] }),
  type('v1', 'secrets', 'Secret', true),
  type('v1', 'services', 'Service', true, { shortNames: ['svc'] }),
  type('v1', 'serviceaccounts', 'ServiceAccount', true, { shortNames: ['sa'] }),
  type('v1', 'pods', 'Pod', true, { shortNames: ['po'], subresources: ['log', 'eviction', 'exec', 'portforward'] }),
  type('v1', 'events', 'Event', true, { shortNames: ['ev'] }),
  type('v1', 'endpoints', 'Endpoints', true, { shortNames: ['ep'] }),
  type('v1', 'nodes', 'Node', false, { shortNames: ['no'] }),
  type('v1', 'persistentvolumes', 'PersistentVolume', false, { shortNames: ['pv'] }),
  type('v1', 'persistentvolumeclaims', 'PersistentVolumeClaim', true, { shortNames: ['pvc'] }),
  type('v1', 'resourcequotas', 'ResourceQuota', true, { shortNames: ['quota'] }),
  type('v1', 'limitranges', 'LimitRange', true, { shortNames: ['limits'] }),
  type('apps/v1', 'deployments', 'Deployment', true, { shortNames: ['deploy'], subresources: ['scale'] }),
  type('apps/v1', 'replicasets', 'ReplicaSet', true, { shortNames: ['rs'] }),
  type('apps/v1', 'statefulsets', 'StatefulSet', true, { shortNames: ['sts'], subresources: ['scale'] }),
  type('apps/v1', 'daemonsets', 'DaemonSet', true, { shortNames: ['ds'] }),
  type('batch/v1', 'jobs', 'Job', true),
  type('batch/v1', 'cronjobs', 'CronJob', true, { shortNames: ['cj'] }),
  type('coordination.k8s.io/v1', 'leases', 'Lease', true),
  type('networking.k8s.io/v1', 'ingresses', 'Ingress', true, { shortNames: ['ing'] }),
  type('networking.k8s.io/v1', 'ingressclasses', 'IngressClass', false),
  type('networking.k8s.io/v1', 'networkpolicies', 'NetworkPolicy', true, { shortNames: ['netpol'] }),
  type('policy/v1', 'poddisruptionbudgets', 'PodDisruptionBudget', true, { shortNames: ['pdb'] }),
  type('autoscaling/v2', 'horizontalpodautoscalers', 'HorizontalPodAutoscaler', true, { shortNames: ['hpa'] }),
  type('rbac.authorization.k8s.io/v1', 'roles', 'Role', true),
  type('rbac.authorization.k8s.io/v1', 'rolebindings', 'RoleBinding', true),
  type('rbac.authorization.k8s.io/v1', 'clusterroles', 'ClusterRole', false),
  type('rbac.authorization.k8s.io/v1', 'clusterrolebindings', 'ClusterRoleBinding', false),
  type('storage.k8s.io/v1', 'storageclasses', 'StorageClass', false, { shortNames: ['sc'] }),
  type('discovery.k8s.io/v1', 'endpointslices', 'EndpointSlice', true),
  type('apiextensions.k8s.io/v1', 'customresourcedefinitions', 'CustomResourceDefinition', false, {
    shortNames: ['crd', 'crds'],
  }),
]

/** `apps/v1`, or `v1` of the core group. */
export const groupVersionOf = ({ group, version }: ResourceType): string =>
  group === '' ? version : `${group}/${version}`
/** `deployments.apps`, or `configmaps`: how messages name a type. */
export const qualifiedName = ({ group, resource }: ResourceType): string =>
  group === '' ? resource : `${resource}.${group}`
