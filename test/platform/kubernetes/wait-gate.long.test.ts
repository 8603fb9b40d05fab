import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type KubernetesObject, referenceKey, referenceOf } from '../../../lib/model/kubernetes-object.ts'
import type { OpOf } from '../../../lib/model/op.ts'
import { applyObjects, referencesOf } from '../../../lib/platform/kubernetes/apply.ts'
import type { KubernetesContext } from '../../../lib/platform/kubernetes/context.ts'
import { writeInventory } from '../../../lib/platform/kubernetes/inventory.ts'
import { kubectlOf } from '../../../lib/platform/kubernetes/kubectl.ts'
import { waitGate } from '../../../lib/platform/kubernetes/ops/wait-gate.ts'
import { kubernetesReleases } from '../../../lib/platform/kubernetes/releases.ts'
import { systemClock } from '../../../lib/system/clock.ts'
import { temporaryFolder, timeLimit } from '../../support/index.ts'
import { type Cluster, startCluster } from '../../support/kubernetes/index.ts'
import type { Access } from '../../support/kubernetes/server.ts'

timeLimit(600_000)
type World = { cluster: Cluster; refused: { test: (access: Access) => boolean } }
const on = suite<World>('the gate of a service on a cluster')
on.before(async (context) => {
  const folder = temporaryFolder()
  context.refused = { test: () => false }
  context.cluster = await startCluster({
    folder,
    images: (image) => (image.includes('unready') ? { run: 'unready' } : {}),
    allows: (access) => !context.refused.test(access),
  })
  process.env.KUBECONFIG = context.cluster.kubeconfig
  process.env.KUBECACHEDIR = `${folder}/cache`
})
on.before.each(({ refused }) => {
  refused.test = () => false
})
on.after(({ cluster }) => cluster.end())

const kubectl = kubectlOf({ context: 'test' })
const place = { kubectl, home: 'default', workspaceId: 'shop0000', environment: 'production' }
const { signal } = new AbortController()

/** Applies objects as a service's, and waits at its gate. */
async function gate(service: string, objects: KubernetesObject[], { patienceMs }: { patienceMs?: number } = {}) {
  const cluster: KubernetesContext = {
    ...place,
    folder: '/',
    workspaceName: 'shop',
    releases: kubernetesReleases(place),
    secrets: { find: () => undefined },
    clock: systemClock,
    hidden: [],
    before: new Map(),
  }
  const applied = await applyObjects(kubectl, objects, signal)
  assert.ok(applied.ok, JSON.stringify(applied))
  const generations = Object.fromEntries(
    (applied.ok ? applied.value : []).map((object) => [
      referenceKey(referenceOf(object)),
      object.metadata.generation ?? 1,
    ]),
  )
  const startedAt = new Date().toISOString()
  const rest = { startedAt, applied: [], generations, settleMs: 1_000 }
  await writeInventory(cluster, { service, objects: referencesOf(objects), ...rest })
  const lines: string[] = []
  const spec = { health: { deadlineMs: 60_000 }, kubernetes: { ...(patienceMs !== undefined && { patienceMs }) } }
  const op = { kind: 'wait-gate', data: { service, spec } } as unknown as OpOf<'wait-gate'>
  const context = { signal, run: 'r', secrets: cluster.secrets, output: (line: string) => void lines.push(line) }
  return { result: await waitGate(cluster).run(op, context), lines }
}

const template = (app: string, image: string, more: object = {}) => ({
  metadata: { labels: { app } },
  spec: { containers: [{ name: 'main', image, ...more }] },
})
const workload = (kind: string, name: string, image: string, more: object = {}): KubernetesObject => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { name, namespace: 'default' },
  spec: { selector: { matchLabels: { app: name } }, template: template(name, image, more) },
})

on('gives up on what may heal when its patience is over, long before the deadline', async () => {
  const envFrom = [{ secretRef: { name: 'nowhere' } }]
  const { result } = await gate('lacking', [workload('Deployment', 'lacking', 'web:v1', { envFrom })], {
    patienceMs: 2_000,
  })
  assert.not.ok(result.ok)
  const message = result.ok ? '' : result.failures[0].message
  assert.match(message, 'Secret "nowhere" not found')
  assert.not.match(message, 'in time')
})

on('does not wait for pods on nodes that are not ready', async ({ cluster }) => {
  const { api } = cluster
  const nodes = api.type('nodes')
  const node = api.store.get(nodes, 'node-1')
  const status = (ready: string) => ({ ...node.status, conditions: [{ type: 'Ready', status: ready }] })
  const by = { manager: 'cluster', dryRun: false }
  api.replace(nodes, { ...node, metadata: { name: 'node-1' }, status: status('Unknown') }, by, true)
  try {
    const { result } = await gate('agent', [workload('DaemonSet', 'agent', 'unready:v1')])
    assert.ok(result.ok, JSON.stringify(result))
  } finally {
    api.replace(nodes, { ...node, metadata: { name: 'node-1' }, status: status('True') }, by, true)
  }
})

on('goes without nodes and classes where it may not see them, and says nothing of it', async ({ cluster, refused }) => {
  refused.test = ({ resource }) => ['nodes', 'storageclasses'].includes(resource)
  const asked = () => cluster.requests.filter((request) => /\/(nodes|storageclasses)(\?|$)/.test(request)).length
  const before = asked()
  const claim: KubernetesObject = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data', namespace: 'default' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  }
  const { result, lines } = await gate('modest', [claim, workload('DaemonSet', 'modest', 'web:v1')])
  assert.ok(result.ok, JSON.stringify(result))
  assert.ok(asked() >= before + 2, 'nodes and storage classes were asked for')
  assert.not.match(lines.join('\n'), /broke off/)
})

on('waits for definitions to be established', async ({ cluster }) => {
  const versions = [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }]
  const names = { plural: 'gadgets', singular: 'gadget', kind: 'Gadget', listKind: 'GadgetList' }
  const definition: KubernetesObject = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'gadgets.example.com' },
    spec: { group: 'example.com', scope: 'Namespaced', names, versions },
  }
  const { result } = await gate('kinds', [definition])
  assert.ok(result.ok, JSON.stringify(result))
  assert.match(result.ok ? (result.value.message ?? '') : '', /^ready after/)
  const listed = (request: string) => request.includes('/customresourcedefinitions') && !request.includes('gadgets')
  assert.ok(cluster.requests.some(listed), 'definitions were listed')
})

on.run()
