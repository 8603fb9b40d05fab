import type { Finding } from '../../../model/finding.ts'
import type { PreflightInput } from './rule.ts'

const leastClient = 28

/**
 * kubectl works with servers one minor version older or newer than itself, and must be 1.28 or newer for what is asked of it.
 *
 * @see https://kubernetes.io/releases/version-skew-policy/#kubectl
 */
export function versionSkewRule({ facts }: PreflightInput): Finding[] {
  const client = minorOf(facts.clientVersion)
  const server = minorOf(facts.serverVersion)
  const found: Finding[] = []
  if (client !== undefined && client < leastClient) {
    found.push({
      rule: 'kubectl-too-old',
      severity: 'error',
      message: `kubectl is ${facts.clientVersion}; 1.${leastClient} or newer is needed`,
      mend: 'install a newer kubectl: https://kubernetes.io/docs/tasks/tools/',
    })
  }
  if (client !== undefined && server !== undefined && Math.abs(client - server) > 1) {
    found.push({
      rule: 'version-skew',
      severity: 'warning',
      message: `kubectl ${facts.clientVersion} and the server ${facts.serverVersion} are ${Math.abs(client - server)} minor versions apart; one is supported`,
      mend: `install kubectl 1.${server}`,
    })
  }
  return found
}

function minorOf(version: string | undefined): number | undefined {
  const found = version?.match(/^v?1\.(\d+)/)
  return found ? Number(found[1]) : undefined
}
