import type { ServiceOverride } from '../model/environment.ts'
import type { Dependency } from '../model/service.ts'
import { type Address, addressInUrl, hostOn, portsOn, rehearsalPort } from './addresses.ts'
import { compareText } from './concern.ts'
import { dependenciesOn } from './dependency-graph.ts'
import { type LoadedService, servicesOf, usableService } from './files.ts'
import { withoutMarks } from './port-marks.ts'
import { resolveTemplate } from './references.ts'
import type { ResolveContext } from './resolve-context.ts'

/** What is known of a service before its texts are resolved. */
export type ServiceFrame = {
  service: LoadedService
  override: ServiceOverride | undefined
  /** Those that the environment has. */
  dependencies: Dependency[]
  /** By name, as other services reach them. */
  ports: Record<string, number>
  /** The numbers that the configuration gives them. */
  declared: Record<string, number>
  /** Numbers that a machine uses in place of configured ones. */
  assigned: Record<string, number>
  unavailable?: string
}

/** What frames are made from besides the context; see `ResolveOptions`. */
export type FrameOptions = {
  ports?: Record<string, Record<string, number>>
  programs?: Record<string, string | undefined>
}

/** The environment's services, in the order of names, with their ports; fills in the context's addresses. */
export function framesOf(context: ResolveContext, options: FrameOptions): ServiceFrame[] {
  const { workspace, environment, platform, addresses } = context
  const { services: listed, kubernetes } = environment.configuration
  const names = namesOf(context)
  const frames = names.flatMap((name): ServiceFrame[] => {
    const service = usableService(workspace, name, platform)
    if (!service) return []
    const override = Array.isArray(listed) ? undefined : listed?.[name]
    const unavailable = whyUnavailable(service, context, options)
    return [
      {
        service,
        override,
        dependencies: dependenciesOn(service.configuration, platform)
          .filter(
            (dependency) =>
              names.includes(dependency.service) && usableService(workspace, dependency.service, platform),
          )
          .map(({ service, optional }) => ({ service, optional })),
        ports: portsOf(service, override, context, options),
        declared: portsOf(service, override, context, {}),
        assigned: options.ports?.[name] ?? {},
        ...(unavailable !== undefined && { unavailable }),
      },
    ]
  })
  for (const name of workspace.services.keys()) {
    if (!usableService(workspace, name, platform)) continue
    addresses.set(name, `${environment.name} has no service ${name}`)
  }
  for (const { service, unavailable, ports, declared } of frames) {
    const host = hostOn(service.name, service.configuration, platform, kubernetes?.namespace)
    addresses.set(service.name, unavailable ?? ({ host, ports, declared } satisfies Address))
  }
  addExternalDatabase(context)
  return frames
}

/** The environment's services. A rehearsal has no database elsewhere, so it runs the service that is the database. */
function namesOf({ workspace, environment, rehearsal }: ResolveContext): string[] {
  const names = servicesOf(workspace, environment)
  const database = environment.configuration.database?.service
  const all = rehearsal && database !== undefined ? [...names, database] : names
  return [...new Set(all)].sort(compareText)
}

function whyUnavailable(
  { configuration }: LoadedService,
  { platform }: ResolveContext,
  { programs }: FrameOptions,
): string | undefined {
  if (!configuration[platform]) return `it has no section \`${platform}\``
  if (platform !== 'local' || !programs) return undefined
  const missing = configuration.local?.requires.filter((program) => programs[program] === undefined) ?? []
  return missing.length > 0 ? `it needs ${missing.join(' and ')}, not found on this machine` : undefined
}

function portsOf(
  { name, configuration }: LoadedService,
  override: ServiceOverride | undefined,
  { platform, rehearsal, workspace, environment }: ResolveContext,
  options: FrameOptions,
): Record<string, number> {
  const configured = portsOn(configuration, platform)
  if (platform !== 'local') return configured
  const others = workspace.names.environments.filter((other) => compareText(other, environment.name) < 0)
  return Object.fromEntries(
    Object.entries(configured).map(([port, number]) => {
      const own = override?.ports[port] ?? number
      return [port, options.ports?.[name]?.[port] ?? (rehearsal ? rehearsalPort(own, others.length) : own)]
    }),
  )
}

/** A database that no service of the environment runs is reached at its configured address. */
function addExternalDatabase(context: ResolveContext): void {
  const { environment, workspace, rehearsal, addresses } = context
  const database = environment.configuration.database
  if (!database || database.url === undefined || rehearsal) return
  const resolved = resolveTemplate({ text: database.url, file: environment, path: ['database', 'url'] }, context)
  if ('absent' in resolved) return
  context.databaseUrl = withoutMarks(resolved.value)
  const local = workspace.services.get(database.service)?.configuration.local?.ports ?? {}
  const address = addressInUrl(context.databaseUrl, Object.keys(local)[0] ?? 'postgres')
  addresses.set(database.service, address ?? 'its host is not in plain text in database.url')
}
