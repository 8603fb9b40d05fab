import { ok } from '../../../model/failure.ts'
import type { Handler } from '../../../model/platform.ts'
import { kindArgument } from '../apply.ts'
import type { KubernetesContext } from '../context.ts'

/** Removes one object and waits until it is gone. */
export const removeObject = (cluster: KubernetesContext): Handler<'remove-object'> => ({
  async run({ data: { kind, namespace, name } }, { signal }) {
    const what = [kindArgument({ group: '', kind }), name, '-n', namespace]
    const gone = await cluster.kubectl.checked(['delete', ...what, '--ignore-not-found', '--timeout=100s'], {
      timeoutMs: 110_000,
      signal,
    })
    return gone.ok ? ok({}) : gone
  },

  async check({ data: { kind, namespace, name } }) {
    const what = [kindArgument({ group: '', kind }), name, '-n', namespace]
    const there = await cluster.kubectl.json(['get', ...what, '--ignore-not-found'])
    return there.ok ? (there.value ? 'pending' : 'done') : 'unknown'
  },
})
