import type { RunSpec, Value } from '../../model/desired.ts'
import { ok, type Result } from '../../model/failure.ts'
import { type KubernetesObject, type ObjectReference, referenceKey } from '../../model/kubernetes-object.ts'
import type { Release } from '../../model/release.ts'
import { removeObjects } from './apply.ts'
import type { KubernetesContext } from './context.ts'
import { digestOf, ownerLabels, selectorOf } from './names.ts'
import type { PodTemplate } from './shape.ts'

/** What a release is called, for values that only it knows. */
export type Known = { release: string; revision: string }

/** A service's variables, told apart by whether they hold a secret, and the names of the ConfigMap and the Secret that they are in. */
export type ServiceEnvironment = {
  plain: Record<string, string>
  hidden: [string, Value][]
  /** Absent where there is nothing to put into it. */
  configMap?: string
  secret?: string
}

const isSecret = (value: Value): boolean =>
  typeof value !== 'string' && value.some((part) => typeof part === 'object' && 'secret' in part)

const textOf = (value: Value, known: Known): string =>
  typeof value === 'string'
    ? value
    : value.map((part) => (typeof part === 'string' ? part : 'known' in part ? known[part.known] : '')).join('')

/** The names carry a digest of the content; of secrets their keyed digests count, so that no value is needed. */
export function environmentOf({ service, environment }: RunSpec, known: Known): ServiceEnvironment {
  const entries = Object.entries(environment)
  const hidden = entries.filter(([, value]) => isSecret(value))
  const plain = Object.fromEntries(
    entries.filter(([, value]) => !isSecret(value)).map(([name, value]) => [name, textOf(value, known)]),
  )
  const texts = hidden.map(([, value]) => textOf(value, known))
  return {
    plain,
    hidden,
    ...(Object.keys(plain).length > 0 && { configMap: `${service}-env-${digestOf(plain).slice(0, 10)}` }),
    ...(hidden.length > 0 && { secret: `${service}-secrets-${digestOf([hidden, texts]).slice(0, 10)}` }),
  }
}

/** The names of a service's own ConfigMaps and Secrets: they stay as long as a release needs them. */
export const isEnvironment = (service: string, kind: string, name: string): boolean =>
  (kind === 'ConfigMap' && new RegExp(`^${service}-env-[0-9a-f]{10}$`).test(name)) ||
  (kind === 'Secret' && new RegExp(`^${service}-secrets-[0-9a-f]{10}$`).test(name))

/** The ConfigMaps and Secrets with the values of releases, each once. `all`: the releases that their services may come from. */
export function environmentReferences(releases: readonly Release[], all: readonly Release[]): ObjectReference[] {
  const found = releases.flatMap(({ services }) =>
    services.flatMap(({ spec }): ObjectReference[] => {
      if (!spec?.kubernetes || spec.source.kind !== 'release') return []
      const { release } = spec.source
      const revision = all.find(({ number }) => number === release)?.revision ?? ''
      const { configMap, secret } = environmentOf(spec, { release: String(release), revision })
      const { namespace } = spec.kubernetes
      return [
        ...(configMap === undefined ? [] : [{ group: '', kind: 'ConfigMap', namespace, name: configMap }]),
        ...(secret === undefined ? [] : [{ group: '', kind: 'Secret', namespace, name: secret }]),
      ]
    }),
  )
  return [...new Map(found.map((reference) => [referenceKey(reference), reference])).values()]
}

/**
 * Removes the ConfigMaps and Secrets that only releases which go have: none that a release which stays needs, and none that a pod still takes
 * its variables from (its containers would not start again). Failures: those of the cluster.
 */
export async function pruneEnvironments(
  cluster: KubernetesContext,
  all: readonly Release[],
  going: ReadonlySet<number>,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<Result<number>> {
  const needed = environmentReferences(
    all.filter(({ number }) => !going.has(number)),
    all,
  )
  const kept = new Set(needed.map(referenceKey))
  const candidates = environmentReferences(
    all.filter(({ number }) => going.has(number)),
    all,
  ).filter((reference) => !kept.has(referenceKey(reference)))
  if (candidates.length === 0) return ok(0)
  const used = await usedByPods(cluster, [...new Set(candidates.flatMap(({ namespace }) => namespace ?? []))], signal)
  if (!used.ok) return used
  const unused = candidates.filter((reference) => !used.value.has(referenceKey(reference)))
  return removeObjects(cluster.kubectl, unused, signal, say)
}

/** What the pods of the environment take their variables from, by reference key. Failures: those of the cluster. */
export async function usedByPods(
  { kubectl, ...owner }: KubernetesContext,
  namespaces: readonly string[],
  signal: AbortSignal,
): Promise<Result<Set<string>>> {
  const used = new Set<string>()
  for (const namespace of namespaces) {
    const pods = await kubectl.json<{ items: (KubernetesObject & PodTemplate)[] }>(
      ['get', 'pods', '-n', namespace, '-l', selectorOf(ownerLabels(owner))],
      { signal },
    )
    if (!pods.ok) return pods
    for (const { spec } of pods.value?.items ?? []) {
      for (const { envFrom = [] } of [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])]) {
        for (const { configMapRef, secretRef } of envFrom) {
          if (configMapRef) used.add(referenceKey({ group: '', kind: 'ConfigMap', namespace, name: configMapRef.name }))
          if (secretRef) used.add(referenceKey({ group: '', kind: 'Secret', namespace, name: secretRef.name }))
        }
      }
    }
  }
  return ok(used)
}
