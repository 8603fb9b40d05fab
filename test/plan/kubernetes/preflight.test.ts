import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseAllDocuments } from 'yaml'
import { servedKinds } from '../../../lib/manifest/kubernetes/discovery.ts'
import type { Finding } from '../../../lib/model/finding.ts'
import type { KubernetesObject } from '../../../lib/model/kubernetes-object.ts'
import {
  type PreflightInput,
  preflightManifests,
  preflightRules,
  type ServerFacts,
} from '../../../lib/plan/kubernetes/preflight/index.ts'
import { note } from '../../support/index.ts'

const allKinds = new Set([
  'Namespace',
  'Node',
  'StorageClass',
  'IngressClass',
  'ResourceQuota',
  'LimitRange',
  'Secret',
  'ConfigMap',
  'ServiceAccount',
  'PersistentVolumeClaim',
  'Service',
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'PodDisruptionBudget',
  'Ingress',
  'Pod',
])

const objects = (yaml: string): KubernetesObject[] =>
  parseAllDocuments(yaml)
    .map((document) => document.toJS() as KubernetesObject)
    .filter((object) => object?.kind !== undefined)
    .map((object) =>
      ['Namespace', 'Node', 'StorageClass', 'IngressClass', 'CustomResourceDefinition'].includes(object.kind)
        ? object
        : { ...object, metadata: { namespace: 'demo', ...object.metadata } },
    )

const cluster = `
apiVersion: v1
kind: Namespace
metadata: {name: demo}
status: {phase: Active}
---
apiVersion: v1
kind: Node
metadata: {name: node-1, labels: {disk: ssd}}
status: {allocatable: {cpu: "4", memory: 8Gi}}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: standard, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
`

function input(
  manifests: string,
  server = '',
  facts: Partial<ServerFacts> = {},
  live: KubernetesObject[] = [],
): PreflightInput {
  return {
    planned: objects(manifests).map((object) => {
      const there = live.find((one) => one.kind === object.kind && one.metadata.name === object.metadata.name)
      return { object, service: 'web', ...(there && { live: there }) }
    }),
    facts: {
      served: new Map(),
      known: allKinds,
      ...facts,
      objects: [...objects(`${cluster}\n---\n${server}`), ...live],
    },
  }
}

const web = (spec = '', container = '', deployment = ''): string => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  ${deployment}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      ${spec}
      containers:
      - name: web
        image: web:v1
        ports: [{name: http, containerPort: 8080}]
        readinessProbe: {tcpSocket: {port: 8080}}
        ${container}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: web}}}
`

const rules = (found: Finding[]) => found.map(({ rule, severity }) => `${severity} ${rule}`)
const messages = (found: Finding[]) => found.map(({ message }) => message)

test('a plan that fits has no findings', () => {
  assert.equal(preflightManifests(input(web())), [])
})

test('a full quota: which object does not fit, with surge and with what a LimitRange fills in, and by how much', () => {
  const server = `
apiVersion: v1
kind: ResourceQuota
metadata: {name: team}
spec: {hard: {pods: "3", requests.cpu: "2", limits.memory: 1Gi}}
status: {used: {pods: "2", requests.cpu: "1", limits.memory: 512Mi}}
---
apiVersion: v1
kind: LimitRange
metadata: {name: defaults}
spec: {limits: [{type: Container, defaultRequest: {cpu: 500m}, default: {memory: 256Mi}}]}
`
  const [live] = objects(web())
  const surging = web('', '', 'strategy: {rollingUpdate: {maxSurge: 2, maxUnavailable: 0}}').replace('web:v1', 'web:v2')
  const found = preflightManifests(input(surging, server, {}, live ? [live] : []))
  assert.equal(messages(found), [
    'Deployment demo/web: needs 2 more of pods while it rolls (4 pods at most); the quota "team" has 1 of 3 left: 1 too much',
  ])
  const more = web('', 'resources: {requests: {cpu: 750m}, limits: {memory: 512Mi}}').replace(
    'name: web}',
    'name: other}',
  )
  const others = messages(preflightManifests(input(more, server)).filter(({ rule }) => rule === 'quota-exceeded'))
  assert.equal(others, [
    'Deployment demo/other: needs 2 more of pods for 2 pods; the quota "team" has 1 of 3 left: 1 too much',
    'Deployment demo/other: needs 1500m more of requests.cpu for 2 pods; the quota "team" has 1 of 2 left: 500m too much',
    'Deployment demo/other: needs 1Gi more of limits.memory for 2 pods; the quota "team" has 512Mi of 1Gi left: 512Mi too much',
  ])
  assert.equal(
    preflightManifests(input(web(), server, {}, live ? [live] : [])),
    [],
    'an unchanged deploy takes nothing',
  )
})

test('a quota on requests refuses containers that name none', () => {
  const server = 'apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: team}\nspec: {hard: {requests.cpu: "2"}}'
  const found = preflightManifests(input(web(), server))
  assert.match(messages(found)[0] ?? '', 'the container web names no requests.cpu')
})

test('what no node takes: too large, wrong labels, taints', () => {
  const said = (spec: string, container = '', server = '') =>
    messages(preflightManifests(input(web(spec, container), server)))
  assert.match(said('', 'resources: {requests: {cpu: "5"}}')[0] ?? '', 'requests 5 of cpu, the largest node has 4')
  assert.match(said('nodeSelector: {disk: hdd}')[0] ?? '', 'no node has the labels')
  assert.equal(said('nodeSelector: {disk: ssd}'), [])
  const tainted =
    'apiVersion: v1\nkind: Node\nmetadata: {name: gpu, labels: {gpu: a}}\nspec: {taints: [{key: gpu, effect: NoSchedule}]}\nstatus: {allocatable: {cpu: "9", memory: 9Gi}}'
  assert.match(said('nodeSelector: {gpu: a}', '', tainted)[0] ?? '', 'taints that it does not tolerate')
  assert.equal(said('nodeSelector: {gpu: a}\n      tolerations: [{key: gpu, operator: Exists}]', '', tainted), [])
})

test('missing Secrets, ConfigMaps, ServiceAccounts, pull secrets and keys', () => {
  const spec = 'serviceAccountName: nobody\n      imagePullSecrets: [{name: registry}]'
  const container = `env:
        - {name: PASSWORD, valueFrom: {secretKeyRef: {name: db, key: password}}}
        - {name: HINT, valueFrom: {secretKeyRef: {name: absent, key: x, optional: true}}}
        - {name: LEVEL, valueFrom: {configMapKeyRef: {name: settings, key: level}}}
        envFrom: [{configMapRef: {name: more}}]`
  const settings = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {mode: a}'
  const found = preflightManifests(input(`${web(spec, container)}\n---\n${settings}`))
  assert.equal(
    messages(found)
      .map((text) => text.replace('Deployment demo/web: ', ''))
      .sort(),
    [
      'ConfigMap "more" (for all its variables) is neither in the namespace demo nor in the plan',
      'ConfigMap "settings" has no key "level" (for the variable LEVEL)',
      'Secret "db" (for the variable PASSWORD) is neither in the namespace demo nor in the plan',
      'Secret "registry" (to pull images) is neither in the namespace demo nor in the plan',
      'ServiceAccount "nobody" (that its pods run as) is neither in the namespace demo nor in the plan',
    ],
  )
  const there = `
apiVersion: v1
kind: Secret
metadata: {name: db}
data: {password: eA==}
---
apiVersion: v1
kind: Secret
metadata: {name: registry}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: more}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {level: info}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: nobody}
`
  assert.equal(preflightManifests(input(web(spec, container), there)), [])
})

test('Services that select nothing, ports and backends that are not there', () => {
  const service = (selector: string, target: string) =>
    `apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: ${selector}, ports: [{name: http, port: 80, targetPort: ${target}}]}`
  const said = (yaml: string, server = '') => rules(preflightManifests(input(`${web()}\n---\n${yaml}`, server)))
  assert.equal(said(service('{app: web}', 'http')), [])
  assert.equal(said(service('{app: other}', 'http')), ['error service-selects-nothing'])
  assert.equal(said(service('{app: web}', 'https')), ['error service-port-missing'])
  const ingress = (name: string, port: string) =>
    `${service('{app: web}', 'http')}\n---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web}\nspec: {ingressClassName: nginx, rules: [{host: a, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: ${name}, port: ${port}}}}]}}]}`
  const nginx = 'apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: nginx}'
  assert.equal(said(ingress('web', '{name: http}'), nginx), [])
  assert.equal(said(ingress('web', '{number: 81}'), nginx), ['error ingress-backend-missing'])
  assert.equal(said(ingress('absent', '{number: 80}')), [
    'error ingress-backend-missing',
    'error ingress-class-missing',
  ])
})

test('storage classes that are not there', () => {
  const claim = (spec: string) =>
    `apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\nspec: {accessModes: [ReadWriteOnce]${spec}}`
  assert.equal(rules(preflightManifests(input(claim('')))), [])
  assert.equal(rules(preflightManifests(input(claim(', storageClassName: fast')))), ['error storage-class-missing'])
  assert.equal(rules(preflightManifests(input(claim(', storageClassName: ""')))), [])
})

test('budgets that block, and that are missing; probes that are missing', () => {
  const single = web().replace('replicas: 2', 'replicas: 1').replace('maxUnavailable: 1', 'minAvailable: 1')
  assert.equal(rules(preflightManifests(input(single))), ['warning disruption-budget-blocks'])
  const bare = web()
    .replace(/---[\s\S]*/, '')
    .replace(/readinessProbe.*/, '')
  const found = preflightManifests(input(bare))
  assert.equal(rules(found), ['warning probe-missing', 'note disruption-budget-missing'])
  assert.ok(found.every(({ mend }) => mend !== undefined))
})

test('namespaces that are being deleted or are missing', () => {
  const ending =
    'apiVersion: v1\nkind: Namespace\nmetadata: {name: demo, deletionTimestamp: "2026-11-21T00:00:00Z"}\nstatus: {phase: Terminating}'
  const { planned, facts } = input(web())
  const others = facts.objects.filter(({ kind }) => kind !== 'Namespace')
  assert.equal(
    rules(preflightRules.namespaces({ planned, facts: { ...facts, objects: [...others, ...objects(ending)] } })),
    ['error namespace-terminating'],
  )
  assert.equal(rules(preflightRules.namespaces({ planned, facts: { ...facts, objects: others } })), [
    'error namespace-missing',
  ])
})

test('versions of APIs that this server lacks or will lose, and kinds that the plan defines itself', () => {
  const served = servedKinds(
    {
      groupVersion: 'apps/v1',
      resources: [
        { name: 'deployments', kind: 'Deployment', namespaced: true, verbs: ['get'] },
        { name: 'deployments/scale', kind: 'Scale' },
      ],
    },
    {
      items: [
        {
          metadata: { name: 'policy' },
          versions: [
            {
              version: 'v1',
              resources: [
                {
                  resource: 'poddisruptionbudgets',
                  responseKind: { kind: 'PodDisruptionBudget' },
                  scope: 'Namespaced',
                  verbs: ['get'],
                },
              ],
            },
          ],
        },
      ],
    },
  )
  assert.equal(served.get('apps/v1')?.get('Deployment'), { resource: 'deployments', namespaced: true, verbs: ['get'] })
  assert.is(served.get('apps/v1')?.has('Scale'), false)
  const found = preflightManifests(
    input(web().replace('policy/v1', 'policy/v1beta1'), '', { served, serverVersion: 'v1.36.2' }),
  )
  assert.equal(
    found.map(({ message, mend }) => `${message}; ${mend}`),
    ['PodDisruptionBudget demo/web: the server (v1.36.2) has no PodDisruptionBudget in policy/v1beta1; use policy/v1'],
  )
  const own = `apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: one}`
  const crd = `apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: widgets.example.com}\nspec: {group: example.com, names: {kind: Widget, plural: widgets}, versions: [{name: v1}]}`
  const served2 = servedKinds({
    groupVersion: 'apiextensions.k8s.io/v1',
    resources: [{ name: 'customresourcedefinitions', kind: 'CustomResourceDefinition', namespaced: false, verbs: [] }],
  })
  assert.equal(rules(preflightManifests(input(own, '', { served: served2 }))), ['error api-version-removed'])
  assert.equal(rules(preflightManifests(input(`${own}\n---\n${crd}`, '', { served: served2 }))), [])
})

test('version skew', () => {
  const said = (clientVersion: string, serverVersion: string) =>
    rules(
      preflightRules['version-skew']({
        planned: [],
        facts: { served: new Map(), known: new Set(), objects: [], clientVersion, serverVersion },
      }),
    )
  assert.equal(said('v1.36.2', 'v1.36.2'), [])
  assert.equal(said('v1.32.4', 'v1.33.0'), [])
  assert.equal(said('v1.32.4', 'v1.36.2'), ['warning version-skew'])
  assert.equal(said('v1.27.1', 'v1.28.0'), ['error kubectl-too-old'])
})

test('names, ports and routes that clash', () => {
  const twice = `${web()}\n---\n${web().replace(/---[\s\S]*/, '')}`
  assert.equal(rules(preflightManifests(input(twice))), ['error name-clash'])
  const sidecar = web()
    .replace(/---[\s\S]*/, '')
    .trimEnd()
  const clash = `${sidecar}\n      - {name: side, image: 'side:v1', ports: [{name: http, containerPort: 8080}], readinessProbe: {tcpSocket: {port: 8080}}}\n`
  assert.equal(
    rules(preflightManifests(input(clash))).filter((rule) => rule.includes('clash')),
    ['error port-clash', 'error port-clash'],
  )
  const service = (name: string) =>
    `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec: {type: NodePort, selector: {app: web}, ports: [{port: 80, nodePort: 30080}]}`
  assert.equal(rules(preflightManifests(input(`${web()}\n---\n${service('web')}`, service('other')))), [
    'error port-clash',
  ])
})

test('kinds that were not looked up are not said to be missing', () => {
  const container = 'envFrom: [{secretRef: {name: db}}]'
  assert.equal(preflightManifests(input(web('', container), '', { known: new Set() })), [])
})

test('the rules take little time for 50 services', () => {
  const many = Array.from({ length: 50 }, (_, index) => web().replaceAll('web', `web-${index}`)).join('\n---\n')
  const prepared = input(many)
  const before = process.cpuUsage()
  assert.equal(preflightManifests(prepared), [])
  const { user, system } = process.cpuUsage(before)
  note(`50 services (${prepared.planned.length} objects): ${Math.round((user + system) / 1000)} ms of CPU time`)
  assert.ok(user + system < 5_000_000)
})

test.run()
