import { compareObject } from '../../../manifest/kubernetes/compare.ts'
import { ok } from '../../../model/failure.ts'
import { type KubernetesObject, referenceOf } from '../../../model/kubernetes-object.ts'
import type { Handler } from '../../../model/platform.ts'
import { applyArgumentsOf, conflictText, readObjects } from '../apply.ts'
import { setupManager } from '../cluster-setup.ts'
import type { KubernetesContext } from '../context.ts'

/** Applies one object of the setup; doing it again changes nothing. */
export const applyObject = (cluster: KubernetesContext): Handler<'apply-object'> => ({
  async run({ data: { object } }, { signal }) {
    const done = await cluster.kubectl.json<KubernetesObject>(applyArgumentsOf(setupManager), {
      input: JSON.stringify(object),
      timeoutMs: 30_000,
      signal,
    })
    return done.ok ? ok({}) : { ok: false, failures: [conflictText(done.failures[0])] }
  },

  async check({ data: { object } }) {
    const live = await readObjects(cluster.kubectl, [referenceOf(object)])
    if (!live.ok) return 'unknown'
    const [there] = live.value
    const same = there && compareObject(object, there, { manager: setupManager }).fields.length === 0
    return same ? 'done' : 'pending'
  },
})
