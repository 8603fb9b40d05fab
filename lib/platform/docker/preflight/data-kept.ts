import type { ContainerSpec } from '../../../model/desired.ts'
import { mapping } from '../../../validate/compose/file.ts'
import { writableVolume } from '../../../validate/resolve-overlap.ts'
import type { DockerRule, Given } from './rule.ts'

/** Data that lie in a container, or in its anonymous volume, go with it: each change of the service makes a new one. */
export const dataKept: DockerRule = async (given) => dataNotKept(given)

/** A warning for each database or storage of the plan that names no volume, and does not say with `tmpfs` that its data may go. */
export const dataNotKept = ({ starts, desired }: Pick<Given, 'starts' | 'desired'>) =>
  starts.flatMap(({ data: { service, spec } }) => {
    const category = desired?.services.find(({ name }) => name === service)?.configuration.category
    if (category !== 'databases' && category !== 'storage') return []
    if (!spec.docker || writableVolume(spec.docker) !== undefined || isInMemory(spec.docker)) return []
    return [
      {
        rule: 'data-not-kept',
        severity: 'warning' as const,
        service,
        message: `${service} has no named volume: what it stores goes with its container, at each deploy that changes it`,
        mend: `name a volume in its compose.yaml (volumes: [data:/where/it/stores]), or say tmpfs: [/where/it/stores] where nothing is to be kept`,
      },
    ]
  })

const isInMemory = ({ compose, main }: ContainerSpec): boolean =>
  mapping(mapping(mapping(JSON.parse(compose)).services)[main]).tmpfs !== undefined
