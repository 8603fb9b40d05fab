/** Small worlds for the planners' tests: a catalogue of postgres ← api ← web, worker; and what was observed of it. */
import type { Desired, DesiredService, MigrationFile } from '../../lib/model/desired.ts'
import { environmentSchema } from '../../lib/model/environment.ts'
import type { Release } from '../../lib/model/release.ts'
import { serviceSchema } from '../../lib/model/service.ts'
import type { ObservedService, Snapshot } from '../../lib/model/snapshot.ts'
import { planDeploy } from '../../lib/plan/deploy.ts'

const at = '2026-01-02T03:04:05.000Z'

/** A service of the catalogue; `files` gives it a command and a build, else it is the embedded engine. */
export function service(name: string, needs: string[], kind: 'engine' | 'files' | 'absent'): DesiredService {
  const health = { probes: [], intervalMs: 1000, passes: 2, deadlineMs: 60_000, watchMs: 10_000 }
  const common = {
    service: name,
    source: { kind: 'working-tree' as const },
    directory: kind === 'engine' ? '.' : `services/${name}`,
    environment: kind === 'engine' ? {} : { LOG_LEVEL: 'info' },
    ports: { main: kind === 'engine' ? 5432 : 8000 + name.length },
    restart: 'on-failure' as const,
    stopSignal: 'SIGTERM' as const,
    graceMs: 10_000,
    oneShot: false,
    health,
  }
  const configuration = serviceSchema.parse({ name, category: kind === 'engine' ? 'databases' : 'applications' })
  return {
    name,
    category: configuration.category,
    dependencies: needs.map((need) => ({ service: need.replace('?', ''), optional: need.endsWith('?') })),
    fingerprint: kind === 'absent' ? {} : { command: `c-${name}`, 'environment.LOG_LEVEL': 'info' },
    rollout: 'recreate',
    configuration,
    place: { file: `config/services/${name}.yaml` },
    ...(kind === 'absent' ? { unavailable: 'its program is not on this machine' } : {}),
    ...(kind === 'engine'
      ? {
          spec: {
            ...common,
            engine: { name: 'postgres' as const, version: 17, prefer: 'embedded' as const },
            database: { name: 'stats', user: 'stats', password: { secret: 'PASSWORD', digest: 'd1' } },
          },
        }
      : {}),
    ...(kind === 'files'
      ? {
          spec: { ...common, command: ['node', 'main.js'] },
          build: {
            command: ['node', 'build.js'],
            directory: `services/${name}`,
            context: `services/${name}`,
            timeoutMs: 60_000,
          },
        }
      : {}),
  }
}

/** A migration's file. */
export const migration = (version: string, effect: 'expand' | 'breaking' = 'expand'): MigrationFile => ({
  version,
  name: `change-${version}`,
  path: `database/migrations/${version}.sql`,
  sha256: `sha-${version}`,
  effect,
})

/** The environment `dev` with its whole catalogue. */
export function desired(change: Partial<Desired> & { deploy?: object; notifications?: object[] } = {}): Desired {
  const { deploy, notifications, ...rest } = change
  return {
    workspace: { name: 'shop', id: 'abcdefgh', folder: '/shop' },
    environment: 'dev',
    configuredAs: 'dev',
    platform: 'local',
    rehearsal: false,
    configuration: environmentSchema.parse({
      name: 'dev',
      platform: 'local',
      deploy: deploy ?? {},
      notifications: notifications ?? [],
    }),
    services: [
      service('postgres', [], 'engine'),
      service('redis', [], 'absent'),
      service('api', ['postgres', 'redis?'], 'files'),
      service('worker', ['postgres'], 'files'),
    ],
    database: {
      service: 'postgres',
      name: 'stats',
      user: 'stats',
      password: { secret: 'PASSWORD', digest: 'd1' },
      migrations: [migration('001'), migration('002')],
      seeds: [{ name: 'hits', path: 'database/seeds/dev/hits.sql', sha256: 's1' }],
    },
    ...rest,
  }
}

/** Nothing runs, nothing was ever made. */
export const empty = (): Snapshot => ({
  at,
  services: {},
  ports: [],
  database: { created: false, reachable: false },
  source: { revision: 'HEAD', commit: 'c0ffee00c0ffee00', dirty: [], artefacts: { api: 'a1', worker: 'w1' } },
  releases: [],
  programs: {},
  built: {},
})

/** A running service with what it was started with. */
export const running = (name: string, fingerprint: Record<string, string>, release?: number): ObservedService => ({
  service: name,
  status: 'running',
  health: 'healthy',
  ports: {},
  restarts: 0,
  last_updated: at,
  fingerprint,
  ...(release === undefined ? {} : { release }),
})

/** The stack up from the working tree, migrated and seeded. */
export function up(): Snapshot {
  const fingerprint = (name: string) => ({ command: `c-${name}`, 'environment.LOG_LEVEL': 'info' })
  return {
    ...empty(),
    services: {
      postgres: running('postgres', fingerprint('postgres')),
      api: running('api', { ...fingerprint('api'), artefact: 'a1' }),
      worker: running('worker', { ...fingerprint('worker'), artefact: 'w1' }),
    },
    database: {
      created: true,
      reachable: true,
      ready: true,
      applied: [migration('001'), migration('002')],
      seeded: [{ name: 'hits', sha256: 's1' }],
    },
    built: { api: 'a1', worker: 'w1' },
  }
}

/** The snapshot after a deploy of `desired` on `before` that became healthy. */
export function deployed(before: Snapshot, wanted: Desired = desired()): Snapshot {
  const plan = planDeploy(wanted, before, { allowDirty: false, run: 'r', by: 'ann', at })
  const release = { ...(plan.release as Release), outcome: 'healthy' as const }
  const services = { ...before.services }
  for (const op of plan.ops) {
    if (op.kind !== 'start-service') continue
    const { source } = op.data.spec
    const number = source.kind === 'release' ? source.release : undefined
    services[op.data.service] = running(op.data.service, op.data.fingerprint, number)
  }
  return {
    ...before,
    services,
    releases: [...before.releases, release],
    current: release.number,
    database: { created: true, reachable: true, ready: true, applied: release.schema, seeded: [] },
  }
}

/** The same snapshot with other files at the revision. */
export const revised = (snapshot: Snapshot, revision: string, artefacts: Record<string, string>): Snapshot => ({
  ...snapshot,
  source: { revision, commit: `${revision}00000000`, dirty: [], artefacts },
})
