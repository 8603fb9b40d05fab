import { groupOf, type KubernetesObject, referenceKey, referenceOf } from '../../model/kubernetes-object.ts'
import { field, isFields, textOf } from '../fields.ts'

/**
 * What autoscalers scale, by `referenceKey`: their `spec.replicas` is neither applied nor drift. Reads HorizontalPodAutoscalers and KEDA's
 * ScaledObjects, from manifests and from the server alike.
 */
export function autoscaledTargets(objects: Iterable<KubernetesObject>): Set<string> {
  const found = new Set<string>()
  for (const object of objects) {
    const group = groupOf(object.apiVersion)
    const scales =
      (group === 'autoscaling' && object.kind === 'HorizontalPodAutoscaler') ||
      (group === 'keda.sh' && object.kind === 'ScaledObject')
    const target = field(object, 'spec', 'scaleTargetRef')
    const name = textOf(target, 'name')
    if (!scales || name === undefined) continue
    const { namespace } = object.metadata
    found.add(
      referenceKey({
        group: groupOf(textOf(target, 'apiVersion') ?? 'apps/v1'),
        kind: textOf(target, 'kind') ?? 'Deployment',
        name,
        ...(namespace !== undefined && { namespace }),
      }),
    )
  }
  return found
}

/** The manifest as it is applied: without `spec.replicas`, where an autoscaler owns that. */
export function withoutOwnedReplicas(object: KubernetesObject, autoscaled: ReadonlySet<string>): KubernetesObject {
  if (!autoscaled.has(referenceKey(referenceOf(object))) || !isFields(object.spec)) return object
  const { replicas: _, ...spec } = object.spec
  return { ...object, spec }
}
