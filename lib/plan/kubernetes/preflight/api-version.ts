import { itemsOf, textOf } from '../../../manifest/fields.ts'
import type { Finding } from '../../../model/finding.ts'
import { groupOf } from '../../../model/kubernetes-object.ts'
import { nearest } from '../../../model/nearest.ts'
import { findingAbout, type PreflightInput, type ServerFacts } from './rule.ts'

/**
 * Versions that servers still answer for and that are announced to go, with what takes their place.
 *
 * @see https://kubernetes.io/docs/reference/using-api/deprecation-guide/
 */
const deprecated: Readonly<Record<string, { removedIn: string; use: string }>> = {
  'flowcontrol.apiserver.k8s.io/v1beta3': { removedIn: '1.32', use: 'flowcontrol.apiserver.k8s.io/v1' },
  'flowcontrol.apiserver.k8s.io/v1beta2': { removedIn: '1.29', use: 'flowcontrol.apiserver.k8s.io/v1' },
  'autoscaling/v2beta2': { removedIn: '1.26', use: 'autoscaling/v2' },
  'autoscaling/v2beta1': { removedIn: '1.25', use: 'autoscaling/v2' },
  'batch/v1beta1': { removedIn: '1.25', use: 'batch/v1' },
  'policy/v1beta1': { removedIn: '1.25', use: 'policy/v1' },
  'discovery.k8s.io/v1beta1': { removedIn: '1.25', use: 'discovery.k8s.io/v1' },
  'storage.k8s.io/v1beta1': { removedIn: '1.27', use: 'storage.k8s.io/v1' },
  'networking.k8s.io/v1beta1': { removedIn: '1.22', use: 'networking.k8s.io/v1' },
  'extensions/v1beta1': { removedIn: '1.22', use: 'networking.k8s.io/v1 or apps/v1' },
}

/** Kinds that this server does not have, or not in this version; and versions that a coming server will not have. */
export function apiVersionRule(input: PreflightInput): Finding[] {
  const { facts } = input
  if (facts.served.size === 0) return []
  const own = definedKinds(input)
  return input.planned.flatMap((one) => {
    const { apiVersion, kind } = one.object
    if (own.has(`${apiVersion}/${kind}`)) return []
    if (facts.served.get(apiVersion)?.has(kind)) {
      const old = deprecated[apiVersion]
      if (!old) return []
      const text = `${apiVersion} is deprecated, and gone from Kubernetes ${old.removedIn} on`
      return [findingAbout(one, 'api-version-deprecated', 'warning', text, `use ${old.use}`)]
    }
    const others = versionsOf(facts, groupOf(apiVersion), kind)
    const elsewhere = [...facts.served].filter(([, kinds]) => kinds.has(kind)).map(([version]) => version)
    const known = [...(facts.served.get(apiVersion)?.keys() ?? [])]
    const like = nearest(kind, known)
    const use = others[0] ?? elsewhere[0]
    const server = facts.serverVersion ? ` (${facts.serverVersion})` : ''
    const text = `the server${server} has no ${kind} in ${apiVersion}`
    const mend =
      use !== undefined
        ? `use ${use}`
        : like !== undefined
          ? `did you mean ${like}?`
          : 'install what defines this kind first (a CustomResourceDefinition)'
    return [findingAbout(one, 'api-version-removed', 'error', text, mend)]
  })
}

/** Versions of one group that have a kind, stable ones first. */
function versionsOf(facts: ServerFacts, group: string, kind: string): string[] {
  const found = [...facts.served]
    .filter(([version, kinds]) => groupOf(version) === group && kinds.has(kind))
    .map(([version]) => version)
  return found.sort((a, b) => Number(/alpha|beta/.test(a)) - Number(/alpha|beta/.test(b)) || a.localeCompare(b))
}

/** Kinds that the plan's own CustomResourceDefinitions define. */
function definedKinds({ planned }: PreflightInput): Set<string> {
  const found = new Set<string>()
  for (const { object } of planned) {
    if (object.kind !== 'CustomResourceDefinition') continue
    const group = textOf(object, 'spec', 'group')
    const kind = textOf(object, 'spec', 'names', 'kind')
    for (const version of itemsOf(object, 'spec', 'versions')) found.add(`${group}/${textOf(version, 'name')}/${kind}`)
  }
  return found
}
