import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseAllDocuments } from 'yaml'
import { field, itemsOf } from '../../../lib/manifest/fields.ts'
import { servedKinds } from '../../../lib/manifest/kubernetes/discovery.ts'
import type { KubernetesObject } from '../../../lib/model/kubernetes-object.ts'
import {
  accessNeeded,
  chooseStorageClass,
  claimsWithoutClass,
  deployerObjects,
  limitObjects,
  namespaceObjects,
  networkObjects,
  planClusterSetup,
  podSecurityLevel,
  pullAccounts,
  type ServiceManifests,
  withStorageClass,
} from '../../../lib/plan/kubernetes/setup/index.ts'
import { renderPlan } from '../../../lib/plan/render.ts'

const labels = { 'app.kubernetes.io/managed-by': 'vital-ops' }

const objects = (namespace: string, yaml: string): KubernetesObject[] =>
  parseAllDocuments(yaml).map((document) => {
    const object = document.toJS() as KubernetesObject
    return { ...object, metadata: { namespace, ...object.metadata } }
  })

const workload = (name: string, port: number, spec = '', container = ''): string => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}}
spec:
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec:
      ${spec}
      containers:
      - name: ${name}
        image: ${name}:v1
        ports: [{containerPort: ${port}}]
        ${container}
`

const api: ServiceManifests = {
  service: 'api',
  namespace: 'applications',
  dependencies: ['postgres'],
  objects: objects(
    'applications',
    `${workload('api', 8080)}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: api}\nspec: {selector: {app: api}, ports: [{port: 80, targetPort: 8080}]}\n---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: api}\nspec: {defaultBackend: {service: {name: api, port: {number: 80}}}}`,
  ),
}
const postgres: ServiceManifests = {
  service: 'postgres',
  namespace: 'databases',
  dependencies: [],
  objects: objects('databases', workload('postgres', 5432).replace('kind: Deployment', 'kind: StatefulSet')),
}
const served = servedKinds(
  {
    groupVersion: 'apps/v1',
    resources: [
      { name: 'deployments', kind: 'Deployment', namespaced: true, verbs: [] },
      { name: 'statefulsets', kind: 'StatefulSet', namespaced: true, verbs: [] },
    ],
  },
  {
    groupVersion: 'v1',
    resources: [
      { name: 'services', kind: 'Service', namespaced: true, verbs: [] },
      { name: 'namespaces', kind: 'Namespace', namespaced: false, verbs: [] },
    ],
  },
)

test('namespaces enforce the strictest level that their own pods meet', () => {
  const strict = workload(
    'web',
    8080,
    'securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}',
    'securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}',
  )
  assert.is(podSecurityLevel(objects('a', strict)), 'restricted')
  assert.is(podSecurityLevel(objects('a', strict.replace('drop: [ALL]', 'drop: [ALL], add: [CHOWN]'))), 'baseline')
  assert.is(podSecurityLevel(api.objects), 'baseline')
  for (const spec of ['hostNetwork: true', 'volumes: [{name: h, hostPath: {path: /}}]'])
    assert.is(podSecurityLevel(objects('a', workload('web', 80, spec))), 'privileged', spec)
  assert.is(
    podSecurityLevel(objects('a', workload('web', 80, '', 'securityContext: {privileged: true}'))),
    'privileged',
  )
  const made = namespaceObjects(
    [api, postgres, { ...api, service: 'web', objects: objects('web', strict), namespace: 'web' }],
    labels,
  )
  assert.equal(
    made.map(({ metadata }) => `${metadata.name} ${metadata.labels?.['pod-security.kubernetes.io/enforce']}`),
    ['applications baseline', 'databases baseline', 'web restricted'],
  )
})

test('the deployer may do what the plans need in each namespace, and nothing else', () => {
  const access = accessNeeded({
    applied: [...api.objects, ...postgres.objects],
    removed: api.objects.slice(0, 1),
    releases: 'ops',
    namespaces: ['applications', 'databases'],
    served,
  })
  const may = (text: string) =>
    access.some(({ verb, group, resource, namespace }) => `${verb} ${group}/${resource} ${namespace}` === text)
  assert.ok(may('patch apps/deployments applications'))
  assert.ok(may('delete apps/deployments applications'))
  assert.ok(may('watch /pods databases'))
  assert.ok(may('delete /pods databases'), 'a StatefulSet is there')
  assert.ok(may('update coordination.k8s.io/leases ops'))
  assert.ok(may('create networking.k8s.io/ingresses applications'), 'the plural of a kind that discovery did not say')
  for (const no of [
    'delete /pods applications',
    'delete apps/statefulsets databases',
    'patch apps/deployments databases',
    'get /secrets applications',
    'create /pods/exec databases',
  ]) {
    assert.not(may(no), no)
  }
  const made = deployerObjects({ name: 'deployer', namespace: 'ops', labels }, access, [])
  assert.equal(
    made.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`),
    [
      'ServiceAccount ops/deployer',
      ...['applications', 'databases', 'ops'].flatMap((where) => [
        `Role ${where}/deployer`,
        `RoleBinding ${where}/deployer`,
      ]),
    ],
  )
  const rules = made.flatMap((one) => itemsOf(one, 'rules'))
  assert.not(JSON.stringify(rules).includes('*'))
  // What the rules grant is what was asked for, no more and no less.
  const granted = made.flatMap((role) =>
    itemsOf(role, 'rules').flatMap((rule) =>
      itemsOf(rule, 'apiGroups').flatMap((group) =>
        itemsOf(rule, 'resources').flatMap((resource) =>
          itemsOf(rule, 'verbs').map((verb) => `${verb} ${group}/${resource} ${role.metadata.namespace}`),
        ),
      ),
    ),
  )
  assert.equal(
    granted.sort(),
    access.map(({ verb, group, resource, namespace }) => `${verb} ${group}/${resource} ${namespace}`).sort(),
  )
})

test('objects of the cluster get a ClusterRole, and rules of applied Roles are handed on', () => {
  const namespace: KubernetesObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'applications' } }
  const role: KubernetesObject = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: { name: 'leader', namespace: 'applications' },
    rules: [{ apiGroups: [''], resources: ['endpoints'], verbs: ['update'] }],
  }
  const applied = [namespace, role]
  const made = deployerObjects(
    { name: 'deployer', namespace: 'ops', labels },
    accessNeeded({ applied, releases: 'ops', namespaces: [], served }),
    applied,
  )
  const cluster = made.find(({ kind }) => kind === 'ClusterRole')
  assert.is(cluster?.metadata.name, 'ops-deployer')
  assert.equal(itemsOf(cluster, 'rules'), [
    { apiGroups: [''], resources: ['namespaces'], verbs: ['create', 'get', 'list', 'patch', 'watch'] },
  ])
  const own = made.find(({ kind, metadata }) => kind === 'Role' && metadata.namespace === 'applications')
  assert.ok(
    itemsOf(own, 'rules').some(
      (rule) => field(rule, 'resources') !== undefined && itemsOf(rule, 'resources').includes('endpoints'),
    ),
  )
})

test('the network denies everything but DNS, what the catalogue says, and what is published', () => {
  const made = networkObjects([api, postgres], { labels, ingressControllers: ['ingress-nginx'] })
  const named = (namespace: string, name: string) =>
    made.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name)
  assert.equal(field(named('applications', 'default-deny'), 'spec', 'podSelector'), {})
  assert.is(itemsOf(named('databases', 'default-deny'), 'spec', 'egress').length, 1)
  const text = (namespace: string, name: string) => JSON.stringify(named(namespace, name)?.spec)
  const database = named('databases', 'allow-postgres')
  assert.equal(itemsOf(database, 'spec', 'ingress'), [
    {
      from: [
        { podSelector: { matchLabels: { app: 'postgres' } } },
        {
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'applications' } },
          podSelector: { matchLabels: { app: 'api' } },
        },
      ],
      ports: [{ port: 5432, protocol: 'TCP' }],
    },
  ])
  assert.match(text('applications', 'allow-api') ?? '', '"kubernetes.io/metadata.name":"databases"')
  assert.match(text('applications', 'allow-api') ?? '', '"kubernetes.io/metadata.name":"ingress-nginx"')
  assert.not((text('databases', 'allow-postgres') ?? '').includes('ingress-nginx'))
  assert.not((text('databases', 'allow-postgres') ?? '').includes('0.0.0.0/0'))
  const outside = networkObjects([api, postgres], { labels, outside: ['api'] })
  assert.match(JSON.stringify(outside.find(({ metadata }) => metadata.name === 'allow-api')), '0.0.0.0/0')
})

test('quota and limit ranges only where the environment names them', () => {
  assert.equal(limitObjects('a', {}, labels), [])
  const made = limitObjects('a', { quota: { pods: '10' }, containers: { default: { memory: '256Mi' } } }, labels)
  assert.equal(
    made.map(({ kind }) => kind),
    ['ResourceQuota', 'LimitRange'],
  )
})

test('the first storage class of the list that is there, and the class that a claim has stays', () => {
  const classes: KubernetesObject[] = [
    { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name: 'slow' } },
    {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: 'standard', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    },
  ]
  assert.equal(chooseStorageClass(undefined, classes), { chosen: undefined, findings: [] })
  assert.equal(chooseStorageClass(['slow', 'default'], classes), { chosen: 'slow', findings: [] })
  const fallback = chooseStorageClass(['fast', 'default'], classes)
  assert.is(fallback.chosen, 'standard')
  assert.is(fallback.findings[0]?.rule, 'storage-class-fallback')
  assert.is(chooseStorageClass(['fast'], classes).findings[0]?.severity, 'error')

  const [database] = objects(
    'databases',
    workload('db', 5432)
      .replace('kind: Deployment', 'kind: StatefulSet')
      .replace(
        'spec:\n',
        'spec:\n  volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]\n',
      ),
  )
  if (!database) throw new Error('no StatefulSet')
  const first = withStorageClass(database, { 'StatefulSet/db/data': 'standard' })
  assert.match(JSON.stringify(first), '"storageClassName":"standard"')
  assert.equal(claimsWithoutClass(first), [])
  assert.is(withStorageClass(database, {}), database, 'nothing is chosen for it')
})

test('pull secrets are made after their namespaces, and named by the accounts that pods run as', () => {
  const login = { user: 'bot', password: { secret: 'REGISTRY_PASSWORD', digest: 'd1' } }
  const data = { name: 'registry', namespace: 'databases', registry: 'registry.example.com' }
  const plan = planClusterSetup('production', {
    wanted: [...namespaceObjects([postgres], labels), ...pullAccounts([postgres], ['registry'])],
    live: [],
    manager: 'vital-ops-setup',
    findings: [],
    pullSecrets: [
      { cause: 'it is not there', data },
      { cause: 'its login differs', data: { ...data, name: 'other', login } },
    ],
  })
  assert.is(
    renderPlan(plan),
    [
      'setup production: 4 changes',
      '  + apply:Namespace:databases               apply Namespace databases — it is not there',
      '  + apply:ServiceAccount:databases:default  apply ServiceAccount databases/default — it is not there',
      '  + apply:Secret:databases:registry         apply Secret databases/registry with the login to registry.example.com (of docker) — it is not there [after apply:Namespace:databases]',
      '  + apply:Secret:databases:other            apply Secret databases/other with the login to registry.example.com (of REGISTRY_PASSWORD) — its login differs [after apply:Namespace:databases]',
    ].join('\n'),
  )
})

test.run()
