import type { Finding } from '../../../model/finding.ts'
import { apiVersionRule } from './api-version.ts'
import { clashesRule } from './clashes.ts'
import { disruptionBudgetRule } from './disruption-budget.ts'
import { ingressBackendRule } from './ingress-backend.ts'
import { limitRangeRule } from './limit-range.ts'
import { namespacesRule } from './namespaces.ts'
import { nodeFitRule } from './node-fit.ts'
import { probesRule } from './probes.ts'
import { quotaRule } from './quota.ts'
import { referencesRule } from './references.ts'
import type { PreflightInput, PreflightRule } from './rule.ts'
import { serviceSelectorRule } from './service-selector.ts'
import { storageClassRule } from './storage-class.ts'
import { versionSkewRule } from './version-skew.ts'

export type { PlannedObject, PreflightInput, PreflightRule, ServerFacts } from './rule.ts'

/** The checks of manifests against what a server has. A check is one file and one line here. */
export const preflightRules = {
  'version-skew': versionSkewRule,
  'api-version': apiVersionRule,
  namespaces: namespacesRule,
  clashes: clashesRule,
  references: referencesRule,
  'service-selector': serviceSelectorRule,
  'ingress-backend': ingressBackendRule,
  'storage-class': storageClassRule,
  quota: quotaRule,
  'limit-range': limitRangeRule,
  'node-fit': nodeFitRule,
  'disruption-budget': disruptionBudgetRule,
  probes: probesRule,
} as const satisfies Record<string, PreflightRule>

/** All findings of all rules, errors first. Pure. */
export function preflightManifests(input: PreflightInput): Finding[] {
  const order = { error: 0, warning: 1, note: 2 }
  return Object.values(preflightRules)
    .flatMap((rule) => rule(input))
    .sort((a, b) => order[a.severity] - order[b.severity])
}

/** The kinds that the rules want to see in `ServerFacts.objects`, with the API that lists them. */
export const kindsToRead: readonly { apiVersion: string; kind: string; namespaced: boolean }[] = [
  { apiVersion: 'v1', kind: 'Namespace', namespaced: false },
  { apiVersion: 'v1', kind: 'Node', namespaced: false },
  { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', namespaced: false },
  { apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', namespaced: false },
  { apiVersion: 'v1', kind: 'ResourceQuota', namespaced: true },
  { apiVersion: 'v1', kind: 'LimitRange', namespaced: true },
  { apiVersion: 'v1', kind: 'Secret', namespaced: true },
  { apiVersion: 'v1', kind: 'ConfigMap', namespaced: true },
  { apiVersion: 'v1', kind: 'ServiceAccount', namespaced: true },
  { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespaced: true },
  { apiVersion: 'v1', kind: 'Service', namespaced: true },
  { apiVersion: 'apps/v1', kind: 'Deployment', namespaced: true },
  { apiVersion: 'apps/v1', kind: 'StatefulSet', namespaced: true },
  { apiVersion: 'apps/v1', kind: 'DaemonSet', namespaced: true },
  { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', namespaced: true },
  { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', namespaced: true },
]
