import type { Finding } from './finding.ts'
import type { KubernetesObject } from './kubernetes-object.ts'
import type { OpOf } from './op.ts'

/** What an environment should have on its cluster besides its services, and what of it is there. */
export type ClusterSetup = {
  wanted: KubernetesObject[]
  /** Of the wanted objects those that are there, as the server has them. */
  live: KubernetesObject[]
  /** The name under which their fields are owned. */
  manager: string
  findings: Finding[]
  /** Pull secrets that are not there, or hold another login. */
  pullSecrets: PullSecretChange[]
}

/** A pull secret to make, and why. */
export type PullSecretChange = { cause: string; data: OpOf<'apply-pull-secret'>['data'] }
