import type { ReleaseStore, SecretSource } from '../../model/platform.ts'
import type { Clock } from '../../system/clock.ts'
import type { Kubectl } from './kubectl.ts'
import type { Owner } from './names.ts'

/** What the parts of the kubernetes platform share: one environment of one workspace on one cluster. */
export type KubernetesContext = Owner & {
  kubectl: Kubectl
  /** The namespace of the lock and the releases. */
  home: string
  /** The workspace's folder, absolute. */
  folder: string
  workspaceName: string
  releases: ReleaseStore
  secrets: SecretSource
  clock: Clock
  /** Values that no log and no message may hold. */
  hidden: readonly string[]
  /** What was on the cluster before a service was applied, by service: what its gate does not count. */
  before: Map<string, { objects: unknown[]; at: number }>
}
