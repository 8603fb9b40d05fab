import type { Desired } from '../../model/desired.ts'
import { ok, type Result } from '../../model/failure.ts'
import { type KubernetesObject, referenceKey, referenceOf } from '../../model/kubernetes-object.ts'
import type { ObservedSource, ObservedStorage } from '../../model/snapshot.ts'
import { chooseStorageClass, claimsWithoutClass } from '../../plan/kubernetes/setup/index.ts'
import { readObjects, referencesOf } from './apply.ts'
import { byReference } from './changes.ts'
import type { KubernetesContext } from './context.ts'
import { renderSource, toRender } from './source.ts'

/**
 * Which storage class claims without one get, where the environment names classes: the first of its list that the cluster has; and which of the claims are
 * there already. Undefined where it names none. Failures: those of the cluster and of rendering.
 */
export async function observeStorage(
  cluster: KubernetesContext,
  desired: Desired,
  source: ObservedSource,
  signal: AbortSignal,
): Promise<Result<ObservedStorage | undefined>> {
  const { storageClass: wanted } = desired.configuration.kubernetes ?? {}
  if (!wanted) return ok(undefined)
  const services = toRender(desired)
  const rendered = await renderSource(cluster.folder, desired.configuredAs, source, services, signal)
  if (!rendered.ok) return rendered
  const own = services.map(({ service, manifests: { namespace, only } }) => ({
    service,
    objects: (rendered.value[service] ?? [])
      .filter((object) => claimsWithoutClass(object).length > 0)
      .map((object) => placed(object, namespace, only === true)),
  }))
  const all = own.flatMap(({ objects }) => objects)
  if (all.length === 0) return ok(undefined)
  const [classes, live] = await Promise.all([
    cluster.kubectl.json<{ items: KubernetesObject[] }>(['get', 'storageclasses'], { signal }),
    readObjects(cluster.kubectl, referencesOf(all), signal),
  ])
  if (!classes.ok) return classes
  if (!live.ok) return live
  const there = byReference(live.value)
  const claims = own.map(({ service, objects }) => [
    service,
    objects.flatMap((object) =>
      claimsWithoutClass(object).map((key) => ({ key, there: there.has(referenceKey(referenceOf(object))) })),
    ),
  ])
  const { chosen, findings } = chooseStorageClass(wanted, classes.value?.items ?? [])
  const why = `${chosen}, the first of ${wanted.join(', ')} that the cluster has`
  return ok({ ...(chosen !== undefined && { chosen }), why, findings, claims: Object.fromEntries(claims) })
}

/** A manifest in the namespace that it is applied to. */
const placed = (object: KubernetesObject, namespace: string, only: boolean): KubernetesObject => ({
  ...object,
  metadata: { ...object.metadata, namespace: only ? namespace : (object.metadata.namespace ?? namespace) },
})
