import type { ContainerImage } from '../../model/desired.ts'
import type { KubernetesObject } from '../../model/kubernetes-object.ts'
import type { PodTemplate } from './shape.ts'

type Loose = KubernetesObject & {
  spec?: { template?: PodTemplate; jobTemplate?: { spec?: { template?: PodTemplate } } }
}

/** The templates of pods in an object: of a workload, a job's, or the pod itself. */
export function podTemplates(object: KubernetesObject): PodTemplate[] {
  const { spec } = object as Loose
  return [
    spec?.template,
    spec?.jobTemplate?.spec?.template,
    ...(object.kind === 'Pod' ? [object as PodTemplate] : []),
  ].filter((template) => template?.spec?.containers !== undefined) as PodTemplate[]
}

/** The containers of a pod, those that run first among them. */
export const containersIn = ({ spec }: PodTemplate) => [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])]

/** The images that objects name, each once, sorted. */
export const imagesIn = (objects: readonly KubernetesObject[]): string[] =>
  [
    ...new Set(
      objects
        .flatMap(podTemplates)
        .flatMap(containersIn)
        .flatMap(({ image }) => image ?? []),
    ),
  ].sort()

/** Puts into a template what runs in the place of the images that it names. */
export function setImages(template: PodTemplate, images: Readonly<Record<string, ContainerImage>>): void {
  for (const container of containersIn(template)) {
    const image = container.image === undefined ? undefined : images[container.image]
    if (image) container.image = image.identity ?? image.reference
  }
}
