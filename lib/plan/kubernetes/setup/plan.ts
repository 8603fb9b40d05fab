import { changeText, compareObject } from '../../../manifest/kubernetes/compare.ts'
import type { ClusterSetup } from '../../../model/cluster-setup.ts'
import { type KubernetesObject, referenceKey, referenceOf } from '../../../model/kubernetes-object.ts'
import type { OpOf } from '../../../model/op.ts'
import type { Plan } from '../../../model/plan.ts'

const timeoutMs = 60_000
/** How many fields of an object a cause names. */
const shownFields = 3

/** Makes the objects that are not there, and changes those that differ: namespaces first. A finding about policies is said with their change. */
export function planClusterSetup(
  environment: string,
  { wanted, live, manager, findings, pullSecrets }: ClusterSetup,
): Plan {
  const there = new Map(live.map((object) => [referenceKey(referenceOf(object)), object]))
  const changes = wanted.flatMap((object) => {
    const cause = causeOf(object, there.get(referenceKey(referenceOf(object))), manager)
    return cause === undefined ? [] : [{ object, cause }]
  })
  const namespaces = new Set(
    changes.filter(({ object }) => object.kind === 'Namespace').map(({ object }) => nameOf(object)),
  )
  const ops = changes.map(({ object, cause }): OpOf<'apply-object'> => {
    const space = object.metadata.namespace
    const before = space === undefined ? undefined : nameOf({ ...object, kind: 'Namespace', metadata: { name: space } })
    return {
      id: nameOf(object),
      kind: 'apply-object',
      after: before !== undefined && namespaces.has(before) ? [before] : [],
      cause,
      changes: true,
      timeoutMs,
      data: { object },
    }
  })
  const logins = pullSecrets.map(({ cause, data }): OpOf<'apply-pull-secret'> => {
    const { name, namespace } = data
    const before = nameOf({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
    const after = namespaces.has(before) ? [before] : []
    const id = `apply:Secret:${namespace}:${name}`
    return { id, kind: 'apply-pull-secret', after, cause, changes: true, timeoutMs, data }
  })
  const ordered = [...ops.filter(({ after }) => after.length === 0), ...ops.filter(({ after }) => after.length > 0)]
  const restricts = changes.some(({ object }) => object.kind === 'NetworkPolicy')
  return {
    operation: 'setup',
    environment,
    ops: [...ordered, ...logins],
    findings: findings.filter(({ rule }) => rule !== 'egress-denied' || restricts),
    notes: [],
  }
}

function causeOf(object: KubernetesObject, live: KubernetesObject | undefined, manager: string): string | undefined {
  if (!live) return 'it is not there'
  const { fields } = compareObject(object, live, { manager })
  if (fields.length === 0) return undefined
  const more = fields.length > shownFields ? `; and ${fields.length - shownFields} more` : ''
  return `${fields.slice(0, shownFields).map(changeText).join('; ')}${more}`
}

const nameOf = ({ kind, metadata: { name, namespace } }: KubernetesObject): string =>
  ['apply', kind, ...(namespace === undefined ? [] : [namespace]), name].join(':')
