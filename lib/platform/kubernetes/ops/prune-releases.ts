import { type Failure, FailureError, failed, ok } from '../../../model/failure.ts'
import type { Handler } from '../../../model/platform.ts'
import { splitByUse } from '../../release-use.ts'
import type { KubernetesContext } from '../context.ts'
import { pruneEnvironments } from '../environment-objects.ts'
import { readInventories } from '../inventory.ts'

/**
 * Removes old releases, with the ConfigMaps and Secrets that no other one has; but none that is current, or whose manifests a service runs or a
 * release that stays needs.
 */
export const pruneReleases = (cluster: KubernetesContext): Handler<'prune-releases'> => ({
  async run({ data }, { output, signal }) {
    try {
      const there = await cluster.releases.list()
      const running = [...(await readInventories(cluster)).values()].map(({ release }) => release)
      const { removed, kept } = splitByUse(there, data.releases, [await cluster.releases.current(), ...running])
      if (removed.length > 0) {
        // The records go last: what is left of a prune that was cut short is found from them.
        const pruned = await pruneEnvironments(cluster, there, new Set(removed), signal, output)
        if (!pruned.ok) return pruned
        await cluster.releases.remove(removed)
      }
      if (kept.length > 0) output(`kept, since their manifests are in use: ${kept.join(', ')}`)
      return ok(kept.length === 0 ? {} : { message: `kept ${kept.join(', ')}` })
    } catch (error) {
      if (error instanceof FailureError) return failed(...(error.failures as [Failure]))
      throw error
    }
  },

  async check({ data }) {
    const there = new Set((await cluster.releases.list()).map(({ number }) => number))
    return data.releases.some((number) => there.has(number)) ? 'pending' : 'done'
  },
})
