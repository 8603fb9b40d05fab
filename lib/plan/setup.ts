import type { Desired, Fingerprint } from '../model/desired.ts'
import type { OpOf } from '../model/op.ts'
import type { Plan } from '../model/plan.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { envOps } from './env.ts'
import { roll } from './roll.ts'
import { buildOps, ownBuild, upTargets } from './services.ts'
import { causeOfChange, differingParts, workingTreeTargets } from './target.ts'

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
    notes: [note, ...differences(desired, snapshot)],
  }
}

/** What the working tree has that the release which runs does not; one line, or none. A setup starts releases and makes none. */
function differences(desired: Desired, snapshot: Snapshot): string[] {
  const current = snapshot.releases.find(({ number }) => number === snapshot.current)
  if (!current) return []
  const recorded = new Map(current.services.map((service) => [service.service, service.fingerprint]))
  const targets = workingTreeTargets(desired, snapshot)
  const names = (which: (fingerprint: Fingerprint | undefined, own: Fingerprint) => boolean) =>
    targets
      .filter(({ service, fingerprint }) => which(recorded.get(service), fingerprint))
      .map(({ service }) => service)
  const kinds = {
    new: names((before) => before === undefined),
    changed: names((before, own) => before !== undefined && differingParts(before, own).length > 0),
    removed: [...recorded.keys()].filter((name) => !targets.some(({ service }) => service === name)),
  }
  const said = Object.entries(kinds).flatMap(([kind, services]) =>
    services.length > 0 ? [`${kind} ${services.join(', ')}`] : [],
  )
  if (said.length === 0) return []
  const deploy = `task deploy ${desired.configuredAs}${desired.rehearsal ? ` --platform ${desired.platform}` : ''}`
  return [`the working tree differs from release ${current.number}: ${said.join('; ')} — ${deploy}`]
}
