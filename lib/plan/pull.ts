import type { Desired } from '../model/desired.ts'
import type { Op } from '../model/op.ts'
import type { Plan } from '../model/plan.ts'
import { type Selection, selected } from './services.ts'

const pullTimeoutMs = 30 * 60_000

/** Fetches the images of services anew, what they run stays as it is: the next `services up` or deploy takes them. */
export function planPull(desired: Desired, selection: Selection): Plan {
  const names = selected(desired, selection)
  const images = new Map(
    desired.services
      .filter(({ name }) => names.has(name))
      .flatMap(({ spec }) => Object.values(spec?.docker?.images ?? {}))
      .map((image) => [image.reference, image] as const),
  )
  const ops = [...images.values()].flatMap(({ reference, built }): Op[] => {
    // What is built here, and what is named by its digest or id, does not change.
    if (built || /@|^sha256:/.test(reference)) return []
    return [
      {
        id: `pull:${reference}`,
        kind: 'pull-image',
        after: [],
        cause: 'asked for',
        changes: true,
        timeoutMs: pullTimeoutMs,
        data: { reference, identity: null },
      },
    ]
  })
  return { operation: 'services pull', environment: desired.environment, ops, findings: [], notes: [] }
}
