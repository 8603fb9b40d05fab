/** Records that tests leave on an engine. */
import type { Release } from '../../lib/model/release.ts'

/** A failed release that ran one image. */
export const failedRelease = (
  number: number,
  workspace: { name: string; id: string },
  image: { reference: string; identity: string },
) =>
  ({
    version: 1,
    number,
    workspace,
    environment: 'dev',
    platform: 'docker',
    created: '2026-11-20T10:00:00.000Z',
    by: 'ada',
    run: `run-${number}`,
    revision: 'main',
    commit: 'c'.repeat(40),
    services: [
      {
        service: 'web',
        fingerprint: {},
        dependencies: [],
        spec: {
          service: 'web',
          source: { kind: 'release', release: number },
          directory: '.',
          environment: {},
          ports: {},
          restart: 'always',
          stopSignal: 'SIGTERM',
          graceMs: 1000,
          oneShot: false,
          health: { probes: [], intervalMs: 1000, passes: 1, deadlineMs: 1000, watchMs: 0 },
          docker: {
            project: `${workspace.name}-dev-web`,
            main: 'web',
            compose: '{"services":{}}',
            variables: {},
            images: { web: image },
            replicas: { web: 1 },
            networks: {},
            published: [],
          },
        },
      },
    ],
    hooks: {},
    schema: [],
    outcome: 'failed',
  }) as Release
