import { textOf } from '../../../manifest/fields.ts'
import { notYet } from './conditions.ts'
import { messageOf, reasonOf } from './event-text.ts'
import { missingText } from './missing-cause.ts'
import { firstLine } from './pull-cause.ts'
import { failedFor, progressing, type Rule, ready } from './rule.ts'

/**
 * A PersistentVolumeClaim: bound, or waiting for its first pod where its storage class binds only then. The status says no more than
 * Pending: causes are in events, of which FailedBinding is of the type Normal.
 */
export const claimRule: Rule = {
  settles: false,
  read(object, look) {
    const early = notYet(object, look)
    if (early) return early
    const phase = textOf(object, 'status', 'phase') ?? 'Pending'
    if (phase === 'Bound') return ready('bound')
    if (phase === 'Lost') return failedFor('its volume is lost')
    const events = look.observed.eventsAbout(object.metadata.uid ?? '')
    const className = textOf(object, 'spec', 'storageClassName')
    const storage = look.observed.ofKind('StorageClass').find(({ metadata }) => metadata.name === className)
    const last = events.filter((event) => !/^(External)?Provisioning$/.test(reasonOf(event))).at(-1)
    const bindsLater = textOf(storage, 'volumeBindingMode') === 'WaitForFirstConsumer'
    if ((last && reasonOf(last) === 'WaitForFirstConsumer') || (bindsLater && !last)) {
      return ready('waits for its first pod')
    }
    if (last && /^(ProvisioningFailed|FailedBinding|VolumeMismatch|VolumeFailedDelete)$/.test(reasonOf(last))) {
      const message = messageOf(last)
      return progressing(phase, { cause: { text: missingText(message) ?? firstLine(message), mayHeal: true } })
    }
    return progressing(phase)
  },
}
