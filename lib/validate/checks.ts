import type { Spot } from '../manifest/source-text.ts'
import { containerPortName } from './addresses.ts'
import { dependenciesOn } from './dependency-graph.ts'
import { failureAtValue, usableService } from './files.ts'
import type { ServiceFrame } from './frames.ts'
import type { ResolveContext } from './resolve-context.ts'

type WantedPort = { number: number; protocol: 'tcp' | 'udp'; owner: string; spot: Spot }

/** Two services of an environment on one port of the machine. Failure: `port-conflict`, at the later one, with the place of the first. */
export function checkPortConflicts(frames: readonly ServiceFrame[], context: ResolveContext): void {
  const taken = new Map<string, WantedPort>()
  for (const wanted of frames.flatMap((frame) => wantedPorts(frame, context))) {
    const key = `${wanted.number}/${wanted.protocol}`
    const first = taken.get(key)
    if (!first) {
      taken.set(key, wanted)
      continue
    }
    const { file, line, column } = first.spot.place
    context.failures.push({
      code: 'port-conflict',
      message: `${wanted.owner} wants the port ${wanted.number}, which ${first.owner} has`,
      ...wanted.spot,
      why: `the other is in ${file}:${line}:${column}`,
      outcome: 'unchanged',
      concern: { environments: [context.environment.name] },
    })
  }
}

function wantedPorts({ service, override, ports, unavailable }: ServiceFrame, context: ResolveContext): WantedPort[] {
  const { environment, platform } = context
  const { docker, local } = service.configuration
  if (unavailable !== undefined || platform === 'kubernetes') return []
  const overrideSpot = (name: string): Spot | undefined =>
    override?.ports[name] === undefined
      ? undefined
      : environment.yaml.valueSpot(['services', service.name, 'ports', name])
  if (platform === 'local') {
    return Object.entries(ports).map(([name, number]) => ({
      number,
      protocol: 'tcp',
      owner: `\`${service.name}\` (${name})`,
      spot: overrideSpot(name) ?? (service.yaml.valueSpot(['local', 'ports', name]) as Spot),
    }))
  }
  return (docker?.ports ?? []).flatMap((port, index) => {
    const name = containerPortName(port, local?.ports ?? {})
    const number = override?.ports[name] ?? port.host
    if (number === undefined) return []
    const spot = overrideSpot(name) ?? (service.yaml.valueSpot(['docker', 'ports', index, 'host']) as Spot)
    return [{ number, protocol: port.protocol, owner: `\`${service.name}\` (${name})`, spot }]
  })
}

/**
 * What is required must be able to run. Failure: `required-unavailable`, where the dependency (or the environment's database) is named.
 */
export function checkRequired(frames: readonly ServiceFrame[], context: ResolveContext): void {
  const { workspace, environment, platform, rehearsal, failures } = context
  const concern = { environments: [environment.name] }
  const database = environment.configuration.database
  const elsewhere = database?.url !== undefined && !rehearsal ? database.service : undefined

  const whyNot = (name: string): string | undefined => {
    if (name === elsewhere || !usableService(workspace, name, platform)) return undefined
    const frame = frames.find(({ service }) => service.name === name)
    return frame ? frame.unavailable : `it is not among the services of ${environment.name}`
  }

  for (const { service, unavailable } of frames) {
    if (unavailable !== undefined) continue
    for (const { service: needed, optional, path } of dependenciesOn(service.configuration, platform)) {
      const why = optional ? undefined : whyNot(needed)
      if (why === undefined) continue
      failures.push(
        failureAtValue(service, path, {
          code: 'required-unavailable',
          message: `\`${service.name}\` needs \`${needed}\`, which does not run here`,
          why: `\`${needed}\`: ${why}`,
          next: [`say { service: ${needed}, optional: true } if \`${service.name}\` works without it`],
          concern,
        }),
      )
    }
  }
  const why = database && whyNot(database.service)
  if (why === undefined || !frames.some(({ service }) => service.name === database?.service)) return
  failures.push(
    failureAtValue(environment, ['database', 'service'], {
      code: 'required-unavailable',
      message: `the database \`${database?.service}\` does not run here`,
      why: `\`${database?.service}\`: ${why}`,
      concern,
    }),
  )
}
