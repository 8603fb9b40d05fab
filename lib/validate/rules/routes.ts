import type { ConfigurationFailure } from '../concern.ts'
import { failureAtValue, type LoadedFiles, nearestOf } from '../files.ts'

/** What a proxy sends requests to is a service, and not the proxy itself. Code: `unknown-service`. */
export function checkRoutes({ services, names }: LoadedFiles): ConfigurationFailure[] {
  return [...services.values()].flatMap((proxy) => {
    const others = names.services.filter((name) => name !== proxy.name)
    return (proxy.configuration.docker?.proxy?.routes ?? []).flatMap(({ service }, index) =>
      others.includes(service)
        ? []
        : failureAtValue(proxy, ['docker', 'proxy', 'routes', index, 'service'], {
            code: 'unknown-service',
            message:
              service === proxy.name
                ? `\`${service}\` cannot send requests to itself`
                : `there is no service \`${service}\` to send requests to`,
            ...nearestOf(service, others, 'other services'),
            concern: { service: proxy.name, platforms: ['docker'] },
          }),
    )
  })
}
