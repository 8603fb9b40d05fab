import type { ServedKinds } from '../../../manifest/kubernetes/discovery.ts'
import { groupOf, type KubernetesObject } from '../../../model/kubernetes-object.ts'

/** One thing that somebody may do: as a rule of a Role, and as the question of an access review. */
export type Access = {
  verb: string
  group: string
  /** `deployments`, `pods/log` */
  resource: string
  /** Absent for what is in no namespace. */
  namespace?: string
}

/** What of the commands of an environment its plans may do. */
export type AccessNeeds = {
  /** Objects that are applied (created or changed) and read again. */
  applied: readonly KubernetesObject[]
  /** Objects that may be pruned or replaced: what earlier releases had and what has immutable fields. */
  removed?: readonly KubernetesObject[]
  /** Where the lock and the releases are. */
  releases: string
  /** The namespaces in which workloads run. */
  namespaces: readonly string[]
  /** Databases are reached through port-forward, and commands run in pods. */
  connects?: boolean
  /** Claims of StatefulSets that go are given labels. */
  claims?: boolean
  served: ServedKinds
}

/** Server-side apply is a PATCH, which needs `create` as well where the object is not there. */
const applyVerbs = ['get', 'list', 'watch', 'create', 'patch'] as const

/** What gates, logs and status look at in each namespace, whatever is applied. */
const looks: readonly (readonly [group: string, resource: string, verbs: readonly string[]])[] = [
  ['', 'pods', ['get', 'list', 'watch']],
  ['', 'pods/log', ['get']],
  ['', 'events', ['get', 'list', 'watch']],
  ['apps', 'replicasets', ['get', 'list', 'watch']],
  ['', 'resourcequotas', ['get', 'list']],
  ['', 'limitranges', ['get', 'list']],
]

/** Usual plurals, for kinds that this server's discovery does not have (yet). */
function pluralOf(kind: string): string {
  const name = kind.toLowerCase()
  if (/(s|x|ch|sh)$/.test(name)) return `${name}es`
  return /[^aeiou]y$/.test(name) ? `${name.slice(0, -1)}ies` : `${name}s`
}

/**
 * All that the plans of an environment need, each once: the verbs of applying for the kinds that are applied, `delete` for those that may be
 * removed, the lock's Lease and the releases' Secrets in their namespace, and what gates look at. Nothing else, and no wildcard.
 */
export function accessNeeded(needs: AccessNeeds): Access[] {
  const found = new Map<string, Access>()
  const add = (group: string, resource: string, verbs: readonly string[], namespace: string | undefined) => {
    for (const verb of verbs) {
      const access = { verb, group, resource, ...(namespace !== undefined && { namespace }) }
      found.set([group, resource, verb, namespace ?? ''].join(' '), access)
    }
  }
  const ofObject = (object: KubernetesObject, verbs: readonly string[]) => {
    const kind = needs.served.get(object.apiVersion)?.get(object.kind)
    const namespace = kind?.namespaced === false ? undefined : object.metadata.namespace
    add(groupOf(object.apiVersion), kind?.resource ?? pluralOf(object.kind), verbs, namespace)
  }
  for (const object of needs.applied) ofObject(object, applyVerbs)
  for (const object of needs.removed ?? []) ofObject(object, ['get', 'delete'])
  const stateful = new Set(
    needs.applied.filter(({ kind }) => kind === 'StatefulSet').map(({ metadata }) => metadata.namespace),
  )
  for (const namespace of needs.namespaces) {
    for (const [group, resource, verbs] of looks) add(group, resource, verbs, namespace)
    // A revert of a StatefulSet waits for its broken pod, until that is deleted.
    if (stateful.has(namespace)) add('', 'pods', ['delete'], namespace)
    if (stateful.has(namespace) && needs.claims) add('', 'persistentvolumeclaims', ['get', 'list', 'patch'], namespace)
    if (needs.connects) {
      // A WebSocket is asked for with GET: servers before 1.35 take that for `get`.
      add('', 'pods/portforward', ['get', 'create'], namespace)
      add('', 'pods/exec', ['get', 'create'], namespace)
    }
  }
  add('coordination.k8s.io', 'leases', ['get', 'create', 'update', 'delete'], needs.releases)
  add('', 'secrets', ['get', 'list', 'create', 'update', 'delete'], needs.releases)
  return [...found.values()]
}
