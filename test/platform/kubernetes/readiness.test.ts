import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { KubernetesObject } from '../../../lib/model/kubernetes-object.ts'
import { Gate, readNow, settlingWindow } from '../../../lib/platform/kubernetes/readiness/index.ts'

const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'web:v1' }] } }

function deployment(status: Record<string, unknown>, generation = 1): KubernetesObject {
  const conditions = [
    { type: 'Available', status: 'True' },
    { type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable' },
  ]
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'demo', uid: 'd', generation },
    spec: { replicas: 1, template },
    status: {
      observedGeneration: generation,
      replicas: 1,
      updatedReplicas: 1,
      availableReplicas: 1,
      readyReplicas: 1,
      conditions,
      ...status,
    },
  }
}

const owned = (uid: string) => [{ uid, controller: true, kind: '', name: '', apiVersion: '' }]

const replicaSet: KubernetesObject = {
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: { name: 'web-1', namespace: 'demo', uid: 'r', ownerReferences: owned('d') },
  spec: { template },
}

function pod(status: Record<string, unknown>, name = 'web-1-a', labels: Record<string, string> = {}): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'demo', uid: name, ownerReferences: owned('r'), labels },
    spec: { nodeName: 'node-1' },
    status: { phase: 'Running', ...status },
  }
}

const running = { conditions: [{ type: 'Ready', status: 'True' }] }
const ended = (exitCode: number) => ({ terminated: { exitCode, reason: 'Error' } })
const container = (restartCount: number, state: unknown, lastState: unknown = {}) => ({
  containerStatuses: [{ name: 'web', restartCount, state, lastState }],
})
const looping = { waiting: { reason: 'CrashLoopBackOff' } }

const web = { group: 'apps', kind: 'Deployment', namespace: 'demo', name: 'web' }
const open = (before: KubernetesObject[] = [], rest: Partial<ConstructorParameters<typeof Gate>[0]> = {}) =>
  new Gate({ targets: [{ reference: web }], before, openedAt: 0, deadline: 60_000, window: 10_000, ...rest })

test('a gate is ready after the window, and not before', () => {
  const gate = open()
  for (const object of [deployment({}), replicaSet, pod(running)]) gate.observe({ type: 'ADDED', object }, 1000)
  assert.is(gate.verdict(1000).state, 'settling')
  assert.is(gate.verdict(10_999).state, 'settling')
  assert.is(gate.verdict(10_999).wakeAt, 11_000)
  assert.is(gate.verdict(11_000).state, 'ready')
})

test('a pod that was restarted long ago and runs well fails nothing', () => {
  const old = pod({ ...running, ...container(7, { running: {} }, ended(1)) })
  for (const before of [[], [deployment({}), replicaSet, old]]) {
    const gate = open(before)
    for (const object of [deployment({}), replicaSet, old]) gate.observe({ type: 'ADDED', object }, 1000)
    assert.is(gate.verdict(1000).state, 'settling')
    assert.is(gate.verdict(11_000).state, 'ready')
  }
})

test('a restart within the window begins it anew', () => {
  const gate = open()
  for (const object of [deployment({}), replicaSet, pod({ ...running, ...container(0, { running: {} }) })])
    gate.observe({ type: 'ADDED', object }, 1000)
  gate.observe({ type: 'MODIFIED', object: pod({ ...running, ...container(1, { running: {} }, ended(1)) }) }, 8000)
  assert.is(gate.verdict(11_000).state, 'settling')
  assert.is(gate.verdict(18_000).state, 'ready')
})

test('restarts that fail three times are a crash loop, even where CrashLoopBackOff was never seen', () => {
  const gate = open()
  gate.observe({ type: 'ADDED', object: deployment({ availableReplicas: 0 }) }, 0)
  gate.observe({ type: 'ADDED', object: replicaSet }, 0)
  for (const restarts of [0, 1, 2]) {
    gate.observe(
      { type: 'MODIFIED', object: pod(container(restarts, { running: {} }, restarts > 0 ? ended(3) : {})) },
      1000 * restarts,
    )
    assert.is(gate.verdict(1000 * restarts).state, 'waiting', `${restarts} restarts`)
  }
  gate.observe({ type: 'MODIFIED', object: pod(container(3, { running: {} }, ended(3))) }, 9000)
  const { state, targets } = gate.verdict(9000)
  assert.is(state, 'failed')
  assert.is(targets[0]?.cause, 'container exits 3 (crash loop)')
})

test('a pod that looped before the apply gets another chance, and fails when it crashes again', () => {
  const before = [deployment({ availableReplicas: 0 }), replicaSet, pod(container(4, looping, ended(1)))]
  const gate = open(before)
  assert.is(gate.verdict(0).state, 'waiting')
  assert.is(gate.verdict(0).targets[0]?.cause, 'container exits 1 (crash loop)')
  gate.observe({ type: 'MODIFIED', object: pod(container(5, looping, ended(1))) }, 5000)
  assert.is(gate.verdict(5000).state, 'failed')
})

test('one doomed pod of several does not fail a rollout before the deadline; all of them do', () => {
  const wanted = deployment({ replicas: 2, updatedReplicas: 2, availableReplicas: 1 })
  const invalid = container(0, { waiting: { reason: 'InvalidImageName' } })
  const gate = open()
  for (const object of [wanted, replicaSet, pod(invalid, 'a'), pod({}, 'b')]) gate.observe({ type: 'ADDED', object }, 0)
  assert.is(gate.verdict(0).state, 'waiting')
  assert.is(gate.verdict(0).targets[0]?.cause, 'image name is invalid')
  gate.observe({ type: 'MODIFIED', object: pod(invalid, 'b') }, 1000)
  assert.is(gate.verdict(1000).state, 'failed')
  const listed = open()
  for (const object of [deployment({ updatedReplicas: 0, availableReplicas: 0 }), replicaSet])
    listed.observe({ type: 'ADDED', object }, 0)
  listed.relist('Pod', [pod(invalid, 'a'), pod(running, 'b')], 0)
  assert.is(listed.verdict(0).state, 'waiting', 'a list is looked at as a whole')
})

test('pods that the node threw out are replaced and fail nothing; those of other templates neither', () => {
  const evicted = pod({ phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' }, 'gone')
  const gate = open()
  for (const object of [deployment({ availableReplicas: 0 }), replicaSet, evicted])
    gate.observe({ type: 'ADDED', object }, 0)
  assert.is(gate.verdict(0).state, 'waiting')
  const other = {
    ...replicaSet,
    metadata: { ...replicaSet.metadata, name: 'web-0', uid: 'r0' },
    spec: { template: { ...template, spec: { containers: [] } } },
  }
  const bad = pod(container(0, { waiting: { reason: 'InvalidImageName' } }), 'old')
  gate.observe({ type: 'ADDED', object: other }, 0)
  gate.observe({ type: 'ADDED', object: { ...bad, metadata: { ...bad.metadata, ownerReferences: owned('r0') } } }, 0)
  assert.is(gate.verdict(0).state, 'waiting')
})

test('an old state of the object counts for nothing, however ready it looks', () => {
  const gate = open([deployment({}, 1)], { targets: [{ reference: web, generation: 2 }] })
  assert.is(gate.verdict(0).state, 'waiting')
  gate.observe({ type: 'MODIFIED', object: deployment({ observedGeneration: 1 }, 2) }, 100)
  assert.is(gate.verdict(100).state, 'waiting')
  gate.observe({ type: 'MODIFIED', object: deployment({}, 2) }, 200)
  assert.is(gate.verdict(200).state, 'settling')
})

test('the deadline of the controller counts after it has run since our own apply', () => {
  const late = {
    availableReplicas: 0,
    conditions: [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }],
  }
  const object = deployment(late)
  const spec = { ...(object.spec as object), progressDeadlineSeconds: 30 }
  const gate = open([{ ...object, spec }])
  assert.is(gate.verdict(1000).state, 'waiting')
  assert.is(gate.verdict(1000).wakeAt, 30_000)
  assert.is(gate.verdict(30_000).state, 'failed')
})

test('what a list after a broken watch does not have any more is gone', () => {
  const invalid = pod(
    container(0, { waiting: { reason: 'ErrImagePull', message: 'x: dial tcp: connection refused' } }),
    'a',
  )
  const gate = open()
  for (const object of [deployment({ availableReplicas: 0 }), replicaSet, invalid])
    gate.observe({ type: 'ADDED', object }, 0)
  assert.is(gate.verdict(0).targets[0]?.cause, 'image cannot be pulled: registry does not answer')
  gate.relist('Pod', [pod({}, 'b')], 1000, 'demo')
  assert.is(gate.verdict(1000).targets[0]?.cause, undefined)
})

test('a DaemonSet does not wait for pods on nodes that are not ready', () => {
  const set: KubernetesObject = {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'agent', namespace: 'demo', uid: 'r', generation: 1 },
    spec: { template },
    status: { observedGeneration: 1, desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 1 },
  }
  const node: KubernetesObject = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'node-1' },
    status: { conditions: [{ type: 'Ready', status: 'Unknown' }] },
  }
  const reference = { group: 'apps', kind: 'DaemonSet', namespace: 'demo', name: 'agent' }
  const states = (objects: KubernetesObject[]) => readNow([reference], objects).map(({ state }) => state)
  assert.equal(states([set, pod({})]), ['waiting'])
  assert.equal(states([set, pod({}), node]), ['ready'])
})

test('load balancers, Ingresses and unknown kinds', () => {
  const at = (object: KubernetesObject, ...others: KubernetesObject[]) => {
    const [group = '', kind = ''] = [
      object.apiVersion.includes('/') ? object.apiVersion.split('/')[0] : '',
      object.kind,
    ]
    const [found] = readNow([{ group, kind, namespace: 'demo', name: object.metadata.name }], [object, ...others])
    return `${found?.state}${found?.cause ? `: ${found.cause}` : ''}`
  }
  const named = (apiVersion: string, kind: string, rest: object): KubernetesObject => ({
    apiVersion,
    kind,
    metadata: { name: 'web', namespace: 'demo' },
    ...rest,
  })
  assert.is(at(named('v1', 'Service', { spec: { type: 'LoadBalancer' } })), 'waiting')
  assert.is(
    at(
      named('v1', 'Service', {
        spec: { type: 'LoadBalancer' },
        status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } },
      }),
    ),
    'ready',
  )
  const ingress = named('networking.k8s.io/v1', 'Ingress', {
    spec: { defaultBackend: { service: { name: 'web', port: { number: 80 } } } },
  })
  assert.is(at(ingress), 'waiting: Service "web" not found')
  assert.is(
    at(ingress, named('v1', 'Service', { spec: { ports: [{ port: 81 }] } })),
    'waiting: Service "web" has no port 80',
  )
  assert.is(at(ingress, named('v1', 'Service', { spec: { ports: [{ port: 80 }] } })), 'ready')
  const widget = (conditions?: unknown[]) =>
    named('example.com/v1', 'Widget', conditions ? { status: { conditions } } : {})
  assert.is(at(widget()), 'ready')
  assert.is(at(widget([{ type: 'Ready', status: 'True' }])), 'ready')
  assert.is(at(widget([{ type: 'Ready', status: 'False', message: 'no disk' }])), 'waiting: no disk')
})

test('one moment: a crash loop is an error, whatever the counts say and in whatever order objects come', () => {
  const objects = [deployment({}), replicaSet, pod(container(5, looping, ended(1)))]
  for (const order of [objects, [...objects].reverse()]) {
    const [found] = readNow([web], order)
    assert.is(found?.state, 'failed')
    assert.is(found?.cause, 'container exits 1 (crash loop)')
  }
})

test('the window is longer where no readiness probe says that a container works', () => {
  assert.is(settlingWindow(deployment({})), 20_000)
  const probed = { containers: [{ name: 'web', readinessProbe: { tcpSocket: { port: 80 } } }] }
  assert.is(settlingWindow({ ...deployment({}), spec: { template: { spec: probed } } }), 10_000)
})

test.run()
