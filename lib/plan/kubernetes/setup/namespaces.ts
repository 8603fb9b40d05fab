import type { KubernetesObject } from '../../../model/kubernetes-object.ts'
import { type PodSecurityLevel, podSecurityLevel } from './pod-security.ts'
import type { Labels, ServiceManifests } from './types.ts'

const prefix = 'pod-security.kubernetes.io'

/**
 * The namespaces of the services, each once. Pod Security enforces the strictest level that the namespace's own pods meet (or the one that is
 * asked for), and warns about what `restricted` would refuse.
 */
export function namespaceObjects(
  services: readonly ServiceManifests[],
  labels: Labels,
  asked?: PodSecurityLevel,
): KubernetesObject[] {
  return namespacesOf(services).map((name) => {
    const objects = services.flatMap((one) => one.objects).filter(({ metadata }) => metadata.namespace === name)
    const enforce = asked ?? podSecurityLevel(objects)
    return {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name,
        labels: {
          ...labels,
          [`${prefix}/enforce`]: enforce,
          [`${prefix}/warn`]: 'restricted',
          [`${prefix}/audit`]: 'restricted',
        },
      },
    }
  })
}

/** The names of the namespaces that services and their objects are in, in alphabetical order. */
export function namespacesOf(services: readonly ServiceManifests[]): string[] {
  const names = services.flatMap(({ namespace, objects }) => [
    namespace,
    ...objects.map(({ metadata }) => metadata.namespace).filter((one) => one !== undefined),
  ])
  return [...new Set(names)].sort()
}
