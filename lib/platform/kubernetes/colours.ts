import type { RunSpec } from '../../model/desired.ts'
import type { KubernetesObject, ObjectReference } from '../../model/kubernetes-object.ts'
import { referenceKey } from '../../model/kubernetes-object.ts'
import type { Colour } from '../../model/rollout.ts'
import { servicesOf } from '../../plan/kubernetes/manifest-shape.ts'
import type { ColourState, Inventory } from './inventory.ts'
import { label } from './names.ts'
import type { PodTemplate } from './shape.ts'

type Deployment = KubernetesObject & {
  spec: { replicas?: number; selector?: { matchLabels?: Record<string, string> }; template?: PodTemplate }
}
type Service = KubernetesObject & { spec: { selector?: Record<string, string> } }

/** The Deployment of a service that takes turns; there is exactly one. */
export const deploymentOf = (objects: readonly KubernetesObject[]): Deployment | undefined =>
  objects.find(({ kind }) => kind === 'Deployment') as Deployment | undefined

/** What sends requests to the Deployment's pods: its Services. */
export const trafficOf = (objects: readonly KubernetesObject[]): KubernetesObject[] =>
  servicesOf(objects, deploymentOf(objects))

/**
 * Gives objects a colour, in place: the Deployment a name of its own and its pods a label, by which it knows them. A blue/green service's Services
 * select the colour; a canary's both.
 */
export function giveColour(objects: readonly KubernetesObject[], colour: Colour, { kubernetes }: RunSpec): void {
  const deployment = deploymentOf(objects)
  if (colour === 'plain' || !deployment) return
  const mark = { [label.colour]: colour }
  if (kubernetes?.strategy?.type === 'blue-green')
    for (const service of trafficOf(objects) as Service[])
      service.spec = { ...service.spec, selector: { ...service.spec.selector, ...mark } }
  deployment.metadata.name = `${deployment.metadata.name}-${colour}`
  deployment.metadata.labels = { ...deployment.metadata.labels, ...mark }
  const { spec } = deployment
  spec.selector = { ...spec.selector, matchLabels: { ...spec.selector?.matchLabels, ...mark } }
  const template = spec.template ?? {}
  spec.template = {
    ...template,
    metadata: { ...template.metadata, labels: { ...template.metadata?.labels, ...mark } },
  }
}

/** How many pods a Deployment is to have. */
export const replicasOf = (deployment: KubernetesObject | undefined): number =>
  (deployment as Deployment | undefined)?.spec.replicas ?? 1

/** The same with another number of pods. */
export const withReplicas = (deployment: KubernetesObject, replicas: number): KubernetesObject => ({
  ...deployment,
  spec: { ...(deployment as Deployment).spec, replicas },
})

/** So many of `all` pods are `percent` of them: at least one, and all of them only at 100. */
export const shareOf = (all: number, percent: number): number =>
  percent >= 100 ? all : Math.max(1, Math.min(all - 1, Math.round((all * percent) / 100)))

/** The Deployments of a service by colour, also of one that was rolled so far. */
export function coloursOf(inventory: Inventory | undefined): NonNullable<Inventory['colours']> {
  if (!inventory || inventory.colours) return inventory?.colours ?? {}
  const deployment = deploymentOf(inventory.applied)
  const { release, fingerprint } = inventory
  const plain: ColourState = {
    objects: [],
    ...(release !== undefined && { release }),
    ...(fingerprint && { fingerprint }),
    ...(deployment && { deployment }),
  }
  return { plain }
}

/** What of `references` is not among any of the others. */
export function without(references: readonly ObjectReference[], ...others: readonly ObjectReference[][]) {
  const known = new Set(others.flat().map(referenceKey))
  return references.filter((reference) => !known.has(referenceKey(reference)))
}

/** The colour to which a Service sends its requests; undefined where it does not look at colours. */
export const selectedColour = (objects: readonly KubernetesObject[], own: readonly ObjectReference[]) => {
  const names = new Set(
    own.filter(({ kind }) => kind === 'Service').map(({ namespace, name }) => `${namespace}/${name}`),
  )
  const selected = objects.flatMap((object) =>
    object.kind === 'Service' && names.has(`${object.metadata.namespace}/${object.metadata.name}`)
      ? ((object as Service).spec.selector?.[label.colour] ?? [])
      : [],
  )
  return selected[0] as Colour | undefined
}
