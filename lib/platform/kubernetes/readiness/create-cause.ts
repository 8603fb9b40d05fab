import { missingText } from './missing-cause.ts'
import { firstLine } from './pull-cause.ts'
import type { Cause } from './rule.ts'

/**
 * Why a controller cannot make pods, from the message of its ReplicaFailure or its FailedCreate events. A full quota and a missing object
 * may be mended while the gate waits; a pod that admission refuses stays refused.
 */
export function createCause(message: string): Cause {
  const quota = quotaText(message)
  if (quota !== undefined) return { text: quota, mayHeal: true }
  if (/violates PodSecurity/.test(message)) return { text: 'Pod Security denies the pod', mayHeal: false }
  const missing = missingText(message)
  if (missing !== undefined) return { text: missing, mayHeal: true }
  const webhook = message.match(/admission webhook "([^"]+)" denied the request:? ?(.*)/s)
  if (webhook) {
    return { text: `admission webhook "${webhook[1]}" denies the pod: ${firstLine(webhook[2] ?? '')}`, mayHeal: false }
  }
  return { text: `pods cannot be created: ${firstLine(message)}`, mayHeal: true }
}

/** `quota: pods 3 of 3 used`, from "exceeded quota: q, requested: pods=1, used: pods=3, limited: pods=3". */
function quotaText(message: string): string | undefined {
  const found = message.match(/exceeded quota: [^,]+, requested: (.+), used: (.+), limited: (.+)$/m)
  if (!found) return undefined
  const used = amounts(found[2] ?? '')
  const limited = amounts(found[3] ?? '')
  const parts = [...used].map(([name, amount]) => `${name} ${amount} of ${limited.get(name) ?? '?'} used`)
  return `quota: ${parts.join(', ')}`
}

const amounts = (text: string): Map<string, string> =>
  new Map(text.split(',').map((part) => part.trim().split('=') as [string, string]))
