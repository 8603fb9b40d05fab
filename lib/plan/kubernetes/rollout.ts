import type { Finding } from '../../model/finding.ts'
import type { Op, OpId, OpOf } from '../../model/op.ts'
import type { Colour, Lane } from '../../model/rollout.ts'
import type { ObservedService, ObservedSource } from '../../model/snapshot.ts'
import { differingParts, type Target } from '../target.ts'

const timeoutMs = 120_000

/** A service that is started in one of two Deployments that take turns. */
export type TurnOptions = {
  target: Target
  observed: ObservedService | undefined
  /** The start, as of a service that is rolled. */
  start: OpOf<'start-service'>
  /** A gate of the service. */
  gate: OpOf<'wait-gate'>
  /** A rollback: the pods are known to be good, and are all started at once. */
  back: boolean
}

/** The ops that bring a service up by its strategy, or out of one; undefined where it is rolled. */
export function turnOps({ target, observed, start, gate, back }: TurnOptions): Op[] | undefined {
  const { service, spec, fingerprint } = target
  const lane = spec && laneOf(target, observed)
  if (!lane) return undefined
  const { colour, live } = lane
  const strategy = spec.kubernetes?.strategy
  const started = (more: Partial<Lane> = {}): Op => ({ ...start, data: { ...start.data, lane: { ...lane, ...more } } })
  if (live === undefined) return [started(), gate]
  if (live === colour) {
    const beside = observed?.colours?.beside
    return [started(), gate, ...(beside && !beside.kept ? [dropOp(service, beside.colour, 'it was not finished')] : [])]
  }
  if (strategy?.type === 'blue-green') {
    // A Deployment without colour cannot take its turn again.
    const keep = strategy.keep && live !== 'plain'
    const switched: Op = {
      ...common(service),
      id: `switch:${service}`,
      kind: 'switch-traffic',
      cause: 'its gate has passed',
      data: { service, spec, fingerprint, to: colour, from: live, keep },
    }
    return [started(), gate, switched, ...(keep ? [] : [dropOp(service, live, 'it was replaced')])]
  }
  const steps = strategy?.type === 'canary' && !back ? strategy.steps : [100]
  const [first = 100, ...more] = steps
  if (more.length === 0) return [started(), gate, dropOp(service, live, 'it was replaced')]
  const stepGate = (percent: number): Op => ({ ...gate, id: `${gate.id}:${percent}` })
  const shifts = more.flatMap((percent, index): Op[] => {
    const proven = steps[index] as number
    const shift: Op = {
      ...common(service),
      id: `shift:${service}:${percent}`,
      kind: 'shift-replicas',
      cause: `its gate has passed at ${proven} %`,
      data: { service, spec, fingerprint, to: colour, from: live, percent, proven },
    }
    return [shift, stepGate(percent)]
  })
  return [started({ percent: first }), stepGate(first), ...shifts, dropOp(service, live, 'it was replaced')]
}

/** What an earlier run has not removed; nothing where the old pods are kept on purpose. */
export function leftOps(target: Target, observed: ObservedService | undefined): Op[] {
  const beside = observed?.colours?.beside
  return beside && !beside.kept ? [dropOp(target.service, beside.colour, 'an earlier run left it')] : []
}

/** Where a start puts the new pods: beside those that get requests, or to those, where they are of that very release. */
function laneOf({ spec, fingerprint }: Target, observed: ObservedService | undefined): Lane | undefined {
  const strategy = spec?.kubernetes?.strategy
  const known = observed?.colours
  if (!spec?.kubernetes || (!strategy && !known)) return undefined
  const live: Colour | undefined = known?.live.colour ?? (observed ? 'plain' : undefined)
  if (live === undefined) return { colour: 'blue' }
  const isIt = (one: { release?: number; fingerprint?: Record<string, string> } | undefined): boolean =>
    spec.source.kind === 'release' &&
    one?.release === spec.source.release &&
    one.fingerprint !== undefined &&
    differingParts(one.fingerprint, fingerprint).length === 0
  if (isIt(known?.live)) return { colour: live, live }
  const colour = strategy ? (live === 'blue' ? 'green' : 'blue') : 'plain'
  const there = known?.beside?.colour === colour && known.beside.kept && isIt(known.beside)
  return { colour, live, ...(there && { there: true as const }) }
}

/** What leads requests from outside to services that were started: after everything, so that nobody is sent to what is not ready. */
export const routeOps = (targets: readonly Target[], after: OpId[]): Op[] =>
  targets.flatMap(({ service, spec }): Op[] =>
    spec?.kubernetes?.routes
      ? [
          {
            ...common(service),
            id: `routes:${service}`,
            kind: 'apply-routes',
            after,
            cause: 'all gates have passed',
            data: { service, spec },
          },
        ]
      : [],
  )

/** Strategies that the manifests do not allow. */
export const strategyFindings = (targets: readonly Target[], source: ObservedSource): Finding[] =>
  targets.flatMap(({ service }): Finding[] => {
    const refusal = source.shapes?.[service]?.refusal
    return refusal ? [{ rule: 'strategy-refused', severity: 'error', service, ...refusal }] : []
  })

const dropOp = (service: string, colour: Colour, cause: string): Op => ({
  ...common(service),
  id: `drop:${service}`,
  kind: 'drop-colour',
  cause,
  data: { service, colour },
})

const common = (service: string) => ({ after: [] as OpId[], changes: true, service, timeoutMs })
