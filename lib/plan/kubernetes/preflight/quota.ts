import { field, fieldsOf, itemsOf, textOf } from '../../../manifest/fields.ts'
import { quantityText } from '../../../manifest/kubernetes/quantity.ts'
import { podSpecOf } from '../../../manifest/kubernetes/shapes/index.ts'
import type { Finding } from '../../../model/finding.ts'
import type { KubernetesObject } from '../../../model/kubernetes-object.ts'
import { amountsOf, type ContainerLimits, containerLimits, containerResources } from './pod-resources.ts'
import { type Demand, demandOf } from './rollout-peak.ts'
import { findingAbout, objectsOf, type PlannedObject, type PreflightInput } from './rule.ts'

const unit = 10n ** 9n

/** Objects other than pods that quotas count, by kind. */
const counted: Readonly<Record<string, readonly string[]>> = {
  Service: ['services', 'count/services'],
  ConfigMap: ['configmaps', 'count/configmaps'],
  Secret: ['secrets', 'count/secrets'],
  PersistentVolumeClaim: ['persistentvolumeclaims', 'count/persistentvolumeclaims'],
  Deployment: ['count/deployments.apps'],
  StatefulSet: ['count/statefulsets.apps'],
  Job: ['count/jobs.batch'],
  CronJob: ['count/cronjobs.batch'],
  Ingress: ['count/ingresses.networking.k8s.io'],
}

/**
 * Sums what the plan takes of each quota at the highest point of its rollouts, with surge and with what LimitRanges fill in, and says which
 * object does not fit and by how much. A quota on requests or limits also refuses containers that name none.
 */
export function quotaRule(input: PreflightInput): Finding[] {
  if (!input.facts.known.has('ResourceQuota')) return []
  const namespaces = new Set(
    input.planned.map(({ object }) => object.metadata.namespace).filter((one) => one !== undefined),
  )
  return [...namespaces].flatMap((namespace) => {
    const limits = containerLimits(objectsOf(input, 'LimitRange', namespace))
    const planned = input.planned.filter(({ object }) => object.metadata.namespace === namespace)
    const quotas = objectsOf(input, 'ResourceQuota', namespace).filter(
      (quota) => itemsOf(quota, 'spec', 'scopes').length === 0 && field(quota, 'spec', 'scopeSelector') === undefined,
    )
    return quotas.flatMap((quota) => [...exceeded(quota, planned, limits, input), ...unnamed(quota, planned, limits)])
  })
}

function exceeded(
  quota: KubernetesObject,
  planned: readonly PlannedObject[],
  limits: ContainerLimits,
  input: PreflightInput,
): Finding[] {
  const hard = amountsOf(fieldsOf(quota, 'spec', 'hard'))
  const live = input.facts.objects.find(
    (one) =>
      one.kind === 'ResourceQuota' &&
      one.metadata.name === quota.metadata.name &&
      one.metadata.namespace === quota.metadata.namespace,
  )
  const used = amountsOf(fieldsOf(live, 'status', 'used'))
  const nodes = input.facts.objects.filter(({ kind }) => kind === 'Node').length
  const found: Finding[] = []
  for (const [resource, most] of hard) {
    let taken = used.get(resource) ?? 0n
    for (const one of planned) {
      const more = moreOf(one, resource, limits, nodes)
      if (!more) continue
      taken += more.amount
      if (taken <= most || more.amount <= 0n) continue
      const left = most - (taken - more.amount)
      const text = (amount: bigint) => quantityText(amount, resource)
      found.push(
        findingAbout(
          one,
          'quota-exceeded',
          'error',
          `needs ${text(more.amount)} more of ${resource}${more.surge}; the quota "${quota.metadata.name}" has ${text(left < 0n ? 0n : left)} of ${text(most)} left: ${text(taken - most)} too much`,
          `raise ${resource} of the quota "${quota.metadata.name}" in the namespace ${quota.metadata.namespace}, or lower the requests, the replicas or maxSurge`,
        ),
      )
      // What does not fit takes nothing: those after it are judged by themselves.
      taken -= more.amount
    }
  }
  return found
}

function moreOf(
  one: PlannedObject,
  resource: string,
  limits: ContainerLimits,
  nodes: number,
): { amount: bigint; surge: string } | undefined {
  const { object, live } = one
  const demand: Demand | undefined = demandOf(object, live, limits, nodes)
  if (demand?.peak.has(resource)) {
    const amount = (demand.peak.get(resource) ?? 0n) - (demand.now.get(resource) ?? 0n)
    return { amount, surge: live ? ` while it rolls (${demand.pods} pods at most)` : ` for ${demand.pods} pods` }
  }
  if (counted[object.kind]?.includes(resource)) return { amount: live ? 0n : unit, surge: '' }
  if (object.kind === 'Service' && resource === 'services.loadbalancers') {
    const is = (of: KubernetesObject | undefined) => textOf(of, 'spec', 'type') === 'LoadBalancer'
    return { amount: is(object) && !is(live) ? unit : 0n, surge: '' }
  }
  if (object.kind === 'PersistentVolumeClaim' && resource === 'requests.storage') {
    const size = (of: KubernetesObject | undefined) =>
      amountsOf(fieldsOf(of, 'spec', 'resources', 'requests')).get('storage') ?? 0n
    return { amount: size(object) - size(live), surge: '' }
  }
  return undefined
}

/** Containers that a quota refuses because they name no amount for what it limits. */
function unnamed(quota: KubernetesObject, planned: readonly PlannedObject[], limits: ContainerLimits): Finding[] {
  const hard = Object.keys(fieldsOf(quota, 'spec', 'hard'))
  const demanded = hard.flatMap((name): ['requests' | 'limits', string][] => {
    if (name === 'cpu' || name === 'memory') return [['requests', name]]
    const part = name.match(/^(requests|limits)\.(cpu|memory)$/)
    return part ? [[part[1] as 'requests' | 'limits', part[2] as string]] : []
  })
  return planned.flatMap((one) => {
    const spec = podSpecOf(one.object)
    const containers = [...itemsOf(spec, 'initContainers'), ...itemsOf(spec, 'containers')]
    return containers.flatMap((container) => {
      const resources = containerResources(container, limits)
      const missing = demanded
        .filter(([part, name]) => !resources[part].has(name))
        .map(([part, name]) => `${part}.${name}`)
      if (missing.length === 0) return []
      const name = textOf(container, 'name') ?? ''
      return [
        findingAbout(
          one,
          'quota-needs-resources',
          'error',
          `the container ${name} names no ${missing.join(', ')}, which the quota "${quota.metadata.name}" demands: the server refuses its pods`,
          `add resources.${missing.join(', resources.')} to the container, or a LimitRange with defaults to the namespace`,
        ),
      ]
    })
  })
}
