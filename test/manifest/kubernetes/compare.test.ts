import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { autoscaledTargets } from '../../../lib/manifest/kubernetes/autoscaled.ts'
import { changeText, compareObject } from '../../../lib/manifest/kubernetes/compare.ts'
import { type KubernetesObject, referenceKey, referenceOf } from '../../../lib/model/kubernetes-object.ts'
import { note } from '../../support/index.ts'
import { type RecordedEvent, recording, recordingNames } from '../../support/kubernetes-recordings.ts'
import { keysReversed, leavesOf, listsReversed, otherValue, quantitiesRespelt, withLeaf } from './mutations.ts'
import { sample, samples } from './samples.ts'

const lines = (manifest: KubernetesObject, live: KubernetesObject, options = {}) =>
  compareObject(manifest, live, options).fields.map(changeText)

/** What recordings applied, each with the object as the server stored it. */
function appliedAndStored(): { name: string; manifest: KubernetesObject; live: KubernetesObject }[] {
  return recordingNames().flatMap((name) => {
    const { steps, events } = recording(name)
    return steps.flatMap((step, index) => {
      if (step.exit !== 0) return []
      return step.objects.flatMap((manifest) => {
        const stored = storedAfter(events, manifest, step.done, steps[index + 1]?.t ?? Number.POSITIVE_INFINITY)
        return stored ? [{ name: `${name} ${index} ${manifest.kind}`, manifest, live: stored }] : []
      })
    })
  })
}

function storedAfter(
  events: RecordedEvent[],
  manifest: KubernetesObject,
  done: number,
  until: number,
): KubernetesObject | undefined {
  const of = (object: KubernetesObject) =>
    object.kind === manifest.kind && object.metadata.name === manifest.metadata.name
  const versions = events.filter(({ t, type, object }) => t < until && type !== 'DELETED' && of(object))
  return (versions.find(({ t }) => t >= done) ?? versions.at(-1))?.object
}

test('what a real server stored is no change of what was applied, with all that it filled in', () => {
  const pairs = appliedAndStored()
  const changed = pairs.flatMap(({ name, manifest, live }) =>
    lines(manifest, live, { previous: manifest }).map((line) => `${name}: ${line}`),
  )
  note(`${pairs.length} applied objects compared with what the server stored`)
  assert.equal(changed, [])
  assert.ok(pairs.length > 80)
})

test('defaults written out, and left out again, are no change', () => {
  const changed = appliedAndStored().flatMap(({ name, manifest, live }) => {
    const { status: _, ...written } = live
    const whole = { ...written, metadata: { ...manifest.metadata } } as KubernetesObject
    // What the server makes up, as no default could: addresses, uids, the revision that a controller notes.
    const madeUp = /^(clusterIPs?|nodePort|volumeName|nodeName|uid)$/
    const bare = JSON.parse(
      JSON.stringify(whole, (key, value) => (madeUp.test(key) && String(value) !== 'None' ? undefined : value)),
    )
    const made = /PersistentVolumeClaim|Pod$|Job$/.test(manifest.kind)
      ? []
      : [...lines(bare, manifest), ...lines(manifest, bare, { previous: bare })]
    return [...lines(whole, live), ...made].map((line) => `${name}: ${line}`)
  })
  assert.equal(changed, [])
})

test('spelling of quantities, order of keys, and order of lists in which it has no meaning are no change', () => {
  let count = 0
  for (const object of samples()) {
    for (const mutate of [quantitiesRespelt, keysReversed, listsReversed]) {
      const mutated = mutate(object) as KubernetesObject
      count++
      assert.equal(lines(mutated, object, { previous: object }), [], `${object.kind}, ${mutate.name}`)
      assert.equal(lines(object, mutated, { previous: mutated }), [], `${object.kind}, ${mutate.name}, the other way`)
    }
  }
  note(`${count} mutations without a difference`)
})

test('every change of one field is found, at its place', () => {
  let count = 0
  for (const object of samples()) {
    for (const { way, value } of leavesOf({
      metadata: { labels: object.metadata.labels, annotations: object.metadata.annotations },
      spec: object.spec,
      data: object.data,
      stringData: object.stringData,
      rules: object.rules,
      subjects: object.subjects,
      roleRef: object.roleRef,
    })) {
      if (value === undefined) continue
      const changed = withLeaf(object, way, otherValue(value))
      const found = compareObject(changed, object, { previous: object }).fields
      count++
      const top = way[0] === 'stringData' ? 'data' : String(way[0])
      assert.ok(found.length > 0, `${object.kind} ${way.join('.')} was not found`)
      assert.ok(
        found.every(({ path }) => path.startsWith(top)),
        `${object.kind} ${way.join('.')}: ${found.map(({ path }) => path)}`,
      )
    }
  }
  note(`${count} changes of one field found`)
  assert.ok(count >= 100)
})

test('every field that is left out is found, unless the server fills in the same', () => {
  const web = sample('Deployment')
  let count = 0
  for (const { way } of leavesOf({ spec: web.spec })) {
    if (typeof way.at(-1) === 'number') continue
    const without = withLeaf(web, way, undefined)
    const found = lines(without, web, { previous: web })
    if (/strategy\.type|operator/.test(way.join('.'))) continue
    count++
    assert.ok(found.length > 0, `${way.join('.')} was not found`)
  }
  note(`${count} removals found`)
})

test('a change is told with its place, before and after', () => {
  const web = sample('Deployment')
  const image = withLeaf(web, ['spec', 'template', 'spec', 'containers', 0, 'image'], 'registry.example.com/web:v2')
  assert.equal(lines(image, web), [
    'spec.template.spec.containers[web].image: registry.example.com/web:v1 → registry.example.com/web:v2',
  ])
  const note = withLeaf(web, ['metadata', 'annotations', 'example.com/owner'], 'team-b')
  assert.equal(lines(note, web), ['metadata.annotations["example.com/owner"]: team-a → team-b'])
})

test('values of secrets are masked', () => {
  const secret = sample('Secret')
  const other = { ...secret, stringData: { password: 'another-one', user: 'web' } }
  assert.equal(lines(other, secret), ['data.password: changed (secret)'])
})

test('a removed container, variable or label is found through the fields that the server keeps of our manager', () => {
  const web = sample('Deployment')
  const fieldsV1 = {
    'f:spec': {
      'f:template': {
        'f:spec': {
          'f:containers': {
            'k:{"name":"web"}': {
              '.': {},
              'f:image': {},
              'f:env': { 'k:{"name":"LEVEL"}': { '.': {}, 'f:value': {} } },
            },
            'k:{"name":"sidecar"}': { '.': {}, 'f:image': {} },
          },
        },
      },
    },
  }
  const live = {
    ...web,
    metadata: { ...web.metadata, managedFields: [{ manager: 'vital-ops', operation: 'Apply', fieldsV1 }] },
  }
  const wanted = structuredClone(web) as {
    spec: { template: { spec: { containers: { env?: { name: string }[] }[] } } }
  } & KubernetesObject
  wanted.spec.template.spec.containers = wanted.spec.template.spec.containers.slice(0, 1)
  const first = wanted.spec.template.spec.containers[0]
  if (first) first.env = first.env?.filter(({ name }) => name !== 'LEVEL') ?? []
  const paths = compareObject(wanted, live, { manager: 'vital-ops' }).fields.map(({ path, kind }) => `${kind} ${path}`)
  assert.equal(paths.sort(), [
    'removed spec.template.spec.containers[sidecar]',
    'removed spec.template.spec.containers[web].env[LEVEL]',
  ])
})

test('the order of init containers counts, and that of variables which refer to others', () => {
  const web = structuredClone(sample('Deployment')) as KubernetesObject & {
    spec: { template: { spec: { initContainers: unknown[]; containers: { env: unknown[] }[] } } }
  }
  const turned = structuredClone(web)
  turned.spec.template.spec.initContainers.reverse()
  assert.equal(
    compareObject(turned, web).fields.map(({ path }) => path),
    ['spec.template.spec.initContainers'],
  )
  const refers = structuredClone(web)
  refers.spec.template.spec.containers[0]?.env.push({ name: 'URL', value: 'http://$(NODE)' })
  const other = structuredClone(refers)
  other.spec.template.spec.containers[0]?.env.reverse()
  assert.equal(
    compareObject(other, refers).fields.map(({ path }) => path),
    ['spec.template.spec.containers[web].env'],
  )
})

test('replicas that an autoscaler owns are no difference', () => {
  const web = sample('Deployment')
  const scaled = withLeaf(web, ['spec', 'replicas'], 7)
  const autoscaled = autoscaledTargets(samples())
  assert.ok(autoscaled.has(referenceKey(referenceOf(web))))
  assert.equal(lines(web, scaled, { autoscaled, previous: web }), [])
  assert.equal(lines(web, scaled), ['spec.replicas: 7 → 3'])
})

test('a change of an immutable field is a replacement, others are updates', () => {
  const cases: [string, (string | number)[], unknown, string][] = [
    ['Deployment', ['spec', 'selector', 'matchLabels', 'app'], 'other', 'replace'],
    ['Deployment', ['spec', 'replicas'], 4, 'update'],
    ['StatefulSet', ['spec', 'serviceName'], 'other', 'replace'],
    ['StatefulSet', ['spec', 'template', 'spec', 'containers', 0, 'image'], 'postgres:18', 'update'],
    ['StatefulSet', ['spec', 'volumeClaimTemplates', 0, 'spec', 'resources', 'requests', 'storage'], '20Gi', 'replace'],
    ['RoleBinding', ['roleRef', 'name'], 'other', 'replace'],
    ['RoleBinding', ['subjects', 0, 'name'], 'other', 'update'],
    ['ConfigMap', ['data', 'a'], '2', 'update'],
  ]
  for (const [kind, way, value, change] of cases) {
    const object = sample(kind)
    assert.is(compareObject(withLeaf(object, way, value), object).change, change, `${kind} ${way.join('.')}`)
  }
  const claim = (storage: string): KubernetesObject => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data' },
    spec: { resources: { requests: { storage } } },
  })
  assert.is(compareObject(claim('2Gi'), claim('1Gi')).change, 'update')
  assert.is(compareObject(claim('1Gi'), claim('2Gi')).change, 'replace')
})

test.run()
