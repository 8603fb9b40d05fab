import { textOf } from '../../../manifest/fields.ts'
import { podSpecOf } from '../../../manifest/kubernetes/shapes/index.ts'
import type { KubernetesObject } from '../../../model/kubernetes-object.ts'
import type { ServiceManifests } from './types.ts'

/** The accounts that the services' pods run as, each with the secrets that their images are pulled with. */
export function pullAccounts(services: readonly ServiceManifests[], names: readonly string[]): KubernetesObject[] {
  if (names.length === 0) return []
  const accounts = new Map<string, KubernetesObject>()
  for (const { namespace: usual, objects } of services) {
    for (const object of objects) {
      const pod = podSpecOf(object)
      if (!pod) continue
      const namespace = object.metadata.namespace ?? usual
      const name = textOf(pod, 'serviceAccountName') ?? 'default'
      accounts.set(`${namespace}/${name}`, {
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { name, namespace },
        imagePullSecrets: names.map((one) => ({ name: one })),
      })
    }
  }
  return [...accounts.values()]
}
