import { type Failure, FailureError, failed, ok } from '../../../model/failure.ts'
import type { Handler } from '../../../model/platform.ts'
import { removeObjects } from '../apply.ts'
import { without } from '../colours.ts'
import type { KubernetesContext } from '../context.ts'
import { isEnvironment } from '../environment-objects.ts'
import { type Inventory, readInventory, writeInventory } from '../inventory.ts'

/** Removes the Deployment of a colour that gets no requests, with what only it needs; claims and definitions stay, and what other releases need. */
export const dropColour = (cluster: KubernetesContext): Handler<'drop-colour'> => ({
  async run({ data: { service, colour } }, { signal, output }) {
    try {
      const inventory = await readInventory(cluster, service)
      const state = inventory?.colours?.[colour]
      if (!inventory || !state) return ok({ message: 'was not there' })
      const others = Object.entries(inventory.colours ?? {}).flatMap(([name, { objects, deployment: _ }]) =>
        name === colour ? [] : [objects],
      )
      const own = without(state.objects, ...others).filter(({ kind, name }) => !isEnvironment(service, kind, name))
      const removed = await removeObjects(cluster.kubectl, own, signal, output)
      if (!removed.ok) return removed
      await writeInventory(cluster, withoutColour(inventory, colour, own))
      return ok({ message: `${removed.value} objects` })
    } catch (error) {
      if (error instanceof FailureError) return failed(...(error.failures as [Failure]))
      throw error
    }
  },

  async check({ data: { service, colour } }) {
    const inventory = await readInventory(cluster, service)
    return inventory?.colours?.[colour] ? 'pending' : 'done'
  },
})

/** A service whose only Deployment has no colour is one that is rolled. */
function withoutColour(
  inventory: Inventory,
  colour: keyof NonNullable<Inventory['colours']>,
  gone: Inventory['objects'],
): Inventory {
  const { colours: { [colour]: _, ...colours } = {}, live, ...rest } = inventory
  const objects = without(inventory.objects, gone)
  if (live === 'plain') return { ...rest, objects }
  return { ...rest, objects, colours, ...(live && { live }) }
}
