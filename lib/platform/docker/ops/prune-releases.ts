import { ok } from '../../../model/failure.ts'
import type { Handler } from '../../../model/platform.ts'
import { environmentContainers } from '../containers.ts'
import type { DockerContext } from '../context.ts'

/** Removes the records of old releases, but none that a container runs or whose name the current one's services carry. Images stay for `cleanup`. */
export const pruneReleases = (docker: DockerContext): Handler<'prune-releases'> => ({
  async run({ data }, { signal }) {
    const containers = await environmentContainers(docker, signal)
    if (!containers.ok) return containers
    const { releases } = docker
    const [current, all] = await Promise.all([releases.current(), releases.list()])
    const record = all.find(({ number }) => number === current)
    const used = new Set<number | undefined>([
      current,
      ...containers.value.map(({ release }) => release),
      ...(record?.services ?? []).map(({ spec }) =>
        spec?.source.kind === 'release' ? spec.source.release : undefined,
      ),
    ])
    const removed = data.releases.filter((number) => !used.has(number))
    const kept = data.releases.filter((number) => used.has(number))
    if (removed.length > 0) await releases.remove(removed)
    return ok(kept.length === 0 ? {} : { message: `kept ${kept.join(', ')}: a container runs it` })
  },

  async check({ data }) {
    const there = new Set((await docker.releases.list()).map(({ number }) => number))
    return data.releases.some((number) => there.has(number)) ? 'pending' : 'done'
  },
})
