import { field, fieldsOf, numberOf, textOf } from '../../../manifest/fields.ts'
import type { KubernetesObject } from '../../../model/kubernetes-object.ts'
import { messageOf, probeText, reasonOf } from './event-text.ts'
import { missingText } from './missing-cause.ts'
import { firstLine, pullCause } from './pull-cause.ts'
import type { Cause } from './rule.ts'

/** A container's status together with where it stands. */
export type ContainerStatus = { status: unknown; name: string; init: boolean }

/** Exit codes of a container that the kubelet ended (KILL, TERM), or that ended itself politely when told to. */
const endedByOthers = new Set([0, 137, 143])

/** How a container ended last: its state now, or the one before. Undefined when it never ended. */
export function lastEnd(status: unknown): unknown {
  return field(status, 'state', 'terminated') ?? field(status, 'lastState', 'terminated')
}

/** Whether the last end of a container was a failure. */
export function endedBadly(status: unknown): boolean {
  const end = lastEnd(status)
  return end !== undefined && numberOf(end, 'exitCode') !== 0
}

/** Why a container ends again and again, or ended for good (`loop` false). */
export function endCause(container: ContainerStatus, events: readonly KubernetesObject[], loop: boolean): Cause {
  const { name, init, status } = container
  const end = fieldsOf(lastEnd(status))
  const code = numberOf(end, 'exitCode')
  const reason = textOf(end, 'reason')
  const cause = (text: string): Cause => ({ text, mayHeal: false })
  if (reason === 'OOMKilled') return cause('OOMKilled')
  if (reason === 'StartError' || reason === 'ContainerCannotRun') return startCause(textOf(end, 'message') ?? '')
  for (const kind of ['Liveness', 'Startup'] as const) {
    const found = probeText(events, kind)
    const killed = events.some(
      (event) => reasonOf(event) === 'Killing' && messageOf(event).includes(`failed ${kind.toLowerCase()} probe`),
    )
    if (found !== undefined && (killed || (code !== undefined && endedByOthers.has(code)))) {
      return cause(`${kind.toLowerCase()} probe fails: ${found} (container killed again and again)`)
    }
  }
  if (code === undefined) return cause(`${init ? `init container "${name}"` : 'container'} ends again and again`)
  if (init) return cause(`init container "${name}" exits ${code}`)
  return cause(`container exits ${code}${loop ? ' (crash loop)' : ''}`)
}

/** Why a container cannot be started at all, from what the runtime said. */
export function startCause(message: string): Cause {
  const because = (why: string, mayHeal = false): Cause => ({ text: `container cannot start: ${why}`, mayHeal })
  if (/no such file or directory|executable file not found/.test(message)) return because('no such file')
  if (/permission denied/.test(message)) return because('permission denied')
  if (/exec format error/.test(message)) return because('not built for this machine (exec format error)')
  // The runtime is busy, or still ends the container before.
  if (/deadline exceeded|timed? ?out|is reserved for|is in use/i.test(message)) return because(firstLine(message), true)
  return because(firstLine(message) || 'no reason given')
}

/**
 * What a waiting container waits for, where that is no usual step of starting. `pulled`: what the events say of pulling, as older kubelets
 * leave the reason out of ImagePullBackOff.
 */
export function waitCause(container: ContainerStatus, events: readonly KubernetesObject[]): Cause | undefined {
  const reason = textOf(container.status, 'state', 'waiting', 'reason')
  const message = textOf(container.status, 'state', 'waiting', 'message') ?? ''
  switch (reason) {
    case 'ErrImagePull':
    case 'ImagePullBackOff':
    case 'RegistryUnavailable':
      return pullCause(/: /.test(message) ? message : pullMessage(events) || message)
    case 'InvalidImageName':
      return { text: 'image name is invalid', mayHeal: false }
    case 'ErrImageNeverPull':
      return { text: 'image not on the node and imagePullPolicy is Never', mayHeal: false }
    case 'CreateContainerConfigError':
      if (/failed to sync .* cache/.test(message)) return undefined
      return { text: missingText(message) ?? `container cannot be configured: ${firstLine(message)}`, mayHeal: true }
    case 'CreateContainerError':
    case 'RunContainerError':
    case 'StartError':
    case 'ContainerCannotRun':
      return startCause(message)
    case 'PostStartHookError':
      return { text: `postStart hook fails: ${firstLine(message)}`, mayHeal: false }
    default:
      return undefined
  }
}

const pullMessage = (events: readonly KubernetesObject[]): string =>
  messageOf(events.filter((event) => /^Failed to pull image/.test(messageOf(event))).at(-1) ?? emptyEvent)

const emptyEvent: KubernetesObject = { apiVersion: 'v1', kind: 'Event', metadata: { name: '' } }
