import type { Desired, DesiredService } from '../model/desired.ts'
import { environmentSchema } from '../model/environment.ts'
import type { Release } from '../model/release.ts'
import { serviceSchema } from '../model/service.ts'

/**
 * The environment as a release recorded it, for commands that must work while the working tree is broken, on another branch, or
 * absent: rollback, status, logs, health-check. Only what the record holds: no migrations, no seeds, default categories.
 * @param folder the workspace's folder, for paths
 */
export function recordedEnvironment(release: Release, folder: string): Desired {
  const configuredAs = release.environment.split('@')[0] as string
  return {
    workspace: { ...release.workspace, folder },
    environment: release.environment,
    configuredAs,
    platform: release.platform,
    rehearsal: release.environment !== configuredAs,
    configuration: environmentSchema.parse({ name: configuredAs, platform: release.platform }),
    services: release.services.map(
      ({ service, spec, fingerprint, dependencies }): DesiredService => ({
        name: service,
        category: spec?.engine ? 'databases' : 'applications',
        dependencies,
        fingerprint,
        rollout: 'recreate',
        configuration: serviceSchema.parse({ name: service, category: spec?.engine ? 'databases' : 'applications' }),
        place: { file: `release ${release.number}` },
        ...(spec ? { spec } : { unavailable: 'not available when the release was made' }),
      }),
    ),
    ...(release.database ? { database: { ...release.database, migrations: [], seeds: [] } } : {}),
  }
}
