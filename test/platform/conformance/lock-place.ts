import type { LockPort } from '../../../lib/model/platform.ts'
import { dockerEngine } from '../../../lib/platform/docker/engine.ts'
import { dockerLock } from '../../../lib/platform/docker/lock.ts'
import { kubectlOf } from '../../../lib/platform/kubernetes/kubectl.ts'
import { kubernetesLock } from '../../../lib/platform/kubernetes/lock.ts'
import { localLock } from '../../../lib/platform/local/lock.ts'

/** Where the locks of a workspace are; another process finds them by it. A cluster is the one of KUBECONFIG. */
export type LockPlace =
  | { platform: 'local'; ops: string }
  | { platform: 'docker'; host: string; workspaceId: string }
  | { platform: 'kubernetes'; context: string; home: string; workspaceId: string }

/** The lock of an environment there. */
export function lockAt(
  place: LockPlace,
  environment: string,
  options: { ttlMs?: number; say?: (text: string) => void } = {},
): LockPort {
  switch (place.platform) {
    case 'local':
      return localLock({ ops: place.ops, environment, ...options })
    case 'docker': {
      const { host, workspaceId } = place
      const owner = { workspaceName: 'locks', workspaceId, environment }
      return dockerLock({ engine: dockerEngine({ host }), owner, ...options })
    }
    case 'kubernetes': {
      const { context, home, workspaceId } = place
      return kubernetesLock({ kubectl: kubectlOf({ context }), home, workspaceId, environment, ...options })
    }
  }
}
