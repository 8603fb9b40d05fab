import type { PullSecretChange } from '../../model/cluster-setup.ts'
import type { Desired, DesiredPullSecret } from '../../model/desired.ts'
import { ok, type Result } from '../../model/failure.ts'
import type { Finding } from '../../model/finding.ts'
import type { KubernetesObject } from '../../model/kubernetes-object.ts'
import type { SecretSource } from '../../model/platform.ts'
import { credentialsFor } from '../images/credentials.ts'
import type { KubernetesContext } from './context.ts'
import { ownerLabels } from './names.ts'

const key = '.dockerconfigjson'
/** What Docker's own registry is called in such a file. */
const ownRegistry = 'https://index.docker.io/v1/'

/** The Secret with the login, or why there is none. The values are no part of any plan. */
export async function pullSecretObject(
  cluster: Pick<KubernetesContext, 'workspaceId' | 'environment'>,
  { name, namespace, registry, login }: PullSecretChange['data'],
  secrets: SecretSource,
  signal?: AbortSignal,
): Promise<{ object: KubernetesObject } | { why: string; mend: string }> {
  let user: string
  let password: string | undefined
  if (login) {
    user = login.user
    password = secrets.find(login.password)?.reveal()
    if (password === undefined)
      return { why: `the secret ${login.password.secret} has no value here`, mend: 'task doctor' }
  } else {
    const found = await credentialsFor(registry, process.env, signal)
    if (!found || !('user' in found))
      return {
        why: `docker has no name and password for ${registry} here`,
        mend: `docker login ${registry}, or name username and password in kubernetes.pullSecrets of the environment`,
      }
    user = found.user
    password = found.password
  }
  const auth = Buffer.from(`${user}:${password}`).toString('base64')
  const content = JSON.stringify({ auths: { [registry === 'docker.io' ? ownRegistry : registry]: { auth } } })
  return {
    object: {
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/dockerconfigjson',
      metadata: { name, namespace, labels: ownerLabels(cluster) },
      data: { [key]: Buffer.from(content).toString('base64') },
    },
  }
}

/** The pull secrets of an environment in each of its namespaces that are not there, or hold another login. Failures: those of the cluster. */
export async function observePullSecrets(
  cluster: KubernetesContext,
  { pullSecrets = [] }: Desired,
  namespaces: readonly string[],
  signal: AbortSignal,
): Promise<Result<{ changes: PullSecretChange[]; findings: Finding[] }>> {
  const changes: PullSecretChange[] = []
  const findings = new Map<string, Finding>()
  for (const namespace of namespaces) {
    for (const one of pullSecrets) {
      const data = { ...one, namespace }
      const path = ['get', 'secret', one.name, '-n', namespace, '--ignore-not-found']
      const there = await cluster.kubectl.json<KubernetesObject>(path, { signal })
      if (!there.ok) return there
      const made = await pullSecretObject(cluster, data, cluster.secrets, signal)
      if ('why' in made) {
        // Who is not logged in leaves what somebody else has made.
        if (!there.value) findings.set(one.name, unknownLogin(one, made))
      } else if (!there.value) changes.push({ cause: 'it is not there', data })
      else if (contentOf(there.value) !== contentOf(made.object)) changes.push({ cause: 'its login differs', data })
    }
  }
  return ok({ changes, findings: [...findings.values()] })
}

/** The file that a pull secret holds, in base64. */
export const contentOf = (secret: KubernetesObject): string | undefined =>
  (secret as { data?: Record<string, string> }).data?.[key]

const unknownLogin = ({ name }: DesiredPullSecret, { why, mend }: { why: string; mend: string }): Finding => ({
  rule: 'pull-secret-unknown',
  severity: 'error',
  message: `the pull secret ${name} cannot be made: ${why}`,
  mend,
})
