import { field, fieldsOf, itemsOf, numberOf, textOf } from '../../manifest/fields.ts'
import { podSpecOf } from '../../manifest/kubernetes/shapes/index.ts'
import type { ManifestSpec } from '../../model/desired.ts'
import type { KubernetesObject } from '../../model/kubernetes-object.ts'
import type { ManifestShape } from '../../model/snapshot.ts'

/** Kinds that lead requests from outside to a service. */
export const routeKinds: ReadonlySet<string> = new Set(['Ingress', 'HTTPRoute', 'Gateway'])

/** What a planner has to know of the rendered manifests of a service. */
export function shapeOf(service: string, objects: readonly KubernetesObject[], spec: ManifestSpec): ManifestShape {
  const routes = objects.some(({ kind }) => routeKinds.has(kind))
  const refusal = spec.strategy && refusalOf(service, objects, spec, spec.strategy.type)
  return { ...(routes && { routes: true as const }), ...(refusal && { refusal }) }
}

/** Services that send requests to the pods of a Deployment. */
export const servicesOf = (
  objects: readonly KubernetesObject[],
  deployment: KubernetesObject | undefined,
): KubernetesObject[] => {
  const labels = fieldsOf(deployment, 'spec', 'template', 'metadata', 'labels')
  return objects.filter((object) => {
    const selector = Object.entries(fieldsOf(object, 'spec', 'selector'))
    return object.kind === 'Service' && selector.length > 0 && selector.every(([name, value]) => labels[name] === value)
  })
}

function refusalOf(
  service: string,
  objects: readonly KubernetesObject[],
  { replicas }: ManifestSpec,
  strategy: 'blue-green' | 'canary',
): ManifestShape['refusal'] {
  const refuse = (why: string, mend = `kubernetes.strategy: { type: rolling } in config/services/${service}.yaml`) => ({
    message: `${service} cannot change by ${strategy}: ${why}`,
    mend,
  })
  const fixed = objects.find(({ kind }) => kind === 'StatefulSet' || kind === 'DaemonSet')
  if (fixed) return refuse(`its ${fixed.kind} ${fixed.metadata.name} cannot be there twice; only a Deployment can`)
  const deployments = objects.filter(({ kind }) => kind === 'Deployment')
  const [deployment] = deployments
  if (!deployment || deployments.length > 1)
    return refuse(
      `it has ${deployments.length} Deployments, and exactly one takes turns`,
      'make a service of each Deployment',
    )
  const scaler = objects.find(
    (one) =>
      one.kind === 'HorizontalPodAutoscaler' &&
      textOf(one, 'spec', 'scaleTargetRef', 'name') === deployment.metadata.name,
  )
  if (scaler) return refuse(`the HorizontalPodAutoscaler ${scaler.metadata.name} owns its number of pods`)
  if (servicesOf(objects, deployment).length === 0)
    return refuse(
      'no Service of it sends requests to its pods',
      'add a Service whose selector fits the labels of the pods',
    )
  const claim = itemsOf(podSpecOf(deployment), 'volumes').find(
    (volume) =>
      field(volume, 'persistentVolumeClaim') !== undefined &&
      field(volume, 'persistentVolumeClaim', 'readOnly') !== true,
  )
  if (claim) return refuse(`old and new pods would both write to the volume "${textOf(claim, 'name')}"`)
  const count = replicas ?? numberOf(deployment, 'spec', 'replicas') ?? 1
  if (strategy === 'canary' && count < 2)
    return refuse(
      `it has ${count} ${count === 1 ? 'pod' : 'pods'}, of which there is no share`,
      'give it 2 replicas or more',
    )
  return undefined
}
