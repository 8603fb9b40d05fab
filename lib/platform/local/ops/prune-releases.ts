import { ok } from '../../../model/failure.ts'
import type { Handler } from '../../../model/platform.ts'
import { splitByUse } from '../../release-use.ts'
import type { LocalContext } from '../context.ts'
import { readLocalState } from '../state.ts'

/** Removes old releases, but none whose files a release that stays, or a service that runs, still uses. */
export const pruneReleases = (local: LocalContext): Handler<'prune-releases'> => ({
  async run({ data }, { output }) {
    const there = await local.releases.list()
    const state = await readLocalState(local)
    if (!state.ok) return state
    const running = state.value.records.map(({ release }) => release)
    const { removed, kept } = splitByUse(there, data.releases, [await local.releases.current(), ...running])
    if (removed.length > 0) await local.releases.remove(removed)
    if (kept.length > 0) output(`kept, since their files are in use: ${kept.join(', ')}`)
    return ok(kept.length === 0 ? {} : { message: `kept ${kept.join(', ')}` })
  },

  async check({ data }) {
    const there = new Set((await local.releases.list()).map(({ number }) => number))
    return data.releases.some((number) => there.has(number)) ? 'pending' : 'done'
  },
})
