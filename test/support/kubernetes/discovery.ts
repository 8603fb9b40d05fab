import { groupVersionOf, type Json, type ResourceType } from './objects.ts'

const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']
const kindOf = (group: string, version: string, kind: string) => ({ group, version, kind })

/** What `kubectl get all` shows. */
const inAll = new Set([
  'pods',
  'services',
  'deployments',
  'replicasets',
  'statefulsets',
  'daemonsets',
  'jobs',
  'cronjobs',
])

/** Types that are asked and not stored. */
const reviews = [
  {
    group: 'authorization.k8s.io',
    version: 'v1',
    resource: 'selfsubjectaccessreviews',
    kind: 'SelfSubjectAccessReview',
  },
  { group: 'authentication.k8s.io', version: 'v1', resource: 'selfsubjectreviews', kind: 'SelfSubjectReview' },
]

/** `/api` (the core group) or `/apis` (all others) in the aggregated form, the only one that is served. */
export function aggregatedDiscovery(types: ResourceType[], core: boolean): Json {
  const groups = new Map<string, Map<string, Json[]>>()
  const put = (group: string, version: string, resource: Json) => {
    const versions = groups.get(group) ?? new Map<string, Json[]>()
    groups.set(group, versions.set(version, [...(versions.get(version) ?? []), resource]))
  }
  for (const type of types.filter(({ group }) => (group === '') === core)) {
    const responseKind = kindOf(type.group, type.version, type.kind)
    put(type.group, type.version, {
      resource: type.resource,
      responseKind,
      scope: type.namespaced ? 'Namespaced' : 'Cluster',
      singularResource: type.kind.toLowerCase(),
      verbs,
      ...(inAll.has(type.resource) && { categories: ['all'] }),
      ...(type.shortNames && { shortNames: type.shortNames }),
      subresources: ['status', ...(type.subresources ?? [])].map((subresource) => ({
        subresource,
        responseKind: subresource === 'scale' ? kindOf('autoscaling', 'v1', 'Scale') : responseKind,
        verbs: subresource === 'log' ? ['get'] : ['create', 'get', 'patch', 'update'],
      })),
    })
  }
  if (!core) {
    for (const { group, version, resource, kind } of reviews) {
      const singularResource = kind.toLowerCase()
      const responseKind = kindOf(group, version, kind)
      put(group, version, { resource, responseKind, scope: 'Cluster', singularResource, verbs: ['create'] })
    }
  }
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: [...groups].map(([group, versions]) => ({
      metadata: group === '' ? {} : { name: group },
      versions: [...versions].map(([version, resources]) => ({ version, resources, freshness: 'Current' })),
    })),
  }
}

/** The types of one group version, in the older form. */
export const resourceList = (types: ResourceType[], groupVersion: string): Json => ({
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion,
  resources: types
    .filter((type) => groupVersionOf(type) === groupVersion)
    .map(({ resource, kind, namespaced }) => ({
      name: resource,
      singularName: kind.toLowerCase(),
      namespaced,
      kind,
      verbs,
    })),
})

const pathOf = (groupVersion: string): string =>
  groupVersion.includes('/') ? `apis/${groupVersion}` : `api/${groupVersion}`

/** `/openapi/v3`: where the documents are. */
export const openApiIndex = (types: ResourceType[]): Json => ({
  paths: Object.fromEntries(
    [...new Set(types.map(groupVersionOf))].map((groupVersion) => [
      pathOf(groupVersion),
      { serverRelativeURL: `/openapi/v3/${pathOf(groupVersion)}?hash=${types.length}` },
    ]),
  ),
})

/** A group version's document, as far as kubectl reads it before it applies: which kinds exist and that `fieldValidation` is known. */
export function openApiDocument(types: ResourceType[], groupVersion: string): Json {
  const parameters = ['dryRun', 'fieldManager', 'fieldValidation', 'force'].map((name) => ({
    name,
    in: 'query',
    schema: { type: 'string', uniqueItems: true },
  }))
  const paths = types
    .filter((type) => groupVersionOf(type) === groupVersion)
    .map((type) => {
      const scope = type.namespaced ? 'namespaces/{namespace}/' : ''
      const gvk = { 'x-kubernetes-group-version-kind': kindOf(type.group, type.version, type.kind) }
      const operation = (action: string) => ({
        ...gvk,
        'x-kubernetes-action': action,
        parameters,
        responses: { 200: { description: 'OK' } },
      })
      return [
        `/${pathOf(groupVersion)}/${scope}${type.resource}/{name}`,
        { get: operation('get'), patch: operation('patch'), put: operation('put'), delete: operation('delete') },
      ]
    })
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'v1.36.2' },
    paths: Object.fromEntries(paths),
    components: { schemas: {} },
  }
}

/** `/version`. */
export const serverVersion = {
  major: '1',
  minor: '36',
  gitVersion: 'v1.36.2',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '2026-01-01T00:00:00Z',
  goVersion: 'go1.26',
  compiler: 'gc',
  platform: 'linux/amd64',
}
