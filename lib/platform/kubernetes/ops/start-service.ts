import { isDeepStrictEqual } from 'node:util'
import { type Failure, FailureError, failed, ok, type Result } from '../../../model/failure.ts'
import { type KubernetesObject, referenceKey, referenceOf } from '../../../model/kubernetes-object.ts'
import type { OpOf } from '../../../model/op.ts'
import type { Handler, OpContext, OpResult } from '../../../model/platform.ts'
import { applyObjects, missingFrom, referencesOf, removeBlockingPods, removeObjects } from '../apply.ts'
import type { KubernetesContext } from '../context.ts'
import { isEnvironment } from '../environment-objects.ts'
import { type Inventory, readInventory, writeInventory } from '../inventory.ts'
import { label, ownerLabels, selectorOf } from '../names.ts'
import { type PreparedObjects, prepareObjects, secretObject } from '../prepare.ts'
import { createObject } from '../records.ts'
import { readFiles } from '../releases.ts'
import type { KeptFiles } from './export-source.ts'

/** Applies a service's objects as a release has them, and removes those that an earlier release of it had and this one lacks. */
export const startService = (cluster: KubernetesContext): Handler<'start-service'> => ({
  async run(op, context) {
    try {
      return await start(cluster, op, context)
    } catch (error) {
      if (error instanceof FailureError) return failed(...(error.failures as [Failure]))
      throw error
    }
  },

  async check(op) {
    const inventory = await readInventory(cluster, op.data.service)
    return isAsWanted(inventory, op) ? 'done' : 'pending'
  },
})

async function start(
  cluster: KubernetesContext,
  op: OpOf<'start-service'>,
  context: OpContext,
): Promise<Result<OpResult>> {
  const { service, spec, fingerprint, before } = op.data
  const { signal, output } = context
  if (spec.source.kind !== 'release') return failed(onlyReleases(service, cluster))
  const inventory = await readInventory(cluster, service)
  const changed =
    before !== null && inventory?.fingerprint && !isDeepStrictEqual(inventory.fingerprint, withoutMissing(before))
  if (changed && !isDeepStrictEqual(inventory.fingerprint, fingerprint)) return failed(changedMeanwhile(service))
  const prepared = await preparedFor(cluster, op, context)
  if (!prepared.ok) return prepared
  const { objects, secret } = prepared.value
  const namespaced = await ensureNamespaces(cluster, objects)
  if (!namespaced.ok) return namespaced
  const startedAt = cluster.clock.wall().toISOString()
  const wanted = referencesOf(objects)
  const partly: Inventory = {
    service,
    release: spec.source.release,
    startedAt,
    objects: [...wanted, ...missingFrom(inventory?.objects ?? [], wanted)],
    applied: [],
    generations: {},
    ...(spec.kubernetes?.settleMs !== undefined && { settleMs: spec.kubernetes.settleMs }),
  }
  // Written first: whoever finds the half of it knows what may be there.
  await writeInventory(cluster, partly)
  cluster.before.set(service, { objects: await surroundings(cluster, objects, signal), at: cluster.clock.now() })
  if (secret) {
    const made = await ensureSecret(cluster, service, secret)
    if (!made.ok) return made
  }
  const applied = await applyObjects(cluster.kubectl, objects, signal)
  if (!applied.ok)
    return failed(...(applied.failures.map((failure): Failure => ({ ...failure, service })) as [Failure]))
  const gone = missingFrom(inventory?.objects ?? [], wanted).filter(
    ({ kind, name }) => !isEnvironment(service, kind, name),
  )
  const removed = await removeObjects(cluster.kubectl, gone, signal, output)
  if (!removed.ok) return removed
  const unblocked = await removeBlockingPods(cluster.kubectl, applied.value, signal, output)
  if (!unblocked.ok) return unblocked
  const generations = Object.fromEntries(
    applied.value.flatMap((object) =>
      object.metadata.generation === undefined ? [] : [[referenceKey(referenceOf(object)), object.metadata.generation]],
    ),
  )
  await writeInventory(cluster, {
    ...partly,
    objects: wanted,
    applied: objects.map(withoutData),
    generations,
    fingerprint,
  })
  return ok({ message: `${objects.length} objects${removed.value > 0 ? `, ${removed.value} removed` : ''}` })
}

/** What was noticed as missing when the plan was made is no difference to what runs. */
const withoutMissing = (before: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(before).filter(([, digest]) => digest !== 'missing' && digest !== 'drifted'))

/** The objects of a service of a release. Failure: `release-files-missing`. */
export async function preparedFor(
  cluster: KubernetesContext,
  { data: { service, spec } }: OpOf<'start-service'>,
  { secrets }: Pick<OpContext, 'secrets'>,
): Promise<Result<PreparedObjects>> {
  if (spec.source.kind !== 'release') return failed(onlyReleases(service, cluster))
  const { release } = spec.source
  const files = (await readFiles(cluster, release)) as KeptFiles | undefined
  const rendered = files?.rendered[service]
  if (!rendered) {
    return failed({
      code: 'release-files-missing',
      message: `the manifests of ${service} in release ${release} are not on the cluster any more`,
      service,
      next: [`task releases ${cluster.environment}`],
      outcome: 'unchanged',
    })
  }
  const record = (await cluster.releases.list()).find(({ number }) => number === release)
  const known = { release: String(release), revision: record?.revision ?? '' }
  return ok(prepareObjects(cluster, spec, rendered, known, secrets))
}

/** Makes the Secret, where none of its name is there: the name says what it holds. The values go through standard input. */
async function ensureSecret(
  cluster: KubernetesContext,
  service: string,
  secret: NonNullable<PreparedObjects['secret']>,
): Promise<Result<void>> {
  const there = await cluster.kubectl.json(['get', 'secret', secret.name, '-n', secret.namespace, '--ignore-not-found'])
  if (!there.ok) return there
  if (there.value) return ok(undefined)
  const values = secret.values()
  if (!values.ok) return values
  const made = await createObject(cluster.kubectl, secretObject(cluster, service, secret, values.value))
  return made.ok ? ok(undefined) : made
}

/** Namespaces that objects go to and that are not there are made; they are never removed. */
async function ensureNamespaces(cluster: KubernetesContext, objects: KubernetesObject[]): Promise<Result<void>> {
  const own = new Set(objects.filter(({ kind }) => kind === 'Namespace').map(({ metadata }) => metadata.name))
  const needed = [...new Set(objects.flatMap(({ metadata }) => metadata.namespace ?? []))].filter(
    (name) => !own.has(name),
  )
  for (const name of needed) {
    const there = await cluster.kubectl.json(['get', 'namespace', name, '--ignore-not-found'])
    if (!there.ok) return there
    if (there.value) continue
    const metadata = { name, labels: { [label.workspace]: cluster.workspaceId } }
    const made = await createObject(cluster.kubectl, { apiVersion: 'v1', kind: 'Namespace', metadata })
    if (!made.ok) return made
  }
  return ok(undefined)
}

/** What is there before the apply: restarts and events of that time do not count against it. */
async function surroundings(
  cluster: KubernetesContext,
  objects: KubernetesObject[],
  signal: AbortSignal,
): Promise<KubernetesObject[]> {
  const spaces = [...new Set(objects.flatMap(({ metadata }) => metadata.namespace ?? []))]
  const lists = await Promise.all(
    spaces.flatMap((namespace) => [
      cluster.kubectl.json<{ items: KubernetesObject[] }>(['get', 'events', '-n', namespace], { signal }),
      cluster.kubectl.json<{ items: KubernetesObject[] }>(
        ['get', 'pods', '-n', namespace, '-l', selectorOf(ownerLabels(cluster))],
        { signal },
      ),
    ]),
  )
  return lists.flatMap((list) => (list.ok ? (list.value?.items ?? []) : []))
}

/** An object without what may be secret. */
function withoutData(object: KubernetesObject): KubernetesObject {
  if (object.kind !== 'Secret') return object
  const { data: _, stringData: __, ...rest } = object
  return rest as KubernetesObject
}

function isAsWanted(inventory: Inventory | undefined, { data }: OpOf<'start-service'>): boolean {
  const { source } = data.spec
  return (
    inventory?.fingerprint !== undefined &&
    isDeepStrictEqual(inventory.fingerprint, data.fingerprint) &&
    inventory.release === (source.kind === 'release' ? source.release : undefined)
  )
}

const changedMeanwhile = (service: string): Failure => ({
  code: 'changed-meanwhile',
  message: `${service} was applied by somebody else since the plan was made`,
  service,
  next: ['task services status', 'run the command again: it plans anew'],
  outcome: 'unchanged',
})

const onlyReleases = (service: string, { environment }: KubernetesContext): Failure => ({
  code: 'no-release-yet',
  message: `${service} has no release: a cluster runs releases, and never a working tree`,
  service,
  next: [`task deploy ${environment}`],
  outcome: 'unchanged',
})
