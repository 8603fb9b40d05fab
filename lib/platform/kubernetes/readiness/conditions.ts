import { field, isFields, itemsOf, numberOf, textOf } from '../../../manifest/fields.ts'
import type { KubernetesObject } from '../../../model/kubernetes-object.ts'
import { type Look, progressing, type Reading } from './rule.ts'

/** A condition of an object's status. `message` and `reason` are empty where there are none. */
export type Condition = { status: string; reason: string; message: string }

/** The condition of one type, if the object has it. */
export function conditionOf(object: KubernetesObject, type: string): Condition | undefined {
  const found = itemsOf(object, 'status', 'conditions').find((one) => isFields(one) && one.type === type)
  if (found === undefined) return undefined
  return {
    status: textOf(found, 'status') ?? '',
    reason: textOf(found, 'reason') ?? '',
    message: textOf(found, 'message') ?? '',
  }
}

/** A number of the status; 0 where it is absent, as the API leaves zeros out. */
export const countOf = (object: KubernetesObject, key: string): number => numberOf(object, 'status', key) ?? 0

/** `spec.replicas`; the API's default is 1. */
export const replicasOf = (object: KubernetesObject): number => numberOf(object, 'spec', 'replicas') ?? 1

/**
 * What holds for every kind: an object that is being deleted is terminating, and one whose controller has not seen the newest generation
 * says nothing that counts, however ready it looks. `always`: the kind's controller reports generations, so that their absence means that
 * it has seen nothing yet.
 */
export function notYet(object: KubernetesObject, look: Look, always = false): Reading | undefined {
  if (object.metadata.deletionTimestamp) return { state: 'terminating', message: 'is being deleted' }
  const { generation = 0 } = object.metadata
  if (look.generation !== undefined && generation < look.generation) return progressing('the change is not there yet')
  const observed = field(object, 'status', 'observedGeneration')
  if (observed === undefined ? always : typeof observed === 'number' && observed < generation) {
    return progressing('its controller has not seen the change yet')
  }
  return undefined
}
