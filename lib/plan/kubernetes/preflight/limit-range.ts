import { itemsOf, textOf } from '../../../manifest/fields.ts'
import { quantityText } from '../../../manifest/kubernetes/quantity.ts'
import { podSpecOf } from '../../../manifest/kubernetes/shapes/index.ts'
import type { Finding } from '../../../model/finding.ts'
import { containerLimits, containerResources } from './pod-resources.ts'
import { findingAbout, objectsOf, type PreflightInput } from './rule.ts'

/** Containers outside of what the namespace's LimitRanges allow: the server refuses their pods. */
export function limitRangeRule(input: PreflightInput): Finding[] {
  return input.planned.flatMap((one) => {
    const spec = podSpecOf(one.object)
    const { namespace } = one.object.metadata
    const ranges = spec && namespace !== undefined ? objectsOf(input, 'LimitRange', namespace) : []
    if (ranges.length === 0) return []
    const limits = containerLimits(ranges)
    return itemsOf(spec, 'containers').flatMap((container) => {
      const resources = containerResources(container, limits)
      const over = [...limits.max].filter(([name, most]) => (resources.limits.get(name) ?? 0n) > most)
      const under = [...limits.min].filter(([name, least]) => (resources.requests.get(name) ?? least) < least)
      const said = [
        ...over.map(
          ([name, most]) =>
            `${name} ${quantityText(resources.limits.get(name) ?? 0n, name)} is more than ${quantityText(most, name)}`,
        ),
        ...under.map(
          ([name, least]) =>
            `${name} ${quantityText(resources.requests.get(name) ?? 0n, name)} is less than ${quantityText(least, name)}`,
        ),
      ]
      if (said.length === 0) return []
      const text = `the container ${textOf(container, 'name') ?? ''} is outside of the namespace's limits: ${said.join('; ')}`
      return [findingAbout(one, 'limit-range', 'error', text, 'change its resources, or the LimitRange')]
    })
  })
}
