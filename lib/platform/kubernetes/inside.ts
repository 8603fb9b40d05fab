import { type Failure, FailureError, failed, ok, type Result } from '../../model/failure.ts'
import type { KubernetesContext } from './context.ts'
import { workloadOf } from './reach.ts'

/** The command that runs another one in a pod of a service, in its first container. Failure `service-not-running`. */
export async function insideOf(
  cluster: KubernetesContext,
  service: string,
  command: readonly string[],
  { terminal }: { terminal: boolean },
): Promise<Result<{ argv: string[]; env: Record<string, string> }>> {
  try {
    const workload = await workloadOf(cluster, service)
    if (!workload.ok) return workload
    const { namespace, resource } = workload.value
    const how = terminal ? ['--stdin', '--tty'] : ['--stdin']
    const argv = cluster.kubectl.argv(['exec', '--namespace', namespace, ...how, resource, '--', ...command])
    return ok({ argv, env: {} })
  } catch (error) {
    if (error instanceof FailureError) return failed(...(error.failures as [Failure]))
    throw error
  }
}
