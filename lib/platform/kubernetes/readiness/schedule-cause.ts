import { missingText } from './missing-cause.ts'
import { firstLine } from './pull-cause.ts'
import type { Cause } from './rule.ts'

/** Why no node takes a pod, from the message of PodScheduled=False. A node, an autoscaler, a claim may come: it may heal. */
export function scheduleCause(message: string): Cause {
  const parts: string[] = []
  const missing = missingText(message)
  if (missing !== undefined) parts.push(missing)
  // The part on preemption speaks about the same nodes again.
  const nodes = message.split('preemption:', 1)[0] ?? ''
  const short = [...nodes.matchAll(/Insufficient ([\w-]+(?:[./][\w-]+)*)/g)].map((found) => found[1] as string)
  if (short.length > 0) parts.push(`insufficient ${[...new Set(short)].join(', ')}`)
  if (/unbound immediate PersistentVolumeClaims|unbound PersistentVolumeClaims/.test(nodes))
    parts.push('claim is unbound')
  if (/didn't match Pod's node affinity\/selector|node\(s\) didn't match node selector/.test(nodes)) {
    parts.push('no node matches the selector')
  }
  if (/untolerated taint|that the pod didn't tolerate/.test(nodes)) parts.push('taints are not tolerated')
  if (/volume node affinity conflict/.test(nodes)) parts.push('its volume is on another node')
  if (/Too many pods/.test(nodes)) parts.push('nodes hold no more pods')
  if (/pod anti-affinity|pod affinity|topology spread/.test(nodes))
    parts.push('rules of affinity or spreading leave no node')
  return { text: `unschedulable: ${parts.length > 0 ? parts.join('; ') : firstLine(message)}`, mayHeal: true }
}
