import { ok } from '../../../model/failure.ts'
import type { Handler } from '../../../model/platform.ts'
import { splitByUse } from '../../release-use.ts'
import { environmentContainers } from '../containers.ts'
import type { DockerContext } from '../context.ts'

/** Removes the records of old releases, but none that a container runs or whose files a release that stays has. Images stay for `cleanup`. */
export const pruneReleases = (docker: DockerContext): Handler<'prune-releases'> => ({
  async run({ data }, { signal }) {
    const containers = await environmentContainers(docker, signal)
    if (!containers.ok) return containers
    const { releases } = docker
    const [current, all] = await Promise.all([releases.current(), releases.list()])
    const running = containers.value.map(({ release }) => release)
    const { removed, kept } = splitByUse(all, data.releases, [current, ...running])
    if (removed.length > 0) await releases.remove(removed)
    return ok(kept.length === 0 ? {} : { message: `kept ${kept.join(', ')}: in use` })
  },

  async check({ data }) {
    const there = new Set((await docker.releases.list()).map(({ number }) => number))
    return data.releases.some((number) => there.has(number)) ? 'pending' : 'done'
  },
})
