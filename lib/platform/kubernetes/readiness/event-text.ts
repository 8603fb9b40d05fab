import { numberOf, textOf } from '../../../manifest/fields.ts'
import type { KubernetesObject } from '../../../model/kubernetes-object.ts'
import { firstLine } from './pull-cause.ts'

/** An event's reason; empty where it has none. */
export const reasonOf = (event: KubernetesObject): string => textOf(event, 'reason') ?? ''

/** An event's message (`note` in events.k8s.io); empty where it has none. */
export const messageOf = (event: KubernetesObject): string => textOf(event, 'message') ?? textOf(event, 'note') ?? ''

/** An event as one line for people: `BackOff Pod/web-1: Back-off restarting failed container (3 times)`. */
export function eventLine(event: KubernetesObject): string {
  const about = event.involvedObject ?? event.regarding
  const count = numberOf(event, 'count') ?? numberOf(event, 'series', 'count') ?? 1
  const times = count > 1 ? ` (${count} times)` : ''
  return `${reasonOf(event)} ${textOf(about, 'kind')}/${textOf(about, 'name')}: ${firstLine(messageOf(event))}${times}`
}

/** The uid of the object that an event is about. */
export const subjectOf = (event: KubernetesObject): string | undefined =>
  textOf(event, 'involvedObject', 'uid') ?? textOf(event, 'regarding', 'uid')

/**
 * What the last failing probe of one kind found, shortened: `HTTP 404`, `connection refused`. From events alone: a pod's status says only
 * that it is not ready.
 */
export function probeText(
  events: readonly KubernetesObject[],
  kind: 'Readiness' | 'Liveness' | 'Startup',
): string | undefined {
  const failing = events.filter(
    (event) => reasonOf(event) === 'Unhealthy' && messageOf(event).startsWith(`${kind} probe `),
  )
  const last = failing.at(-1)
  if (!last) return undefined
  const message = messageOf(last)
  const status = message.match(/statuscode: (\d+)/)
  if (status) return `HTTP ${status[1]}`
  if (/connection refused/.test(message)) return 'connection refused'
  if (/timeout|deadline exceeded/i.test(message)) return 'no answer in time'
  return firstLine(message.replace(/^\w+ probe (failed|errored)[^:]*: ?/, ''))
}
