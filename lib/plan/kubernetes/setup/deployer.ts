import { itemsOf } from '../../../manifest/fields.ts'
import type { KubernetesObject } from '../../../model/kubernetes-object.ts'
import type { Access } from './access.ts'
import type { Labels } from './types.ts'

const rbac = 'rbac.authorization.k8s.io'

/** Who deploys, and where its account is. */
export type Deployer = { name: string; namespace: string; labels: Labels }

/**
 * The deployer's ServiceAccount, with one Role and RoleBinding for each namespace and one ClusterRole for what is in none. The rules of Roles
 * among the applied objects are granted as well: nobody may hand on what he has not.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping
 */
export function deployerObjects(
  deployer: Deployer,
  access: readonly Access[],
  applied: readonly KubernetesObject[],
): KubernetesObject[] {
  const { name, namespace, labels } = deployer
  const subject = { kind: 'ServiceAccount', name, namespace }
  const namespaces = [...new Set(access.map((one) => one.namespace))].sort()
  const account = {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name, namespace, labels },
    automountServiceAccountToken: false,
  }
  const roles = namespaces.flatMap((where): KubernetesObject[] => {
    const cluster = where === undefined
    // Objects of the cluster have a name for each deployer, as two environments share them.
    const title = cluster ? `${namespace}-${name}` : name
    const metadata = { name: title, labels, ...(where !== undefined && { namespace: where }) }
    const kind = cluster ? 'ClusterRole' : 'Role'
    const rules = [...rulesOf(access.filter((one) => one.namespace === where)), ...handedOn(applied, where)]
    return [
      { apiVersion: `${rbac}/v1`, kind, metadata, rules },
      {
        apiVersion: `${rbac}/v1`,
        kind: `${kind}Binding`,
        metadata,
        roleRef: { apiGroup: rbac, kind, name: title },
        subjects: [subject],
      },
    ]
  })
  return [account, ...roles]
}

/** Rules of least size: resources of one group with the same verbs share one. */
function rulesOf(access: readonly Access[]): { apiGroups: string[]; resources: string[]; verbs: string[] }[] {
  const verbs = new Map<string, Set<string>>()
  for (const { group, resource, verb } of access) {
    const key = `${group} ${resource}`
    verbs.set(key, (verbs.get(key) ?? new Set()).add(verb))
  }
  const rules = new Map<string, { apiGroups: string[]; resources: string[]; verbs: string[] }>()
  for (const [key, set] of [...verbs].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const [group = '', resource = ''] = key.split(' ')
    const list = [...set].sort()
    const rule = rules.get(`${group} ${list.join()}`)
    if (rule) rule.resources.push(resource)
    else rules.set(`${group} ${list.join()}`, { apiGroups: [group], resources: [resource], verbs: list })
  }
  return [...rules.values()]
}

const handedOn = (applied: readonly KubernetesObject[], where: string | undefined): unknown[] =>
  applied
    .filter(({ kind, metadata }) =>
      where === undefined ? kind === 'ClusterRole' : kind === 'Role' && metadata.namespace === where,
    )
    .flatMap((role) => itemsOf(role, 'rules'))
