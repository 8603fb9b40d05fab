import { itemsOf, textOf } from '../../../manifest/fields.ts'
import { notYet } from './conditions.ts'
import { progressing, type Rule, ready } from './rule.ts'

/** A Service: of the type LoadBalancer when it has an address (nothing says why it gets none); others as soon as they are stored. */
export const serviceRule: Rule = {
  settles: false,
  read(object, look) {
    const early = notYet(object, look)
    if (early) return early
    if (textOf(object, 'spec', 'type') !== 'LoadBalancer') return ready('stored')
    const addresses = itemsOf(object, 'status', 'loadBalancer', 'ingress')
      .map((one) => textOf(one, 'ip') ?? textOf(one, 'hostname'))
      .filter((one) => one !== undefined)
    if (addresses.length > 0) return ready(addresses.join(', '))
    return progressing('no address yet', {
      cause: {
        text: 'the load balancer has no address: nothing in the cluster gives it one',
        mayHeal: true,
        hint: true,
      },
    })
  },
}
