import type { Fingerprint, RunSpec } from '../../model/desired.ts'
import type { KubernetesObject, ObjectReference } from '../../model/kubernetes-object.ts'
import type { Colour, Lane } from '../../model/rollout.ts'
import { routeKinds } from '../../plan/kubernetes/manifest-shape.ts'
import { missingFrom, referencesOf } from './apply.ts'
import { coloursOf, deploymentOf, replicasOf, shareOf, trafficOf, without, withReplicas } from './colours.ts'
import { isEnvironment } from './environment-objects.ts'
import type { ColourState, Inventory } from './inventory.ts'

/** What a start applies now, and what it makes of what is there. */
export type Turn = {
  /** What is applied at once; the rest waits until the new pods are ready, or everything is. */
  now: KubernetesObject[]
  /** Everything that is there while old pods are beside new ones, and at the end. */
  during: ObjectReference[]
  after: ObjectReference[]
  /** What nobody needs any more. */
  gone: ObjectReference[]
  /** The start is all there is to do: no step follows it. */
  complete: boolean
  /** The colours as they are written down before and after. */
  colours?: NonNullable<Inventory['colours']>
  live?: Colour
}

/** What starting these objects means, by the lane that the plan gave them. */
export function turnOf(
  inventory: Inventory | undefined,
  objects: KubernetesObject[],
  { service, spec, fingerprint, lane }: { service: string; spec: RunSpec; fingerprint: Fingerprint; lane?: Lane },
): Turn {
  const wanted = referencesOf(objects)
  const routes = spec.kubernetes?.routes === true
  const held = new Set(routes ? objects.filter(({ kind }) => routeKinds.has(kind)) : [])
  const there = inventory?.objects ?? []
  // Old routes lead to the service until the new ones are applied.
  const stays = (one: ObjectReference) =>
    isEnvironment(service, one.kind, one.name) || (routes && routeKinds.has(one.kind))
  const oldRoutes = routes ? missingFrom(there, wanted).filter(({ kind }) => routeKinds.has(kind)) : []
  if (!lane)
    return {
      now: objects.filter((object) => !held.has(object)),
      during: [...wanted, ...missingFrom(there, wanted)],
      after: [...wanted, ...oldRoutes],
      gone: missingFrom(there, wanted).filter((one) => !stays(one)),
      complete: true,
    }
  const { colour, live, percent } = lane
  const before = coloursOf(inventory)
  const deployment = deploymentOf(objects)
  const own: ColourState = {
    ...(spec.source.kind === 'release' && { release: spec.source.release }),
    fingerprint,
    objects: [],
    ...(deployment && { deployment }),
    ...(percent !== undefined && { percent }),
  }
  if (live === undefined || live === colour) {
    const others = Object.entries(before).flatMap(([name, state]) => (name === colour ? [] : [state.objects]))
    const gone = without(missingFrom(there, wanted), ...others).filter((one) => !stays(one))
    return {
      now: objects.filter((object) => !held.has(object)),
      during: [...wanted, ...missingFrom(there, wanted)],
      after: [...wanted, ...oldRoutes],
      gone,
      complete: true,
      colours: { ...before, [colour]: own },
      live: colour,
    }
  }
  const earlier = before[colour]?.objects ?? []
  const ofLive = without(there, earlier)
  const onlyLive = missingFrom(ofLive, wanted).filter((one) => !stays(one))
  const strategy = spec.kubernetes?.strategy?.type
  if (strategy === 'blue-green') for (const one of trafficOf(objects)) held.add(one)
  const now = objects
    .filter((object) => !held.has(object))
    .map((object) =>
      object === deployment && percent !== undefined
        ? withReplicas(object, shareOf(replicasOf(object), percent))
        : object,
    )
  const { kept: _, ...liveBefore } = before[live] ?? { objects: [] }
  const complete = strategy !== 'blue-green' && percent === undefined
  return {
    now,
    during: [...wanted, ...missingFrom(there, wanted)],
    after: complete ? [...wanted, ...oldRoutes] : [...wanted, ...missingFrom(ofLive, wanted)],
    gone: without(missingFrom(earlier, wanted), ofLive).filter((one) => !stays(one)),
    complete,
    colours: {
      ...before,
      [live]: { ...liveBefore, objects: onlyLive },
      [colour]: { ...own, objects: missingFrom(wanted, ofLive) },
    },
    live: complete ? colour : live,
  }
}

/** The inventory of a service once its last step is done: what it should be, with what was replaced written down beside it. */
export function completed(
  inventory: Inventory,
  objects: KubernetesObject[],
  applied: KubernetesObject[],
  { fingerprint, to, from, keep = false }: { fingerprint: Fingerprint; to: Colour; from: Colour; keep?: boolean },
): Inventory {
  const { gated: _, ...rest } = inventory
  const wanted = referencesOf(objects)
  const { percent: __, kept: ___, ...own } = inventory.colours?.[to] ?? { objects: [] }
  const old = inventory.colours?.[from]
  return {
    ...rest,
    // Old routes stay until the new ones are applied.
    objects: [...wanted, ...missingFrom(inventory.objects, wanted).filter(({ kind }) => routeKinds.has(kind))],
    applied,
    fingerprint,
    live: to,
    colours: {
      ...inventory.colours,
      [to]: own,
      ...(old && { [from]: { ...old, ...(keep && { kept: true as const }) } }),
    },
  }
}
