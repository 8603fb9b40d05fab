import { controller, type Hands, hashOf, isReady } from './hands.ts'
import type { ApiObject } from './objects.ts'

/** One round of a ReplicaSet: as many pods as it wants. */
export function runReplicaSet(hands: Hands, set: ApiObject): void {
  const pods = hands.owned('pods', set)
  const wanted = set.spec.replicas as number
  for (let count = pods.length; count < wanted; count++) {
    hands.makePod(set, set.spec.template, { generateName: `${set.metadata.name}-` })
    if (hands.failures.has(set.metadata.uid)) break
  }
  const unreadyFirst = [...pods].sort((one, other) => Number(isReady(one)) - Number(isReady(other)))
  for (const pod of unreadyFirst.slice(0, Math.max(0, pods.length - wanted))) hands.removePod(pod)
  const now = hands.owned('pods', set)
  const failure = hands.failures.get(set.metadata.uid)
  const conditions = failure
    ? hands.conditions(set, [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: failure }])
    : undefined
  const ready = now.filter(isReady).length
  hands.status('replicasets', set, {
    replicas: now.length,
    ...(ready > 0 && { readyReplicas: ready, availableReplicas: ready }),
    observedGeneration: set.metadata.generation,
    ...(conditions && { conditions }),
  })
}

/** One round of a Deployment: its newest ReplicaSet grows as the others shrink. */
export function runDeployment(hands: Hands, deployment: ApiObject): void {
  const { spec, metadata } = deployment
  const hash = hashOf(spec.template)
  const sets = hands.owned('replicasets', deployment)
  let current = sets.find(({ metadata }) => metadata.labels?.['pod-template-hash'] === hash)
  if (spec.paused !== true && !current) {
    const labels = { ...spec.template.metadata.labels, 'pod-template-hash': hash }
    const set = {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {
        name: `${metadata.name}-${hash}`,
        namespace: metadata.namespace,
        labels,
        ownerReferences: hands.ownerOf(deployment),
      },
      spec: {
        replicas: 0,
        selector: { matchLabels: labels },
        template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
      },
    }
    current = hands.api.create(hands.api.type('replicasets'), set, controller)
    hands.deadlines.set(metadata.uid, Date.now())
  }
  const others = sets.filter((set) => set !== current && set.metadata.uid !== current?.metadata.uid)
  const newPods = current ? hands.owned('pods', current) : []
  const ready = newPods.filter(isReady).length
  const oldPods = others.flatMap((set) => hands.owned('pods', set))
  const total = spec.replicas as number
  if (current && spec.paused !== true) {
    const recreate = spec.strategy?.type === 'Recreate'
    const surge = Math.max(1, Math.ceil(total * 0.25))
    const room = recreate
      ? oldPods.length === 0
        ? total
        : 0
      : Math.min(total, Math.max(newPods.length, total + surge - oldPods.length))
    scale(hands, current, others.length === 0 || total === 0 ? total : room)
    let keep = recreate ? 0 : Math.max(0, total - ready)
    // Old pods that are not ready are of no use to anybody.
    for (const set of others) {
      const own = Math.min(keep, hands.owned('pods', set).filter(isReady).length)
      scale(hands, set, own)
      keep -= own
    }
  }
  const failure = current && hands.failures.get(current.metadata.uid)
  const complete = current !== undefined && ready === total && newPods.length === total && oldPods.length === 0
  const available = [...newPods, ...oldPods].filter(isReady).length
  const before = deployment.status ?? {}
  const progressed =
    before.updatedReplicas !== newPods.length ||
    before.readyReplicas !== ready ||
    before.replicas !== newPods.length + oldPods.length
  if (progressed || complete) hands.deadlines.set(metadata.uid, Date.now())
  const waited = Date.now() - (hands.deadlines.get(metadata.uid) ?? Date.now())
  const late = waited * hands.faster > (spec.progressDeadlineSeconds ?? 600) * 1000
  const name = `ReplicaSet "${current?.metadata.name}"`
  const progressing = complete
    ? { status: 'True', reason: 'NewReplicaSetAvailable', message: `${name} has successfully progressed.` }
    : late
      ? { status: 'False', reason: 'ProgressDeadlineExceeded', message: `${name} has timed out progressing.` }
      : { status: 'True', reason: 'ReplicaSetUpdated', message: `${name} is progressing.` }
  const enough = available >= Math.max(0, total - Math.floor(total * 0.25))
  const conditions = hands.conditions(deployment, [
    enough
      ? {
          type: 'Available',
          status: 'True',
          reason: 'MinimumReplicasAvailable',
          message: 'Deployment has minimum availability.',
        }
      : {
          type: 'Available',
          status: 'False',
          reason: 'MinimumReplicasUnavailable',
          message: 'Deployment does not have minimum availability.',
        },
    { type: 'Progressing', ...progressing },
    ...(failure ? [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: failure }] : []),
  ])
  const count = (name: string, value: number) => (value > 0 ? { [name]: value } : {})
  hands.status('deployments', deployment, {
    observedGeneration: metadata.generation,
    ...count('replicas', newPods.length + oldPods.length),
    ...count('updatedReplicas', newPods.length),
    ...count('readyReplicas', available),
    ...count('availableReplicas', available),
    ...count('unavailableReplicas', Math.max(0, total - available)),
    conditions,
  })
}

function scale(hands: Hands, set: ApiObject, replicas: number): void {
  const now = hands.api.store.find(hands.api.type('replicasets'), set.metadata.name, set.metadata.namespace)
  if (!now || now.spec.replicas === replicas) return
  const { resourceVersion: _, ...metadata } = now.metadata
  hands.api.store.update(hands.api.type('replicasets'), {
    ...now,
    metadata: metadata as ApiObject['metadata'],
    spec: { ...now.spec, replicas },
  })
}
