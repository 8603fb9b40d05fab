import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ManifestSpec } from '../../../lib/model/desired.ts'
import type { KubernetesObject } from '../../../lib/model/kubernetes-object.ts'
import { shapeOf } from '../../../lib/plan/kubernetes/manifest-shape.ts'

const object = (kind: string, spec: object, name = 'web'): KubernetesObject => ({
  apiVersion: kind === 'Deployment' ? 'apps/v1' : 'v1',
  kind,
  metadata: { name },
  spec,
})
const deployment = (more: object = {}, pod: object = {}) =>
  object('Deployment', {
    replicas: 3,
    template: { metadata: { labels: { app: 'web', tier: 'a' } }, spec: pod },
    ...more,
  })
const front = object('Service', { selector: { app: 'web' } })
const blueGreen: ManifestSpec = { namespace: 'shop', manifests: ['k'], strategy: { type: 'blue-green', keep: true } }
const canary: ManifestSpec = { ...blueGreen, strategy: { type: 'canary', steps: [100] } }

test('routes are seen', () => {
  assert.equal(shapeOf('web', [deployment(), front, object('Ingress', {})], { namespace: 'shop', manifests: ['k'] }), {
    routes: true,
  })
  assert.equal(shapeOf('web', [deployment(), front], blueGreen), {})
})

const refused: [title: string, objects: KubernetesObject[], spec: ManifestSpec, why: RegExp][] = [
  ['a StatefulSet', [object('StatefulSet', {}), front], blueGreen, /StatefulSet web cannot be there twice/],
  ['no Deployment', [front], blueGreen, /has 0 Deployments/],
  ['two Deployments', [deployment(), object('Deployment', {}, 'b'), front], blueGreen, /has 2 Deployments/],
  [
    'an autoscaler',
    [deployment(), front, object('HorizontalPodAutoscaler', { scaleTargetRef: { kind: 'Deployment', name: 'web' } })],
    canary,
    /HorizontalPodAutoscaler web owns/,
  ],
  ['no Service', [deployment()], canary, /no Service of it/],
  ['a Service of others', [deployment(), object('Service', { selector: { app: 'api' } })], canary, /no Service of it/],
  [
    'a volume to write to',
    [deployment({}, { containers: [], volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'd' } }] }), front],
    blueGreen,
    /both write to the volume "data"/,
  ],
  ['one pod', [deployment({ replicas: 1 }), front], canary, /has 1 pod,/],
]
for (const [title, objects, spec, why] of refused) {
  test(`is refused with a reason: ${title}`, () => {
    const { refusal } = shapeOf('web', objects, spec)
    assert.match(refusal?.message ?? '', why)
    assert.ok(refusal?.mend)
  })
}

test('the replicas that the environment says count', () => {
  assert.equal(shapeOf('web', [deployment({ replicas: 1 }), front], { ...canary, replicas: 4 }), {})
})

test.run()
