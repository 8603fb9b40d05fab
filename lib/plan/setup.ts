import type { Desired } from '../model/desired.ts'
import type { OpOf } from '../model/op.ts'
import type { Plan } from '../model/plan.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { envOps } from './env.ts'
import { roll } from './roll.ts'
import { buildOps, ownBuild, upTargets } from './services.ts'
import { causeOfChange } from './target.ts'

/** From an empty folder to a running stack: `.env`, builds, databases with their migrations and seeds, then the other services. */
export function planSetup(
  desired: Desired,
  snapshot: Snapshot,
  options: { writeEnv?: OpOf<'write-env'>['data'] },
): Plan {
  const env = envOps(options.writeEnv)
  const first = env.map((op) => op.id)
  const { targets, note, roll: given } = upTargets(desired, snapshot, false)
  const only = new Set(targets.map((target) => target.service))
  const builds = buildOps(targets, snapshot, only).map((op) => ({ ...op, after: first }))
  const { ops, findings } = roll({
    ...given,
    targets,
    cause: (target) => causeOfChange(target, snapshot.services[target.service]),
    first,
    built: ownBuild(builds),
    // Once there is a release, its own deploy brought the schema to where its code needs it.
    ...(snapshot.current === undefined
      ? { steps: { migrate: true, seed: true, source: { kind: 'working-tree' as const } } }
      : {}),
  })
  return {
    operation: 'setup',
    environment: desired.environment,
    ops: [...env, ...builds, ...ops],
    findings,
    notes: [note],
  }
}
