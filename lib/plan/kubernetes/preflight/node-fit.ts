import { fieldsOf } from '../../../manifest/fields.ts'
import { quantityText } from '../../../manifest/kubernetes/quantity.ts'
import { podSpecOf } from '../../../manifest/kubernetes/shapes/index.ts'
import type { Finding } from '../../../model/finding.ts'
import { refusalOf } from './node-selector.ts'
import { amountsOf, containerLimits, podResources } from './pod-resources.ts'
import { findingAbout, objectsOf, type PreflightInput } from './rule.ts'

/** Pods that no node could take even if it were empty: labels, taints, or requests larger than the largest node. */
export function nodeFitRule(input: PreflightInput): Finding[] {
  const nodes = input.facts.objects.filter(({ kind }) => kind === 'Node')
  if (!input.facts.known.has('Node') || nodes.length === 0) return []
  return input.planned.flatMap((one) => {
    const spec = podSpecOf(one.object)
    if (!spec || one.object.kind === 'DaemonSet') return []
    const refusals = nodes.map((node) => refusalOf(node, spec))
    const open = nodes.filter((_, index) => refusals[index] === undefined)
    if (open.length === 0) {
      const tainted = refusals.includes('taints')
      const why = tainted
        ? 'the nodes that its selectors allow have taints that it does not tolerate'
        : 'no node has the labels that its selectors ask for'
      return [
        findingAbout(
          one,
          'no-node-fits',
          'error',
          why,
          tainted ? 'add tolerations' : 'kubectl get nodes --show-labels',
        ),
      ]
    }
    const limits = containerLimits(objectsOf(input, 'LimitRange', one.object.metadata.namespace))
    const { requests } = podResources(spec, limits)
    const room = open.map((node) => amountsOf(fieldsOf(node, 'status', 'allocatable')))
    if (room.some((node) => [...requests].every(([name, amount]) => amount <= (node.get(name) ?? 0n)))) return []
    const short = [...requests].filter(([name, amount]) => room.every((node) => amount > (node.get(name) ?? 0n)))
    const most = (name: string) =>
      room.reduce((best, node) => ((node.get(name) ?? 0n) > best ? (node.get(name) ?? 0n) : best), 0n)
    const said = short.map(
      ([name, amount]) =>
        `requests ${quantityText(amount, name)} of ${name}, the largest node has ${quantityText(most(name), name)}`,
    )
    const why = said.length > 0 ? said.join('; ') : 'no single node has all that it requests'
    return [findingAbout(one, 'no-node-fits', 'error', why, 'lower the requests, or add a larger node')]
  })
}
