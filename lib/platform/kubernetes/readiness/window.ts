import { field, itemsOf } from '../../../manifest/fields.ts'
import type { Milliseconds } from '../../../model/duration.ts'
import type { KubernetesObject } from '../../../model/kubernetes-object.ts'

/** With a readiness probe in every container: probes that flap do so within this time, as their period is 10 s by default. */
const withProbes: Milliseconds = 10_000
/** Without one a container is ready as soon as it runs: crashes, kills and evictions came up to 13 s later in recordings. */
const withoutProbes: Milliseconds = 20_000

/** How long an object of this kind must stay ready until that is believed, when the environment does not say. */
export function settlingWindow(object: KubernetesObject): Milliseconds {
  const template = object.kind === 'Pod' ? object : field(object, 'spec', 'template')
  const containers = itemsOf(template, 'spec', 'containers')
  const probed = containers.length > 0 && containers.every((one) => field(one, 'readinessProbe') !== undefined)
  return probed ? withProbes : withoutProbes
}
