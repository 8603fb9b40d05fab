import { suite } from 'uvu'
import type { PlatformName } from '../../../lib/model/environment.ts'
import { note, skip, timeLimit } from '../../support/index.ts'
import { deployCases } from './deploys.ts'
import { serviceCases } from './services.ts'
import { skips } from './skips.ts'
import type { World } from './world.ts'

/** One after the other in one world: each leaves it as its name says. */
const cases: Readonly<Record<string, (world: World) => Promise<void>>> = { ...serviceCases, ...deployCases }

/** Runs every case on a platform; what it cannot do is skipped by name. */
export function conform(platform: PlatformName, make: () => Promise<World>): void {
  timeLimit(600_000)
  for (const name of Object.keys(skips)) if (!(name in cases)) throw new Error(`no case is named ${name}`)
  const on = suite<{ world: World }>(`the ${platform} platform`)
  on.before(async (context) => {
    context.world = await make()
  })
  on.after(({ world }) => world?.end())
  let done = 0
  let failed: string | undefined
  for (const [name, body] of Object.entries(cases)) {
    on(name, async ({ world }) => {
      const why = skips[name]?.[platform]
      if (why !== undefined) skip(`${platform}: ${why}`, { allowedOnCi: true })
      // Each begins where the one before has ended.
      if (failed !== undefined) throw new Error(`not run: “${failed}” has failed`)
      failed = name
      await body(world)
      failed = undefined
      done += 1
    })
  }
  on('all of them were run, but for those named', () => {
    const skipped = Object.values(skips).filter((one) => one[platform] !== undefined).length
    note(`${done} cases on ${platform}, ${skipped} that it cannot do`)
    if (done + skipped !== Object.keys(cases).length)
      throw new Error(`${done} + ${skipped} of ${Object.keys(cases).length}`)
  })
  on.run()
}
