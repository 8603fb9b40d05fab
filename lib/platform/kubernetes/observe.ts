import type { Desired } from '../../model/desired.ts'
import { FailureError, failed, ok, type Result, unwrap } from '../../model/failure.ts'
import type { KubernetesObject, ObjectReference } from '../../model/kubernetes-object.ts'
import type { ObserveOptions } from '../../model/platform.ts'
import type { ObservedService, Snapshot } from '../../model/snapshot.ts'
import { readObjects } from './apply.ts'
import type { KubernetesContext } from './context.ts'
import { type Inventory, readInventories } from './inventory.ts'
import { label, ownerLabels, selectorOf } from './names.ts'
import type { Ways } from './reach.ts'
import { lookUpManifests } from './registry.ts'
import { observeManifests } from './source.ts'
import { observeStorage } from './storage.ts'
import { stateOf } from './verdicts.ts'

/** Looks at an environment, and changes nothing. Failures: those of the cluster, of git and of rendering. */
export async function observeKubernetes(
  cluster: KubernetesContext,
  ways: Ways,
  desired: Desired,
  { source, images = [], signal }: ObserveOptions,
): Promise<Result<Snapshot>> {
  try {
    const listed = cluster.releases.list()
    const isReleased = async (service: string) =>
      (await listed).some(({ services }) => services.some((one) => one.service === service && one.spec))
    const [services, releases, current, database, files] = await Promise.all([
      observedServices(cluster, signal),
      listed,
      cluster.releases.current(),
      ways.observe(isReleased, signal),
      source ? observeFiles(cluster, desired, source, images, signal) : undefined,
    ])
    if (files && !files.ok) return files
    return ok({
      at: cluster.clock.wall().toISOString(),
      services,
      ports: [],
      ...(database && { database }),
      ...files?.value,
      releases,
      ...(current !== undefined && { current }),
      programs: {},
      built: {},
    })
  } catch (error) {
    if (error instanceof FailureError) return failed(...(error.failures as [FailureError['failures'][0]]))
    throw error
  }
}

/** The files that a deploy would take, what registries say of their images, and the cluster of their storage. */
async function observeFiles(
  cluster: KubernetesContext,
  desired: Desired,
  source: NonNullable<ObserveOptions['source']>,
  images: readonly string[],
  signal: AbortSignal,
): Promise<Result<Pick<Snapshot, 'source' | 'registry'>>> {
  const files = await observeManifests(cluster.folder, desired, source, signal)
  if (!files.ok) return files
  const [registry, storage] = await Promise.all([
    lookUpManifests(desired, files.value, images, signal),
    observeStorage(cluster, desired, files.value, signal),
  ])
  if (!storage.ok) return storage
  return ok({ source: { ...files.value, ...(storage.value && { storage: storage.value }) }, registry })
}

/** The services that the product has on the cluster, by name. Throws `FailureError`. */
export async function observedServices(
  cluster: KubernetesContext,
  signal: AbortSignal,
): Promise<Record<string, ObservedService>> {
  const inventories = await readInventories(cluster)
  const at = cluster.clock.wall()
  const references = [...inventories.values()].flatMap(({ objects }) => objects)
  const [objects, surroundings] = await Promise.all([
    readObjects(cluster.kubectl, references, signal).then(unwrap),
    surroundingsOf(cluster, references, signal),
  ])
  const all = [...objects, ...surroundings]
  return Object.fromEntries(
    [...inventories.values()].map((inventory) => [
      inventory.service,
      stateOf(inventory, withoutForeign(inventory, all), at),
    ]),
  )
}

/** Objects that belong to a service; pods of others say nothing about it. */
const withoutForeign = ({ service }: Inventory, objects: KubernetesObject[]): KubernetesObject[] =>
  objects.filter(
    ({ kind, metadata }) => !['Pod', 'ReplicaSet'].includes(kind) || metadata.labels?.[label.service] === service,
  )

/** The pods and ReplicaSets of the environment: what says why something is not ready. */
async function surroundingsOf(
  cluster: KubernetesContext,
  references: ObjectReference[],
  signal: AbortSignal,
): Promise<KubernetesObject[]> {
  const spaces = new Set(references.flatMap(({ namespace }) => namespace ?? []))
  const lists = await Promise.all(
    [...spaces].map((namespace) =>
      cluster.kubectl.json<{ items: KubernetesObject[] }>(
        ['get', 'pods,replicasets.apps', '-n', namespace, '-l', selectorOf(ownerLabels(cluster))],
        { signal },
      ),
    ),
  )
  return lists.flatMap((list) => unwrap(list)?.items ?? [])
}
