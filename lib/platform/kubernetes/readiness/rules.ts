import { groupOf, type KubernetesObject } from '../../../model/kubernetes-object.ts'
import { claimRule } from './claim.ts'
import { customResourceDefinitionRule } from './custom-resource-definition.ts'
import { daemonSetRule } from './daemon-set.ts'
import { deploymentRule } from './deployment.ts'
import { ingressRule } from './ingress.ts'
import { jobRule } from './job.ts'
import { namespaceRule } from './namespace.ts'
import { otherRule } from './other.ts'
import { podRule } from './pod.ts'
import type { Rule } from './rule.ts'
import { serviceRule } from './service.ts'
import { statefulSetRule } from './stateful-set.ts'

/** The rules by group and kind. A kind's rule is one file and one line here; `otherRule` serves all the others. */
export const readinessRules = {
  'apps/Deployment': deploymentRule,
  'apps/StatefulSet': statefulSetRule,
  'apps/DaemonSet': daemonSetRule,
  'batch/Job': jobRule,
  '/Pod': podRule,
  '/PersistentVolumeClaim': claimRule,
  '/Service': serviceRule,
  '/Namespace': namespaceRule,
  'networking.k8s.io/Ingress': ingressRule,
  'apiextensions.k8s.io/CustomResourceDefinition': customResourceDefinitionRule,
} as const satisfies Record<string, Rule>

/** The rule for an object's kind. */
export function ruleFor(object: Pick<KubernetesObject, 'apiVersion' | 'kind'>): Rule {
  const rules: Readonly<Record<string, Rule>> = readinessRules
  const key = `${groupOf(object.apiVersion)}/${object.kind}`
  return Object.hasOwn(rules, key) ? (rules[key] as Rule) : otherRule
}
