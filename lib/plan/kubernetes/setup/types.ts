import type { KubernetesObject } from '../../../model/kubernetes-object.ts'

/** A service of the catalogue with its rendered manifests, their namespaces filled in. */
export type ServiceManifests = {
  service: string
  namespace: string
  /** Services that it talks to. */
  dependencies: readonly string[]
  objects: readonly KubernetesObject[]
}

/** Labels that every object of ours carries. */
export type Labels = Readonly<Record<string, string>>
