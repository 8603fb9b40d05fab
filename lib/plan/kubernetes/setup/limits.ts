import type { KubernetesObject } from '../../../model/kubernetes-object.ts'
import type { Labels } from './types.ts'

/** What an environment says about how much a namespace may take. Values are quantities. */
export type NamespaceLimits = {
  /** Of the whole namespace: `requests.cpu`, `pods` … */
  quota?: Readonly<Record<string, string>>
  /** Of containers that say nothing themselves: their requests, their limits; and the most that one may take. */
  containers?: Readonly<Partial<Record<'defaultRequest' | 'default' | 'max', Readonly<Record<string, string>>>>>
}

/** The ResourceQuota and the LimitRange of a namespace, as far as the environment names them. */
export function limitObjects(namespace: string, limits: NamespaceLimits, labels: Labels): KubernetesObject[] {
  const { quota, containers } = limits
  const found: KubernetesObject[] = []
  if (quota && Object.keys(quota).length > 0) {
    found.push({
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'environment', namespace, labels },
      spec: { hard: quota },
    })
  }
  if (containers && Object.keys(containers).length > 0) {
    found.push({
      apiVersion: 'v1',
      kind: 'LimitRange',
      metadata: { name: 'environment', namespace, labels },
      spec: { limits: [{ type: 'Container', ...containers }] },
    })
  }
  return found
}
