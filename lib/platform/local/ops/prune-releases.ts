import { ok } from '../../../model/failure.ts'
import type { Handler } from '../../../model/platform.ts'
import type { LocalContext } from '../context.ts'
import { readLocalState } from '../state.ts'

/** Removes old releases, but none whose files a release that stays, or a service that runs, still uses. */
export const pruneReleases = (local: LocalContext): Handler<'prune-releases'> => ({
  async run({ data }, { output }) {
    const there = await local.releases.list()
    const asked = new Set(data.releases)
    const state = await readLocalState(local)
    if (!state.ok) return state
    const used = new Set<number>()
    const current = await local.releases.current()
    if (current !== undefined) used.add(current)
    for (const { release } of state.value.records) if (release !== undefined) used.add(release)
    // What is used stays, and with it what that uses itself.
    const stays = [...there.filter(({ number }) => !asked.has(number)).map(({ number }) => number), ...used]
    for (const number of stays) {
      for (const { spec } of there.find((release) => release.number === number)?.services ?? []) {
        if (spec?.source.kind !== 'release' || used.has(spec.source.release)) continue
        used.add(spec.source.release)
        stays.push(spec.source.release)
      }
    }
    const removed = data.releases.filter((number) => !used.has(number))
    const kept = data.releases.filter((number) => used.has(number))
    if (removed.length > 0) await local.releases.remove(removed)
    if (kept.length > 0) output(`kept, since their files are in use: ${kept.join(', ')}`)
    return ok(kept.length === 0 ? {} : { message: `kept ${kept.join(', ')}` })
  },

  async check({ data }) {
    const there = new Set((await local.releases.list()).map(({ number }) => number))
    return data.releases.some((number) => there.has(number)) ? 'pending' : 'done'
  },
})
