import type { RunSpec, Value } from '../../model/desired.ts'
import { type Failure, failed, ok, type Result } from '../../model/failure.ts'
import type { KubernetesObject } from '../../model/kubernetes-object.ts'
import type { SecretSource } from '../../model/platform.ts'
import type { Colour } from '../../model/rollout.ts'
import { withStorageClass } from '../../plan/kubernetes/setup/index.ts'
import { secretMissing } from '../local/values.ts'
import { giveColour } from './colours.ts'
import { environmentOf, type Known } from './environment-objects.ts'
import { containersIn, podTemplates, setImages } from './images.ts'
import { digestOf, label, type Owner, ownerLabels } from './names.ts'
import { isClusterKind, type PodTemplate, phaseOf } from './shape.ts'

/** A service's objects as they are applied. */
export type PreparedObjects = {
  /** In the order in which they are applied. */
  objects: KubernetesObject[]
  /** The Secret with the service's secrets: its name tells its content, so that one that is there need not be made again. */
  secret?: { name: string; namespace: string; values(): Result<Record<string, string>> }
}

type Loose = KubernetesObject & { spec?: { replicas?: number } }

/**
 * Puts into rendered manifests what the environment says: namespace, labels, replicas, and the service's variables as a ConfigMap and a Secret whose
 * names carry a digest of their content, so that a change of values rolls the pods. The Secret's name needs no value: of secrets
 * their keyed digests count. `colour`: which of two Deployments that take turns it is.
 */
export function prepareObjects(
  owner: Owner,
  spec: RunSpec,
  rendered: KubernetesObject[],
  known: Known,
  secrets: SecretSource,
  colour: Colour = 'plain',
): PreparedObjects {
  const { service, kubernetes } = spec
  if (!kubernetes) return { objects: [] }
  const labels = { ...ownerLabels(owner), [label.service]: service }
  const { plain: data, hidden, configMap, secret } = environmentOf(spec, known)
  const { namespace } = kubernetes
  const from = [
    ...(configMap === undefined ? [] : [{ configMapRef: { name: configMap } }]),
    ...(secret === undefined ? [] : [{ secretRef: { name: secret } }]),
  ]
  const scaled = new Set(rendered.flatMap(autoscaled))
  const objects = rendered.map((given): KubernetesObject => {
    const object = structuredClone(withStorageClass(given, kubernetes.storage ?? {})) as Loose
    object.metadata.labels = { ...object.metadata.labels, ...labels }
    if (!isClusterKind(object.kind))
      object.metadata.namespace = kubernetes.only ? namespace : (object.metadata.namespace ?? namespace)
    for (const template of podTemplates(object)) {
      inject(template, labels, object.metadata.namespace === namespace ? from : [])
      setImages(template, kubernetes.images ?? {})
      namePullSecrets(template, kubernetes.pullSecrets ?? [])
    }
    if (object.spec && ['Deployment', 'StatefulSet'].includes(object.kind)) {
      // What an autoscaler owns is not ours to set.
      if (scaled.has(`${object.kind}/${object.metadata.name}`)) delete object.spec.replicas
      else if (kubernetes.replicas !== undefined) object.spec.replicas = kubernetes.replicas
    }
    return object
  })
  giveColour(objects, colour, spec)
  if (configMap !== undefined) {
    objects.push({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: configMap, namespace, labels },
      data,
      immutable: true,
    })
  }
  const ordered = objects
    .map((object, index) => ({ object, index }))
    .sort((one, other) => phaseOf(one.object.kind) - phaseOf(other.object.kind) || one.index - other.index)
    .map(({ object }) => marked(object))
  return {
    objects: ordered,
    ...(secret !== undefined && {
      secret: { name: secret, namespace, values: () => valuesOf(spec, hidden, known, secrets) },
    }),
  }
}

/** The service's Secret with its values. */
export const secretObject = (
  owner: Owner,
  service: string,
  { name, namespace }: { name: string; namespace: string },
  values: Record<string, string>,
): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  type: 'Opaque',
  metadata: { name, namespace, labels: { ...ownerLabels(owner), [label.service]: service } },
  immutable: true,
  data: Object.fromEntries(Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')])),
})

/** With a digest of itself as an annotation: whether an object was applied so is seen without comparing. */
function marked(object: KubernetesObject): KubernetesObject {
  const annotations = { ...object.metadata.annotations, [label.applied]: digestOf(object) }
  return { ...object, metadata: { ...object.metadata, annotations } }
}

function inject(
  template: PodTemplate,
  labels: Record<string, string>,
  from: { configMapRef?: { name: string }; secretRef?: { name: string } }[],
): void {
  template.metadata = { ...template.metadata, labels: { ...template.metadata?.labels, ...labels } }
  for (const container of containersIn(template)) {
    if (from.length > 0) container.envFrom = [...from, ...(container.envFrom ?? [])]
  }
}

/** With what the pod's images are pulled, besides what its manifest names. */
function namePullSecrets(template: PodTemplate, names: readonly string[]): void {
  const pod = template.spec
  if (!pod || names.length === 0) return
  const there = pod.imagePullSecrets ?? []
  const more = names.filter((name) => !there.some((one) => one.name === name)).map((name) => ({ name }))
  pod.imagePullSecrets = [...there, ...more]
}

function autoscaled({ kind, spec }: KubernetesObject): string[] {
  const target = (spec as { scaleTargetRef?: { kind?: string; name?: string } } | undefined)?.scaleTargetRef
  return kind === 'HorizontalPodAutoscaler' && target ? [`${target.kind}/${target.name}`] : []
}

function valuesOf(
  spec: RunSpec,
  hidden: [string, Value][],
  known: Known,
  secrets: SecretSource,
): Result<Record<string, string>> {
  const values: Record<string, string> = {}
  const missing = new Map<string, Failure>()
  for (const [name, value] of hidden) {
    if (typeof value === 'string') continue
    values[name] = value
      .map((part) => {
        if (typeof part === 'string') return part
        if ('known' in part) return known[part.known]
        const found = secrets.find(part)
        if (!found) missing.set(part.secret, secretMissing(part.secret, spec))
        return found?.reveal() ?? ''
      })
      .join('')
  }
  const [first, ...more] = missing.values()
  return first ? failed(first, ...more) : ok(values)
}
