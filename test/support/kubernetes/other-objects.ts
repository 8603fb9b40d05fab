import { recordEvent } from './events.ts'
import { controller, type Hands } from './hands.ts'
import type { ApiObject } from './objects.ts'

/** A claim is bound where its storage class is there. */
export function bindClaim(hands: Hands, claim: ApiObject) {
  if (claim.status?.phase === 'Bound') return
  const name = claim.spec.storageClassName ?? 'standard'
  const known = hands.api.store.find(hands.api.type('storageclasses'), name)
  if (!known)
    return recordEvent(
      hands.api,
      claim,
      'Warning',
      'ProvisioningFailed',
      `storageclass.storage.k8s.io "${name}" not found`,
    )
  hands.status('persistentvolumeclaims', claim, {
    phase: 'Bound',
    accessModes: claim.spec.accessModes,
    capacity: claim.spec.resources?.requests,
  })
}

/** A definition is established at once. */
export function establish(hands: Hands, definition: ApiObject): void {
  if (definition.status?.conditions) return
  const conditions = hands.conditions(definition, [
    { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' },
    {
      type: 'Established',
      status: 'True',
      reason: 'InitialNamesAccepted',
      message: 'the initial names have been accepted',
    },
  ])
  hands.status('customresourcedefinitions', definition, {
    conditions,
    acceptedNames: definition.spec.names,
    storedVersions: [],
  })
}

/** A load balancer gets an address. */
export function balance(hands: Hands, object: ApiObject, wanted: boolean): void {
  if (!wanted || object.status?.loadBalancer?.ingress) return
  const resource = object.kind === 'Ingress' ? 'ingresses' : 'services'
  hands.status(resource, object, { loadBalancer: { ingress: [{ ip: '10.99.1.1' }] } })
}

/** A namespace has its default account. */
export function populate(hands: Hands, { metadata: { name } }: ApiObject): void {
  const accounts = hands.api.type('serviceaccounts')
  if (!hands.api.store.find(accounts, 'default', name))
    hands.api.create(
      accounts,
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: name } },
      controller,
    )
}
