import { z } from 'zod'
import type { Fingerprint } from '../../model/desired.ts'
import { FailureError } from '../../model/failure.ts'
import { type KubernetesObject, kubernetesObjectSchema, type ObjectReference } from '../../model/kubernetes-object.ts'
import { fingerprintSchema } from '../../model/ops/shared.ts'
import { type Colour, colourSchema } from '../../model/rollout.ts'
import { label, ownName } from './names.ts'
import { changeRecord, findRecord, listRecords, packed, type RecordPlace, recordSecret, unpacked } from './records.ts'

const referenceSchema = z.looseObject({
  group: z.string(),
  kind: z.string(),
  namespace: z.string().optional(),
  name: z.string(),
})

const colourStateSchema = z.looseObject({
  release: z.number().optional(),
  fingerprint: fingerprintSchema.optional(),
  objects: z.array(referenceSchema),
  deployment: kubernetesObjectSchema.optional(),
  percent: z.number().optional(),
  kept: z.literal(true).optional(),
})

const inventorySchema = z.looseObject({
  service: z.string(),
  /** Absent for what was applied in part only. */
  fingerprint: fingerprintSchema.optional(),
  release: z.int().optional(),
  /** ISO 8601: when its apply was begun. */
  startedAt: z.string(),
  /** All objects that are, or may be, on the cluster. */
  objects: z.array(referenceSchema),
  /** What was applied, without values of secrets. */
  applied: z.array(kubernetesObjectSchema),
  /** `metadata.generation` after the apply, by reference key. */
  generations: z.record(z.string(), z.number()),
  settleMs: z.number().optional(),
  live: colourSchema.optional(),
  colours: z.partialRecord(colourSchema, colourStateSchema).optional(),
  gated: z.array(referenceSchema).optional(),
})

/** One of two Deployments of a service that take turns. */
export type ColourState = {
  release?: number
  fingerprint?: Fingerprint
  /** What only this one needs, itself included; of the one that gets requests it is not written down. */
  objects: ObjectReference[]
  /** As it was applied, with all its replicas. */
  deployment?: KubernetesObject
  /** How much of its replicas it has, where that is not all. */
  percent?: number
  /** It was replaced, and stays for a rollback. */
  kept?: true
}

/** What the product has on the cluster for a service. It is written before and after each apply. */
export type Inventory = {
  service: string
  /** Absent for what was applied in part only. */
  fingerprint?: Fingerprint
  /** Absent for the working tree. */
  release?: number
  /** ISO 8601: when its apply was begun. */
  startedAt: string
  objects: ObjectReference[]
  applied: KubernetesObject[]
  generations: Record<string, number>
  settleMs?: number
  /** The colour that gets requests, where Deployments take turns. */
  live?: Colour
  colours?: Partial<Record<Colour, ColourState>>
  /** What a gate waits for, while old pods are beside the new ones; absent: for all objects. */
  gated?: ObjectReference[]
}

const what = (service: string) => `service-${service}`

function parse(text: string | undefined): Inventory | undefined {
  const parsed = inventorySchema.safeParse(unpacked(text))
  return parsed.success ? (parsed.data as unknown as Inventory) : undefined
}

/** The inventories of an environment, by service. Throws `FailureError`. */
export async function readInventories(place: RecordPlace): Promise<Map<string, Inventory>> {
  const records = await listRecords(place, 'service')
  return new Map(
    records.flatMap(({ data }) => {
      const inventory = parse(data?.inventory)
      return inventory ? [[inventory.service, inventory] as const] : []
    }),
  )
}

/** The inventory of one service; undefined where it has nothing there. Throws `FailureError`. */
export async function readInventory(place: RecordPlace, service: string): Promise<Inventory | undefined> {
  return parse((await findRecord(place, what(service)))?.data?.inventory)
}

/** Writes a service's inventory. Throws `FailureError`. */
export async function writeInventory(place: RecordPlace, inventory: Inventory): Promise<void> {
  const data = { inventory: packed(inventory) }
  const labels = { [label.service]: inventory.service }
  await changeRecord(
    place,
    what(inventory.service),
    () => data,
    () => recordSecret(place, 'service', what(inventory.service), data, labels),
  )
}

/** Removes a service's inventory: nothing of it is there any more. Throws `FailureError`. */
export async function removeInventory(place: RecordPlace, service: string): Promise<void> {
  const name = ownName(place, what(service))
  const gone = await place.kubectl.checked(['delete', 'secret', name, '-n', place.home, '--ignore-not-found'])
  if (!gone.ok) throw new FailureError(...gone.failures)
}
