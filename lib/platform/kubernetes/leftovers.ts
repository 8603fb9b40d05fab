import { type Failure, FailureError, failed, ok, type Result, unwrap } from '../../model/failure.ts'
import { type KubernetesObject, referenceKey, referenceOf } from '../../model/kubernetes-object.ts'
import type { LeftObject, Leftovers } from '../../model/leftovers.ts'
import type { Release } from '../../model/release.ts'
import { claimPatterns } from './claims.ts'
import type { KubernetesContext } from './context.ts'
import { environmentReferences, isEnvironment, usedByPods } from './environment-objects.ts'
import { readInventories } from './inventory.ts'
import { label, ownerLabels, selectorOf } from './names.ts'
import type { KeptFiles } from './ops/export-source.ts'
import { readFiles } from './releases.ts'

/**
 * What releases of the environment have made and no kept one has: ConfigMaps and Secrets of values that no pod uses, and claims that no pod
 * mounts and no kept manifest names; with those of StatefulSets that are gone, and namespaces that nobody uses. Failures: those of the cluster, and a kept release whose manifests cannot be read.
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
    const files = await keptFiles(cluster, releases)
    const named = claimsNamed(files)
    const [there, pods, inventories, spaces] = await Promise.all([
      listIn(cluster, namespaces, 'configmaps,secrets,persistentvolumeclaims', signal),
      usedByPods(cluster, namespaces, signal).then(unwrap),
      readInventories(cluster),
      leftNamespaces(cluster, new Set([...namespaces, ...files.flatMap(spacesOf)]), signal),
    ])
    const claimsInUse = await claimsOfPods(cluster, namespaces, signal)
    const kept = new Set([...environmentReferences(releases, releases).map(referenceKey), ...pods])
    for (const { objects } of inventories.values()) for (const one of objects) kept.add(referenceKey(one))
    const left = there.filter((object) => {
      const service = object.metadata.labels?.[label.service]
      if (service === undefined || kept.has(referenceKey(referenceOf(object)))) return false
      const { name, namespace = '' } = object.metadata
      if (object.kind !== 'PersistentVolumeClaim') return isEnvironment(service, object.kind, name)
      return !named(name) && !claimsInUse.has(`${namespace}/${name}`)
    })
    const objects = left.map(({ kind, metadata: { namespace = '', name, labels } }): LeftObject => {
      const data = labels?.[label.claimOf] !== undefined
      return { kind, namespace, name, ...(data && { data: true as const }) }
    })
    return ok({ containers: [], networks: [], volumes: [], images: [], objects: [...objects, ...spaces] })
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

/** The manifests of kept releases. Throws `FailureError` where those of a healthy one cannot be read. */
async function keptFiles(cluster: KubernetesContext, releases: readonly Release[]): Promise<KubernetesObject[]> {
  const all: KubernetesObject[] = []
  for (const { number, outcome } of releases) {
    const files = (await readFiles(cluster, number)) as KeptFiles | undefined
    // A release that failed before its files were kept, or whose services come from others, has none.
    if (!files && outcome === 'healthy') throw new FailureError(unreadable(number))
    all.push(...Object.values(files?.rendered ?? {}).flat())
  }
  return all
}

/** Whether a claim of this name is one of the manifests, or one that a StatefulSet of theirs makes. */
function claimsNamed(objects: readonly KubernetesObject[]): (name: string) => boolean {
  const names = new Set(
    objects.flatMap(({ kind, metadata }) => (kind === 'PersistentVolumeClaim' ? metadata.name : [])),
  )
  const patterns = objects.filter(({ kind }) => kind === 'StatefulSet').flatMap(claimPatterns)
  return (name) => names.has(name) || patterns.some((one) => one.test(name))
}

const spacesOf = ({ kind, metadata }: KubernetesObject): string[] =>
  kind === 'Namespace' ? [metadata.name] : metadata.namespace === undefined ? [] : [metadata.namespace]

/**
 * Namespaces that the environment has made and no kept release uses, where no pod runs and nothing is of another environment. None where namespaces
 * may not be listed.
 */
async function leftNamespaces(
  { kubectl, ...owner }: KubernetesContext,
  used: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<LeftObject[]> {
  const listed = await kubectl.json<{ items: KubernetesObject[] }>(
    ['get', 'namespaces', '-l', selectorOf(ownerLabels(owner))],
    { signal },
  )
  const names = listed.ok ? (listed.value?.items ?? []).map(({ metadata }) => metadata.name) : []
  const left: LeftObject[] = []
  for (const name of names.filter((one) => !used.has(one))) {
    const kinds = 'pods,deployments.apps,statefulsets.apps,daemonsets.apps,jobs.batch,services,secrets'
    const inside = await kubectl.json<{ items: KubernetesObject[] }>(['get', kinds, '-n', name], { signal })
    if (!inside.ok) continue
    const foreign = (inside.value?.items ?? []).some(({ kind, metadata: { labels } }) => {
      const environment = labels?.[label.environment]
      return kind === 'Pod' || (environment !== undefined && environment !== owner.environment)
    })
    if (!foreign) left.push({ kind: 'Namespace', namespace: name, name, data: true })
  }
  return left
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
