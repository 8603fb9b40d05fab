import type { ServedKinds } from '../../../manifest/kubernetes/discovery.ts'
import type { Place } from '../../../model/failure.ts'
import type { Finding, Severity } from '../../../model/finding.ts'
import { type KubernetesObject, referenceOf, referenceText } from '../../../model/kubernetes-object.ts'

/** A manifest of the plan, its namespace filled in. */
export type PlannedObject = {
  object: KubernetesObject
  /** The service of the catalogue that it belongs to. */
  service?: string
  /** Where its file has it. */
  place?: Place
  /** What the server has under its name. */
  live?: KubernetesObject
}

/** What was read of a server. A kind that was not looked up is not in `known`: rules say nothing about its objects. */
export type ServerFacts = {
  /** `v1.36.2` */
  serverVersion?: string
  clientVersion?: string
  /** Kinds by `group/version` (`v1`, `apps/v1`). */
  served: ServedKinds
  objects: readonly KubernetesObject[]
  /** Kinds of which `objects` has all that the plan's namespaces (or the cluster) have. */
  known: ReadonlySet<string>
}

/** What the rules look at. */
export type PreflightInput = { planned: readonly PlannedObject[]; facts: ServerFacts }

/** One check: pure, gives all that it finds. */
export type PreflightRule = (input: PreflightInput) => Finding[]

/** A finding about an object of the plan. */
export function findingAbout(
  { object, service, place }: PlannedObject,
  rule: string,
  severity: Severity,
  message: string,
  mend?: string,
): Finding {
  return {
    rule,
    severity,
    message: `${referenceText(referenceOf(object))}: ${message}`,
    ...(place && { place }),
    ...(service !== undefined && { service }),
    ...(mend !== undefined && { mend }),
  }
}

/** The objects of one kind and namespace that will be there: those of the plan, and those of the server that the plan does not replace. */
export function objectsOf(input: PreflightInput, kind: string, namespace?: string): KubernetesObject[] {
  const fits = (one: KubernetesObject) =>
    one.kind === kind && (namespace === undefined || one.metadata.namespace === namespace)
  const own = input.planned.map(({ object }) => object).filter(fits)
  const names = new Set(own.map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`))
  const others = input.facts.objects.filter(
    (one) => fits(one) && !names.has(`${one.metadata.namespace ?? ''}/${one.metadata.name}`),
  )
  return [...own, ...others]
}
