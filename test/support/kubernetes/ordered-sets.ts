import { controller, type Hands, hashOf, isReady } from './hands.ts'
import type { ApiObject, Json } from './objects.ts'

/** One round of a StatefulSet: its pods one after the other, with their claims. */
export function runStatefulSet(hands: Hands, set: ApiObject) {
  const { spec, metadata } = set
  const revision = `${metadata.name}-${hashOf(spec.template)}`
  const labelled = (name: string) => ({
    'controller-revision-hash': revision,
    'statefulset.kubernetes.io/pod-name': name,
  })
  const pods = hands.owned('pods', set)
  const revisionOf = (pod: ApiObject | undefined) => pod?.metadata.labels?.['controller-revision-hash']
  const total = spec.replicas as number
  const at = (ordinal: number) => pods.find((pod) => pod.metadata.name === `${metadata.name}-${ordinal}`)
  for (const { name } of spec.volumeClaimTemplates?.map((one: Json) => one.metadata) ?? [])
    for (let ordinal = 0; ordinal < total; ordinal++) claimOf(hands, set, name, ordinal)
  let blocked = false
  for (let ordinal = 0; ordinal < total && !blocked; ordinal++) {
    const pod = at(ordinal)
    if (!pod)
      hands.makePod(
        set,
        spec.template,
        { name: `${metadata.name}-${ordinal}` },
        labelled(`${metadata.name}-${ordinal}`),
      )
    // One after the other: what is not ready holds up all that follows, also a way back.
    if (!pod || !isReady(pod)) blocked = spec.podManagementPolicy !== 'Parallel' || blocked
  }
  for (const pod of pods) if (Number(pod.metadata.name.split('-').at(-1)) >= total) hands.removePod(pod)
  const partition = (spec.updateStrategy?.rollingUpdate?.partition ?? 0) as number
  if (!blocked && spec.updateStrategy?.type === 'RollingUpdate') {
    const stale = Array.from({ length: total }, (_, index) => total - 1 - index).find(
      (ordinal) => ordinal >= partition && at(ordinal) && revisionOf(at(ordinal)) !== revision,
    )
    if (stale !== undefined) hands.removePod(at(stale) as ApiObject)
  }
  const now = hands.owned('pods', set)
  const updated = now.filter((pod) => revisionOf(pod) === revision).length
  const ready = now.filter(isReady).length
  const settled = updated === total && ready === total
  hands.status('statefulsets', set, {
    observedGeneration: metadata.generation,
    replicas: now.length,
    ...(ready > 0 && { readyReplicas: ready }),
    availableReplicas: ready,
    ...(updated > 0 && { updatedReplicas: updated }),
    ...(now.length - updated > 0 && { currentReplicas: now.length - updated }),
    currentRevision: settled ? revision : (set.status?.currentRevision ?? revision),
    updateRevision: revision,
    collisionCount: 0,
  })
}

function claimOf(hands: Hands, { metadata, spec }: ApiObject, volume: string, ordinal: number): void {
  const claims = hands.api.type('persistentvolumeclaims')
  const name = `${volume}-${metadata.name}-${ordinal}`
  if (hands.api.store.find(claims, name, metadata.namespace)) return
  const template = spec.volumeClaimTemplates.find((one: Json) => one.metadata.name === volume)
  const labels = spec.selector.matchLabels
  hands.api.create(
    claims,
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name, namespace: metadata.namespace, labels },
      spec: template.spec,
    },
    controller,
  )
}

/** One round of a DaemonSet, on the one node. */
export function runDaemonSet(hands: Hands, set: ApiObject): void {
  const revision = hashOf(set.spec.template)
  const pods = hands.owned('pods', set)
  const current = pods.find(({ metadata }) => metadata.labels?.['controller-revision-hash'] === revision)
  for (const pod of pods) if (pod !== current) hands.removePod(pod)
  if (!current)
    hands.makePod(
      set,
      set.spec.template,
      { generateName: `${set.metadata.name}-` },
      { 'controller-revision-hash': revision },
    )
  const ready = current && isReady(current) ? 1 : 0
  hands.status('daemonsets', set, {
    currentNumberScheduled: 1,
    numberMisscheduled: 0,
    desiredNumberScheduled: 1,
    numberReady: ready,
    observedGeneration: set.metadata.generation,
    ...(current && { updatedNumberScheduled: 1 }),
    ...(ready > 0 && { numberAvailable: 1 }),
    ...(ready === 0 && { numberUnavailable: 1 }),
  })
}
