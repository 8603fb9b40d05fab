/** The loose shape of manifests, as far as values are put into them. */

import { routeKinds } from '../../plan/kubernetes/manifest-shape.ts'

/** A container of a pod. */
export type Container = {
  name: string
  image?: string
  envFrom?: { configMapRef?: { name: string }; secretRef?: { name: string } }[]
}
/** A pod's template. */
export type PodTemplate = {
  metadata?: { labels?: Record<string, string> }
  spec?: { containers?: Container[]; initContainers?: Container[]; imagePullSecrets?: { name: string }[] }
}

/** Kinds that belong to no namespace. */
const clusterKinds = new Set([
  'Namespace',
  'Node',
  'PersistentVolume',
  'ClusterRole',
  'ClusterRoleBinding',
  'CustomResourceDefinition',
  'StorageClass',
  'IngressClass',
  'PriorityClass',
  'ValidatingWebhookConfiguration',
  'MutatingWebhookConfiguration',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
  'APIService',
  'RuntimeClass',
  'CSIDriver',
  'ClusterIssuer',
])
/** Whether objects of a kind belong to no namespace. */
export const isClusterKind = (kind: string): boolean => clusterKinds.has(kind)

/** Kinds that run pods. */
export const workloadKinds: ReadonlySet<string> = new Set([
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'Job',
  'CronJob',
  'Pod',
  'ReplicaSet',
])

/** Kinds that are never removed by a deploy: with them goes what nobody brings back. */
export const keptKinds: ReadonlySet<string> = new Set([
  'Namespace',
  'PersistentVolumeClaim',
  'PersistentVolume',
  'CustomResourceDefinition',
])

/** When an object is applied, the lowest first: namespaces and definitions, then what workloads need, workloads, ingress. */
export function phaseOf(kind: string): number {
  if (kind === 'Namespace' || kind === 'CustomResourceDefinition') return 0
  if (routeKinds.has(kind)) return 3
  return workloadKinds.has(kind) || kind === 'HorizontalPodAutoscaler' ? 2 : 1
}
