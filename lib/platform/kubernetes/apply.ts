import { setTimeout as pause } from 'node:timers/promises'
import { type Failure, failed, ok, type Result } from '../../model/failure.ts'
import {
  groupOf,
  type KubernetesObject,
  type ObjectReference,
  referenceKey,
  referenceOf,
  referenceText,
} from '../../model/kubernetes-object.ts'
import { markClaims } from './claims.ts'
import type { Kubectl } from './kubectl.ts'
import { fieldManager, label } from './names.ts'
import { keptKinds, phaseOf } from './shape.ts'

const applyMs = 120_000

/** What was applied, as the server gave it back. */
type List = { items: KubernetesObject[] }
const itemsOf = (value: KubernetesObject | List | undefined): KubernetesObject[] =>
  value === undefined
    ? []
    : 'items' in value && Array.isArray(value.items)
      ? (value.items as KubernetesObject[])
      : [value as KubernetesObject]

/** Objects as one document for kubectl's standard input. */
export const listOf = (objects: KubernetesObject[]): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'List', metadata: {}, items: objects })

/** Arguments of server-side apply under a name. Conflicts are never forced. */
export const applyArgumentsOf = (manager: string): string[] => [
  'apply',
  '--server-side',
  `--field-manager=${manager}`,
  '--validate=ignore',
  '-f',
  '-',
]

/**
 * Applies objects phase by phase: after definitions it waits until their kinds can be used. Returns them as the server has them. What it
 * does is done again without harm. Failures: those of the cluster, with every object that was refused.
 */
export async function applyObjects(
  kubectl: Kubectl,
  objects: KubernetesObject[],
  signal: AbortSignal,
): Promise<Result<KubernetesObject[]>> {
  const applied: KubernetesObject[] = []
  for (const phase of [...new Set(objects.map(({ kind }) => phaseOf(kind)))].sort()) {
    const own = objects.filter(({ kind }) => phaseOf(kind) === phase)
    const replaced = await removeChangedJobs(kubectl, own, signal)
    if (!replaced.ok) return replaced
    const done = await kubectl.json<KubernetesObject | List>(applyArgumentsOf(fieldManager), {
      input: listOf(own),
      timeoutMs: applyMs,
      signal,
    })
    if (!done.ok) return failed(...(done.failures.map(conflictText) as [Failure]))
    applied.push(...itemsOf(done.value))
    const definitions = own
      .filter(({ kind }) => kind === 'CustomResourceDefinition')
      .map(({ metadata }) => `crd/${metadata.name}`)
    if (definitions.length > 0) {
      const waited = await kubectl.checked(['wait', '--for=condition=Established', ...definitions, '--timeout=60s'], {
        timeoutMs: 70_000,
        signal,
      })
      if (!waited.ok) return waited
    }
  }
  return ok(applied)
}

/** A conflict is said with what to do: another manager holds fields that the manifests set. */
export function conflictText(failure: Failure): Failure {
  if (!failure.message.startsWith('Apply failed with')) return failure
  return {
    ...failure,
    code: 'field-conflict',
    message: `fields of the manifests belong to somebody else: ${failure.message.replace(/^Apply failed with \d+ conflicts?: /, '')}`,
    next: [
      'take those fields out of the manifests, or let the other tool give them up: kubectl apply --server-side --force-conflicts',
    ],
  }
}

/** A Job cannot be changed: one that is to be another is removed first. One that is the same stays, and does not run again. */
async function removeChangedJobs(
  kubectl: Kubectl,
  objects: KubernetesObject[],
  signal: AbortSignal,
): Promise<Result<void>> {
  for (const job of objects.filter(({ kind }) => kind === 'Job')) {
    const { name, namespace } = job.metadata
    const space = namespace === undefined ? [] : ['-n', namespace]
    const found = await kubectl.json<KubernetesObject>(['get', 'job', name, ...space, '--ignore-not-found'], { signal })
    if (!found.ok) return found
    const before = found.value?.metadata.annotations?.[label.applied]
    if (!found.value || before === job.metadata.annotations?.[label.applied]) continue
    const gone = await kubectl.checked(
      ['delete', 'job', name, ...space, '--ignore-not-found', '--cascade=foreground'],
      { timeoutMs: applyMs, signal },
    )
    if (!gone.ok) return gone
  }
  return ok(undefined)
}

/** `deployments.apps`-like argument of kubectl for a kind: with its group, so that no other kind of that name is meant. */
export const kindArgument = ({ group, kind }: Pick<ObjectReference, 'group' | 'kind'>): string =>
  group === '' ? kind.toLowerCase() : `${kind.toLowerCase()}.${group}`

const spaceOf = ({ namespace }: Pick<ObjectReference, 'namespace'>): string[] =>
  namespace === undefined ? [] : ['-n', namespace]

/** References grouped by what one call of kubectl can name: kind and namespace. */
export function grouped(references: ObjectReference[]): ObjectReference[][] {
  const groups = new Map<string, ObjectReference[]>()
  for (const reference of references) {
    const key = `${reference.group}/${reference.kind}/${reference.namespace ?? ''}`
    groups.set(key, [...(groups.get(key) ?? []), reference])
  }
  return [...groups.values()]
}

/** The objects as they are on the server; those that are not there are left out. */
export async function readObjects(
  kubectl: Kubectl,
  references: ObjectReference[],
  signal?: AbortSignal,
): Promise<Result<KubernetesObject[]>> {
  const spaces = new Map<string, ObjectReference[]>()
  for (const one of references) spaces.set(one.namespace ?? '', [...(spaces.get(one.namespace ?? '') ?? []), one])
  const lists = await Promise.all(
    [...spaces.values()].flatMap((own) =>
      chunks(own, 150).map((some) => {
        const names = some.map((one) => `${kindArgument(one)}/${one.name}`)
        const args = ['get', ...names, ...spaceOf(some[0] as ObjectReference), '--ignore-not-found']
        return kubectl.json<KubernetesObject | List>(args, signal ? { signal } : {})
      }),
    ),
  )
  const failures = lists.flatMap((list) => (list.ok ? [] : list.failures))
  const [first, ...more] = failures
  if (first) return failed(first, ...more)
  return ok(lists.flatMap((list) => (list.ok ? itemsOf(list.value) : [])))
}

function chunks<T>(items: T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  )
}

/** Removes objects, but none that holds data or that others live in; waits until they are gone. */
export async function removeObjects(
  kubectl: Kubectl,
  references: ObjectReference[],
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<Result<number>> {
  let removed = 0
  // What uses others goes before what is used.
  const order = references
    .filter(({ kind }) => !keptKinds.has(kind))
    .sort((one, other) => phaseOf(other.kind) - phaseOf(one.kind))
  for (const group of grouped(order)) {
    const [first] = group as [ObjectReference]
    if (first.kind === 'StatefulSet') await markClaims(kubectl, group, signal)
    const names = group.map(({ name }) => name)
    const args = ['delete', kindArgument(first), ...names, ...spaceOf(first), '--ignore-not-found', '--timeout=110s']
    const gone = await kubectl.checked(args, { timeoutMs: applyMs, signal })
    // A kind whose definition is gone has no objects any more.
    if (!gone.ok && !(await isUnknownKind(kubectl, first))) return gone
    for (const reference of group) say(`removed ${referenceText(reference)}`)
    removed += group.length
  }
  return ok(removed)
}

async function isUnknownKind(kubectl: Kubectl, { group }: ObjectReference): Promise<boolean> {
  if (group === '') return false
  const known = await kubectl.checked(['api-resources', `--api-group=${group}`, '-o', 'name'])
  return known.ok && known.value.trim() === ''
}

/** What of `before` is not among `after`. */
export function missingFrom(before: ObjectReference[], after: ObjectReference[]): ObjectReference[] {
  const there = new Set(after.map(referenceKey))
  return before.filter((reference) => !there.has(referenceKey(reference)))
}

/** The references of objects, each once. */
export const referencesOf = (objects: KubernetesObject[]): ObjectReference[] => [
  ...new Map(objects.map((object) => [referenceKey(referenceOf(object)), referenceOf(object)])).values(),
]

/** `metadata.generation` of what was applied, by reference key: of it a gate knows what its controllers have seen. */
export const generationsOf = (applied: KubernetesObject[]): Record<string, number> =>
  Object.fromEntries(
    applied.flatMap((object) =>
      object.metadata.generation === undefined ? [] : [[referenceKey(referenceOf(object)), object.metadata.generation]],
    ),
  )

/**
 * Removes pods of StatefulSets that are not ready and of another revision than the wanted one: the controller waits for them for ever, also
 * on the way back.
 */
export async function removeBlockingPods(
  kubectl: Kubectl,
  sets: KubernetesObject[],
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<Result<void>> {
  for (const set of sets.filter(({ kind, apiVersion }) => kind === 'StatefulSet' && groupOf(apiVersion) === 'apps')) {
    const { name, namespace = 'default', generation = 0 } = set.metadata
    const revision = await revisionOf(kubectl, name, namespace, generation, signal)
    if (!revision.ok) return revision
    const pods = await kubectl.json<{ items: Pod[] }>(['get', 'pods', '-n', namespace], { signal })
    if (!pods.ok) return pods
    const blocking = (pods.value?.items ?? []).filter(
      ({ metadata, status }) =>
        metadata.ownerReferences?.some((owner) => owner.uid === set.metadata.uid) === true &&
        metadata.labels?.['controller-revision-hash'] !== revision.value &&
        !status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
    )
    if (revision.value === undefined || blocking.length === 0) continue
    const names = blocking.map(({ metadata }) => metadata.name)
    const gone = await kubectl.checked(
      ['delete', 'pod', ...names, '-n', namespace, '--ignore-not-found', '--wait=false'],
      { signal },
    )
    if (!gone.ok) return gone
    for (const pod of names) say(`removed pod ${namespace}/${pod}, which was not ready and held up the rollout`)
  }
  return ok(undefined)
}

type Pod = KubernetesObject & {
  metadata: { ownerReferences?: { uid: string }[] }
  status?: { conditions?: { type: string; status: string }[] }
}

/** The revision that the controller works towards, once it has seen the latest generation; undefined when it does not see it soon. */
async function revisionOf(
  kubectl: Kubectl,
  name: string,
  namespace: string,
  generation: number,
  signal: AbortSignal,
): Promise<Result<string | undefined>> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const set = await kubectl.json<
      KubernetesObject & { status?: { observedGeneration?: number; updateRevision?: string } }
    >(['get', 'statefulset', name, '-n', namespace], { signal })
    if (!set.ok) return set
    if ((set.value?.status?.observedGeneration ?? 0) >= generation) return ok(set.value?.status?.updateRevision)
    await pause(250, undefined, { signal }).catch(() => {})
  }
  return ok(undefined)
}
