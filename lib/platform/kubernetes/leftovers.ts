import { type Failure, FailureError, failed, ok, type Result, unwrap } from '../../model/failure.ts'
import { type KubernetesObject, referenceKey, referenceOf } from '../../model/kubernetes-object.ts'
import type { Leftovers } from '../../model/leftovers.ts'
import type { Release } from '../../model/release.ts'
import type { KubernetesContext } from './context.ts'
import { environmentReferences, isEnvironment, usedByPods } from './environment-objects.ts'
import { readInventories } from './inventory.ts'
import { label, ownerLabels, selectorOf } from './names.ts'
import type { KeptFiles } from './ops/export-source.ts'
import { readFiles } from './releases.ts'

/**
 * What releases of the environment have made and no kept one has: ConfigMaps and Secrets of values that no pod uses, and claims that no pod
 * mounts and no kept manifest names. Failures: those of the cluster, and a kept release whose manifests cannot be read.
 */
export async function observeLeftovers(cluster: KubernetesContext, signal: AbortSignal): Promise<Result<Leftovers>> {
  try {
    const releases = await cluster.releases.list()
    const namespaces = [
      ...new Set([
        cluster.home,
        ...releases.flatMap(({ services }) => services.flatMap(({ spec }) => spec?.kubernetes?.namespace ?? [])),
      ]),
    ]
    const [there, pods, inventories, named] = await Promise.all([
      listIn(cluster, namespaces, 'configmaps,secrets,persistentvolumeclaims', signal),
      usedByPods(cluster, namespaces, signal).then(unwrap),
      readInventories(cluster),
      claimsNamed(cluster, releases),
    ])
    const claimsInUse = await claimsOfPods(cluster, namespaces, signal)
    const kept = new Set([...environmentReferences(releases, releases).map(referenceKey), ...pods])
    for (const { objects } of inventories.values()) for (const one of objects) kept.add(referenceKey(one))
    const left = there.filter((object) => {
      const service = object.metadata.labels?.[label.service]
      if (service === undefined || kept.has(referenceKey(referenceOf(object)))) return false
      const { name, namespace = '' } = object.metadata
      if (object.kind !== 'PersistentVolumeClaim') return isEnvironment(service, object.kind, name)
      return !named.has(name) && !claimsInUse.has(`${namespace}/${name}`)
    })
    const objects = left.map(({ kind, metadata: { namespace = '', name } }) => ({ kind, namespace, name }))
    return ok({ containers: [], networks: [], volumes: [], images: [], objects })
  } catch (error) {
    if (error instanceof FailureError) return failed(...(error.failures as [Failure]))
    throw error
  }
}

async function listIn(
  cluster: KubernetesContext,
  namespaces: readonly string[],
  kinds: string,
  signal: AbortSignal,
): Promise<KubernetesObject[]> {
  const selector = selectorOf(ownerLabels(cluster))
  const lists = await Promise.all(
    namespaces.map((namespace) =>
      cluster.kubectl.json<{ items: KubernetesObject[] }>(['get', kinds, '-n', namespace, '-l', selector], { signal }),
    ),
  )
  return lists.flatMap((list) => unwrap(list)?.items ?? [])
}

/** The names of the claims that the manifests of kept releases have. */
async function claimsNamed(cluster: KubernetesContext, releases: readonly Release[]): Promise<Set<string>> {
  const names = new Set<string>()
  for (const { number, outcome } of releases) {
    const files = (await readFiles(cluster, number)) as KeptFiles | undefined
    // A release that failed before its files were kept, or whose services come from others, has none.
    if (!files && outcome === 'healthy') throw new FailureError(unreadable(number))
    for (const object of Object.values(files?.rendered ?? {}).flat())
      if (object.kind === 'PersistentVolumeClaim') names.add(object.metadata.name)
  }
  return names
}

/** `namespace/name` of the claims that any pod mounts, whosever it is. */
async function claimsOfPods(
  { kubectl }: KubernetesContext,
  namespaces: readonly string[],
  signal: AbortSignal,
): Promise<Set<string>> {
  type Pod = KubernetesObject & { spec?: { volumes?: { persistentVolumeClaim?: { claimName: string } }[] } }
  const lists = await Promise.all(
    namespaces.map((namespace) => kubectl.json<{ items: Pod[] }>(['get', 'pods', '-n', namespace], { signal })),
  )
  const mounted = lists.flatMap((list) =>
    (unwrap(list)?.items ?? []).flatMap(({ metadata, spec }) =>
      (spec?.volumes ?? []).flatMap(({ persistentVolumeClaim: claim }) =>
        claim ? [`${metadata.namespace}/${claim.claimName}`] : [],
      ),
    ),
  )
  return new Set(mounted)
}

const unreadable = (number: number): Failure => ({
  code: 'release-files-missing',
  message: `the manifests of release ${number} cannot be read: what it needs is not known, and nothing is removed`,
  outcome: 'unchanged',
})
