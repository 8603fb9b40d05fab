import { createHash } from 'node:crypto'
import type { Api } from './api.ts'
import { type ApiObject, type Json, nowText } from './objects.ts'
import { recordEvent } from './pods.ts'
import { Refusal } from './refusals.ts'

const controller = { manager: 'kube-controller-manager', dryRun: false }
const hashOf = (value: Json): string => createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 10)

/** What a cluster's controllers do with workloads, one round at a time. */
export class Controllers {
  readonly #api: Api
  readonly #failures = new Map<string, string>()
  readonly #deadlines = new Map<string, number>()
  /** How much faster than the real deadline progress deadlines pass here. */
  readonly #faster: number

  constructor(api: Api, faster: number) {
    this.#api = api
    this.#faster = faster
  }

  /** One round over everything. */
  tick(): void {
    this.#each('deployments', (object) => this.#deployment(object))
    this.#each('replicasets', (object) => this.#replicaSet(object))
    this.#each('statefulsets', (object) => this.#statefulSet(object))
    this.#each('daemonsets', (object) => this.#daemonSet(object))
    this.#each('jobs', (object) => this.#job(object))
    this.#each('persistentvolumeclaims', (object) => this.#claim(object))
    this.#each('customresourcedefinitions', (object) => this.#definition(object))
    this.#each('services', (object) => this.#balancer(object, object.spec.type === 'LoadBalancer'))
    this.#each('ingresses', (object) => this.#balancer(object, true))
    this.#each('namespaces', (object) => this.#namespace(object))
  }

  #each(resource: string, work: (object: ApiObject) => void): void {
    for (const { metadata } of this.#api.store.list(this.#api.type(resource))) {
      const object = this.#api.store.find(this.#api.type(resource), metadata.name, metadata.namespace)
      if (object && object.metadata.deletionTimestamp === undefined) work(object)
    }
  }

  #owned(resource: string, owner: ApiObject): ApiObject[] {
    return this.#api.store
      .list(this.#api.type(resource), owner.metadata.namespace)
      .filter(({ metadata }) => metadata.ownerReferences?.some(({ uid }) => uid === owner.metadata.uid))
  }

  #status(resource: string, object: ApiObject, status: Json) {
    const { resourceVersion: _, ...metadata } = object.metadata
    this.#api.store.update(
      this.#api.type(resource),
      { ...object, metadata: metadata as ApiObject['metadata'], status },
      { status: true },
    )
  }

  #conditions(
    before: ApiObject,
    wanted: { type: string; status: string; reason?: string; message?: string }[],
  ): Json[] {
    const old: Json[] = before.status?.conditions ?? []
    return wanted.map((one) => {
      const same = old.find((condition) => condition.type === one.type)
      const kept = same && same.status === one.status && same.reason === one.reason && same.message === one.message
      if (kept) return same
      const lastTransitionTime = same?.status === one.status ? same.lastTransitionTime : nowText()
      return { ...one, lastUpdateTime: nowText(), lastTransitionTime }
    })
  }

  #ownerOf = ({ apiVersion, kind, metadata: { name, uid } }: ApiObject) => [
    { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true },
  ]

  #makePod(
    owner: ApiObject,
    template: Json,
    name: { name: string } | { generateName: string },
    labels: Json = {},
  ): void {
    const metadata = {
      ...name,
      namespace: owner.metadata.namespace,
      labels: { ...template.metadata?.labels, ...labels },
      annotations: template.metadata?.annotations,
      ownerReferences: this.#ownerOf(owner),
    }
    try {
      const pod = this.#api.create(
        this.#api.type('pods'),
        { apiVersion: 'v1', kind: 'Pod', metadata, spec: template.spec },
        controller,
      )
      this.#failures.delete(owner.metadata.uid)
      recordEvent(this.#api, owner, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      this.#failures.set(owner.metadata.uid, error.message)
      recordEvent(this.#api, owner, 'Warning', 'FailedCreate', `Error creating: ${error.message}`)
    }
  }

  #removePod({ metadata }: ApiObject): void {
    if (this.#api.store.find(this.#api.type('pods'), metadata.name, metadata.namespace))
      this.#api.remove(this.#api.type('pods'), metadata.name, metadata.namespace)
  }

  #replicaSet(set: ApiObject): void {
    const pods = this.#owned('pods', set)
    const wanted = set.spec.replicas as number
    for (let count = pods.length; count < wanted; count++) {
      this.#makePod(set, set.spec.template, { generateName: `${set.metadata.name}-` })
      if (this.#failures.has(set.metadata.uid)) break
    }
    const unreadyFirst = [...pods].sort((one, other) => Number(isReady(one)) - Number(isReady(other)))
    for (const pod of unreadyFirst.slice(0, Math.max(0, pods.length - wanted))) this.#removePod(pod)
    const now = this.#owned('pods', set)
    const failure = this.#failures.get(set.metadata.uid)
    const conditions = failure
      ? this.#conditions(set, [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: failure }])
      : undefined
    const ready = now.filter(isReady).length
    this.#status('replicasets', set, {
      replicas: now.length,
      ...(ready > 0 && { readyReplicas: ready, availableReplicas: ready }),
      observedGeneration: set.metadata.generation,
      ...(conditions && { conditions }),
    })
  }

  #deployment(deployment: ApiObject): void {
    const { spec, metadata } = deployment
    const hash = hashOf(spec.template)
    const sets = this.#owned('replicasets', deployment)
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
          ownerReferences: this.#ownerOf(deployment),
        },
        spec: {
          replicas: 0,
          selector: { matchLabels: labels },
          template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
        },
      }
      current = this.#api.create(this.#api.type('replicasets'), set, controller)
      this.#deadlines.set(metadata.uid, Date.now())
    }
    const others = sets.filter((set) => set !== current && set.metadata.uid !== current?.metadata.uid)
    const newPods = current ? this.#owned('pods', current) : []
    const ready = newPods.filter(isReady).length
    const oldPods = others.flatMap((set) => this.#owned('pods', set))
    const total = spec.replicas as number
    if (current && spec.paused !== true) {
      const recreate = spec.strategy?.type === 'Recreate'
      const surge = Math.max(1, Math.ceil(total * 0.25))
      const room = recreate
        ? oldPods.length === 0
          ? total
          : 0
        : Math.min(total, Math.max(newPods.length, total + surge - oldPods.length))
      this.#scale(current, others.length === 0 || total === 0 ? total : room)
      let keep = recreate ? 0 : Math.max(0, total - ready)
      // Old pods that are not ready are of no use to anybody.
      for (const set of others) {
        const own = Math.min(keep, this.#owned('pods', set).filter(isReady).length)
        this.#scale(set, own)
        keep -= own
      }
    }
    const failure = current && this.#failures.get(current.metadata.uid)
    const complete = current !== undefined && ready === total && newPods.length === total && oldPods.length === 0
    const available = [...newPods, ...oldPods].filter(isReady).length
    const before = deployment.status ?? {}
    const progressed =
      before.updatedReplicas !== newPods.length ||
      before.readyReplicas !== ready ||
      before.replicas !== newPods.length + oldPods.length
    if (progressed || complete) this.#deadlines.set(metadata.uid, Date.now())
    const waited = Date.now() - (this.#deadlines.get(metadata.uid) ?? Date.now())
    const late = waited * this.#faster > (spec.progressDeadlineSeconds ?? 600) * 1000
    const name = `ReplicaSet "${current?.metadata.name}"`
    const progressing = complete
      ? { status: 'True', reason: 'NewReplicaSetAvailable', message: `${name} has successfully progressed.` }
      : late
        ? { status: 'False', reason: 'ProgressDeadlineExceeded', message: `${name} has timed out progressing.` }
        : { status: 'True', reason: 'ReplicaSetUpdated', message: `${name} is progressing.` }
    const enough = available >= Math.max(0, total - Math.floor(total * 0.25))
    const conditions = this.#conditions(deployment, [
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
    this.#status('deployments', deployment, {
      observedGeneration: metadata.generation,
      ...count('replicas', newPods.length + oldPods.length),
      ...count('updatedReplicas', newPods.length),
      ...count('readyReplicas', available),
      ...count('availableReplicas', available),
      ...count('unavailableReplicas', Math.max(0, total - available)),
      conditions,
    })
  }

  #scale(set: ApiObject, replicas: number): void {
    const now = this.#api.store.find(this.#api.type('replicasets'), set.metadata.name, set.metadata.namespace)
    if (!now || now.spec.replicas === replicas) return
    const { resourceVersion: _, ...metadata } = now.metadata
    this.#api.store.update(this.#api.type('replicasets'), {
      ...now,
      metadata: metadata as ApiObject['metadata'],
      spec: { ...now.spec, replicas },
    })
  }

  #statefulSet(set: ApiObject) {
    const { spec, metadata } = set
    const revision = `${metadata.name}-${hashOf(spec.template)}`
    const labelled = (name: string) => ({
      'controller-revision-hash': revision,
      'statefulset.kubernetes.io/pod-name': name,
    })
    const pods = this.#owned('pods', set)
    const revisionOf = (pod: ApiObject | undefined) => pod?.metadata.labels?.['controller-revision-hash']
    const total = spec.replicas as number
    const at = (ordinal: number) => pods.find((pod) => pod.metadata.name === `${metadata.name}-${ordinal}`)
    for (const { name } of spec.volumeClaimTemplates?.map((one: Json) => one.metadata) ?? [])
      for (let ordinal = 0; ordinal < total; ordinal++) this.#claimOf(set, name, ordinal)
    let blocked = false
    for (let ordinal = 0; ordinal < total && !blocked; ordinal++) {
      const pod = at(ordinal)
      if (!pod)
        this.#makePod(
          set,
          spec.template,
          { name: `${metadata.name}-${ordinal}` },
          labelled(`${metadata.name}-${ordinal}`),
        )
      // One after the other: what is not ready holds up all that follows, also a way back.
      if (!pod || !isReady(pod)) blocked = spec.podManagementPolicy !== 'Parallel' || blocked
    }
    for (const pod of pods) if (Number(pod.metadata.name.split('-').at(-1)) >= total) this.#removePod(pod)
    const partition = (spec.updateStrategy?.rollingUpdate?.partition ?? 0) as number
    if (!blocked && spec.updateStrategy?.type === 'RollingUpdate') {
      const stale = Array.from({ length: total }, (_, index) => total - 1 - index).find(
        (ordinal) => ordinal >= partition && at(ordinal) && revisionOf(at(ordinal)) !== revision,
      )
      if (stale !== undefined) this.#removePod(at(stale) as ApiObject)
    }
    const now = this.#owned('pods', set)
    const updated = now.filter((pod) => revisionOf(pod) === revision).length
    const ready = now.filter(isReady).length
    const settled = updated === total && ready === total
    this.#status('statefulsets', set, {
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

  #claimOf({ metadata, spec }: ApiObject, volume: string, ordinal: number): void {
    const claims = this.#api.type('persistentvolumeclaims')
    const name = `${volume}-${metadata.name}-${ordinal}`
    if (this.#api.store.find(claims, name, metadata.namespace)) return
    const template = spec.volumeClaimTemplates.find((one: Json) => one.metadata.name === volume)
    const labels = spec.selector.matchLabels
    this.#api.create(
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

  #daemonSet(set: ApiObject): void {
    const revision = hashOf(set.spec.template)
    const pods = this.#owned('pods', set)
    const current = pods.find(({ metadata }) => metadata.labels?.['controller-revision-hash'] === revision)
    for (const pod of pods) if (pod !== current) this.#removePod(pod)
    if (!current)
      this.#makePod(
        set,
        set.spec.template,
        { generateName: `${set.metadata.name}-` },
        { 'controller-revision-hash': revision },
      )
    const ready = current && isReady(current) ? 1 : 0
    this.#status('daemonsets', set, {
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

  #job(job: ApiObject): void {
    if (job.status?.conditions?.length) return
    const pods = this.#owned('pods', job)
    const failed = pods.filter(({ status }) => status.phase === 'Failed').length
    const succeeded = pods.filter(({ status }) => status.phase === 'Succeeded').length
    const done = succeeded >= job.spec.completions
    const over = failed > job.spec.backoffLimit
    if (!done && !over && pods.length === failed + succeeded) {
      const labels = { 'batch.kubernetes.io/job-name': job.metadata.name, 'job-name': job.metadata.name }
      this.#makePod(job, job.spec.template, { generateName: `${job.metadata.name}-` }, labels)
    }
    const conditions = done
      ? [
          {
            type: 'SuccessCriteriaMet',
            status: 'True',
            reason: 'CompletionsReached',
            message: 'Reached expected number of succeeded pods',
          },
          {
            type: 'Complete',
            status: 'True',
            reason: 'CompletionsReached',
            message: 'Reached expected number of succeeded pods',
          },
        ]
      : over
        ? [
            {
              type: 'Failed',
              status: 'True',
              reason: 'BackoffLimitExceeded',
              message: 'Job has reached the specified backoff limit',
            },
          ]
        : []
    this.#status('jobs', job, {
      ...(job.status ?? {}),
      startTime: job.status?.startTime ?? nowText(),
      ...(failed > 0 && { failed }),
      ...(succeeded > 0 && { succeeded }),
      ...(conditions.length > 0 ? { conditions: this.#conditions(job, conditions) } : { active: 1 }),
      ...(done && { completionTime: nowText() }),
    })
  }

  #claim(claim: ApiObject) {
    if (claim.status?.phase === 'Bound') return
    const name = claim.spec.storageClassName ?? 'standard'
    const known = this.#api.store.find(this.#api.type('storageclasses'), name)
    if (!known)
      return recordEvent(
        this.#api,
        claim,
        'Warning',
        'ProvisioningFailed',
        `storageclass.storage.k8s.io "${name}" not found`,
      )
    this.#status('persistentvolumeclaims', claim, {
      phase: 'Bound',
      accessModes: claim.spec.accessModes,
      capacity: claim.spec.resources?.requests,
    })
  }

  #definition(definition: ApiObject): void {
    if (definition.status?.conditions) return
    const conditions = this.#conditions(definition, [
      { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' },
      {
        type: 'Established',
        status: 'True',
        reason: 'InitialNamesAccepted',
        message: 'the initial names have been accepted',
      },
    ])
    this.#status('customresourcedefinitions', definition, {
      conditions,
      acceptedNames: definition.spec.names,
      storedVersions: [],
    })
  }

  #balancer(object: ApiObject, wanted: boolean): void {
    if (!wanted || object.status?.loadBalancer?.ingress) return
    const resource = object.kind === 'Ingress' ? 'ingresses' : 'services'
    this.#status(resource, object, { loadBalancer: { ingress: [{ ip: '10.99.1.1' }] } })
  }

  #namespace({ metadata: { name } }: ApiObject): void {
    const accounts = this.#api.type('serviceaccounts')
    if (!this.#api.store.find(accounts, 'default', name))
      this.#api.create(
        accounts,
        { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: name } },
        controller,
      )
  }
}

const isReady = ({ status, metadata }: ApiObject): boolean =>
  metadata.deletionTimestamp === undefined &&
  status?.conditions?.some(({ type, status }: Json) => type === 'Ready' && status === 'True') === true
