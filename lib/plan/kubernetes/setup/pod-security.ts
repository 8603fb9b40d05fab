import { type Fields, field, fieldsOf, itemsOf, textOf } from '../../../manifest/fields.ts'
import { podSpecOf } from '../../../manifest/kubernetes/shapes/index.ts'
import type { KubernetesObject } from '../../../model/kubernetes-object.ts'

/** The levels of the Pod Security Standards, the strictest first. */
export const podSecurityLevels = ['restricted', 'baseline', 'privileged'] as const
/** One of `podSecurityLevels`. */
export type PodSecurityLevel = (typeof podSecurityLevels)[number]

/** Capabilities that `baseline` lets containers add. */
const baselineCapabilities = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
])
const restrictedVolumes = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
])

/**
 * The strictest level that all pods of these objects meet.
 *
 * @see https://kubernetes.io/docs/concepts/security/pod-security-standards/
 */
export function podSecurityLevel(objects: readonly KubernetesObject[]): PodSecurityLevel {
  const specs = objects.map((object) => podSpecOf(object)).filter((spec) => spec !== undefined)
  if (!specs.every(isBaseline)) return 'privileged'
  return specs.every(isRestricted) ? 'restricted' : 'baseline'
}

const containersOf = (spec: Fields) => [
  ...itemsOf(spec, 'initContainers'),
  ...itemsOf(spec, 'containers'),
  ...itemsOf(spec, 'ephemeralContainers'),
]

function isBaseline(spec: Fields): boolean {
  const ofHost = ['hostNetwork', 'hostPID', 'hostIPC'].some((key) => spec[key] === true)
  const onHost = itemsOf(spec, 'volumes').some((volume) => field(volume, 'hostPath') !== undefined)
  if (ofHost || onHost || !hasAllowedProfile(spec)) return false
  return containersOf(spec).every((container) => {
    const added = itemsOf(container, 'securityContext', 'capabilities', 'add').map(String)
    const privileged = field(container, 'securityContext', 'privileged') === true
    const hostPort = itemsOf(container, 'ports').some((port) => Number(field(port, 'hostPort') ?? 0) > 0)
    const bare = textOf(container, 'securityContext', 'procMount') ?? 'Default'
    return (
      !privileged &&
      !hostPort &&
      bare === 'Default' &&
      hasAllowedProfile(container) &&
      added.every((one) => baselineCapabilities.has(one))
    )
  })
}

/** Seccomp may not be switched off, at any level below privileged. */
const hasAllowedProfile = (of: unknown): boolean =>
  textOf(of, 'securityContext', 'seccompProfile', 'type') !== 'Unconfined'

function isRestricted(spec: Fields): boolean {
  const volumes = itemsOf(spec, 'volumes').every((volume) =>
    Object.keys(fieldsOf(volume)).every((key) => key === 'name' || restrictedVolumes.has(key)),
  )
  return volumes && containersOf(spec).every((container) => meetsRestricted(spec, container))
}

function meetsRestricted(spec: Fields, container: unknown): boolean {
  const own = (key: string) => field(container, 'securityContext', key)
  const either = (key: string) => own(key) ?? field(spec, 'securityContext', key)
  const profile = textOf(either('seccompProfile'), 'type')
  const added = itemsOf(container, 'securityContext', 'capabilities', 'add')
  return (
    own('allowPrivilegeEscalation') === false &&
    either('runAsNonRoot') === true &&
    either('runAsUser') !== 0 &&
    (profile === 'RuntimeDefault' || profile === 'Localhost') &&
    itemsOf(container, 'securityContext', 'capabilities', 'drop').includes('ALL') &&
    added.every((one) => one === 'NET_BIND_SERVICE')
  )
}
