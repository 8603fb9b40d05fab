import { failed, ok } from '../../../model/failure.ts'
import type { KubernetesObject } from '../../../model/kubernetes-object.ts'
import type { Handler } from '../../../model/platform.ts'
import { applyArgumentsOf, conflictText } from '../apply.ts'
import { setupManager } from '../cluster-setup.ts'
import type { KubernetesContext } from '../context.ts'
import { contentOf, pullSecretObject } from '../pull-secrets.ts'

/** Applies a pull secret; the login goes to kubectl on its standard input alone. */
export const applyPullSecret = (cluster: KubernetesContext): Handler<'apply-pull-secret'> => ({
  async run({ data }, { secrets, signal }) {
    const made = await pullSecretObject(cluster, data, secrets, signal)
    if ('why' in made)
      return failed({
        code: 'pull-secret-unknown',
        message: `the pull secret ${data.name} cannot be made: ${made.why}`,
        next: [made.mend],
      })
    const done = await cluster.kubectl.json<KubernetesObject>(applyArgumentsOf(setupManager), {
      input: JSON.stringify(made.object),
      timeoutMs: 30_000,
      signal,
    })
    return done.ok ? ok({}) : { ok: false, failures: [conflictText(done.failures[0])] }
  },

  async check({ data }) {
    const path = ['get', 'secret', data.name, '-n', data.namespace, '--ignore-not-found']
    const there = await cluster.kubectl.json<KubernetesObject>(path)
    if (!there.ok) return 'unknown'
    const made = await pullSecretObject(cluster, data, cluster.secrets)
    const same = there.value && 'object' in made && contentOf(there.value) === contentOf(made.object)
    return same ? 'done' : 'pending'
  },
})
