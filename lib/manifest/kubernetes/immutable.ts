import { groupOf, type KubernetesObject } from '../../model/kubernetes-object.ts'
import { field, textOf } from '../fields.ts'
import { pathText, type Step } from './path.ts'
import { parseQuantity } from './quantity.ts'

/** Whether a change of a field, by its path as text, is one that the server refuses. */
type Test = (path: string, live: KubernetesObject, wanted: KubernetesObject) => boolean

const below =
  (...prefixes: string[]): Test =>
  (path) =>
    prefixes.some((prefix) => path === prefix || path.startsWith(`${prefix}.`) || path.startsWith(`${prefix}[`))

const allBut = (top: string, ...changeable: string[]): Test => {
  const may = below(...changeable.map((one) => `${top}.${one}`))
  const within = below(top)
  return (path, live, wanted) => within(path, live, wanted) && !may(path, live, wanted)
}

/**
 * Fields that servers let nobody change, by group and kind: the object must be made anew.
 *
 * @see the validation of updates in Kubernetes' pkg/apis
 */
const immutableFields: Readonly<Record<string, Test>> = {
  'apps/Deployment': below('spec.selector'),
  'apps/ReplicaSet': below('spec.selector'),
  'apps/DaemonSet': below('spec.selector'),
  'apps/StatefulSet': allBut(
    'spec',
    'replicas',
    'ordinals',
    'template',
    'updateStrategy',
    'revisionHistoryLimit',
    'persistentVolumeClaimRetentionPolicy',
    'minReadySeconds',
  ),
  'batch/Job': allBut(
    'spec',
    'parallelism',
    'suspend',
    'ttlSecondsAfterFinished',
    'activeDeadlineSeconds',
    'backoffLimit',
  ),
  '/Pod': (path) =>
    below('spec')(path, empty, empty) &&
    !/^spec\.((init|)[cC]ontainers\[[^\]]*\]\.image|activeDeadlineSeconds|tolerations|terminationGracePeriodSeconds)/.test(
      path,
    ),
  '/PersistentVolumeClaim': (path, live, wanted) => {
    if (path === 'spec.volumeAttributesClassName') return false
    if (path !== 'spec.resources.requests.storage') return below('spec')(path, live, wanted)
    const size = (object: KubernetesObject) =>
      parseQuantity(field(object, 'spec', 'resources', 'requests', 'storage')) ?? 0n
    return size(wanted) < size(live)
  },
  '/PersistentVolume': below(
    'spec.csi',
    'spec.nfs',
    'spec.hostPath',
    'spec.local',
    'spec.nodeAffinity',
    'spec.volumeMode',
  ),
  '/Service': (path, live, wanted) => {
    const own = textOf(live, 'spec', 'clusterIP')
    const other = textOf(wanted, 'spec', 'clusterIP')
    if (path !== 'spec.clusterIP' && !path.startsWith('spec.clusterIPs')) return false
    return own !== undefined && own !== '' && other !== '' && textOf(wanted, 'spec', 'type') !== 'ExternalName'
  },
  '/Secret': (path, live) => path === 'type' || (field(live, 'immutable') === true && /^(data|immutable)/.test(path)),
  '/ConfigMap': (path, live) => field(live, 'immutable') === true && /^(data|binaryData|immutable)/.test(path),
  'rbac.authorization.k8s.io/RoleBinding': below('roleRef'),
  'rbac.authorization.k8s.io/ClusterRoleBinding': below('roleRef'),
  'storage.k8s.io/StorageClass': below('provisioner', 'parameters', 'reclaimPolicy', 'volumeBindingMode'),
  'scheduling.k8s.io/PriorityClass': below('value', 'preemptionPolicy'),
  'networking.k8s.io/IngressClass': below('spec.controller'),
  'node.k8s.io/RuntimeClass': below('handler'),
  'apiextensions.k8s.io/CustomResourceDefinition': below(
    'spec.group',
    'spec.scope',
    'spec.names.plural',
    'spec.names.kind',
  ),
}

const empty: KubernetesObject = { apiVersion: 'v1', kind: '', metadata: { name: '' } }

/** Whether the server refuses the change of this field: the object can only be replaced. */
export function isImmutable(path: readonly Step[], live: KubernetesObject, wanted: KubernetesObject): boolean {
  const test = immutableFields[`${groupOf(wanted.apiVersion)}/${wanted.kind}`]
  return test?.(pathText(path), live, wanted) ?? false
}
