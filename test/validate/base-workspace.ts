import type { WorkspaceTexts } from '../../lib/validate/files.ts'

/** A workspace without mistakes, as texts: PostgreSQL, Redis, an API and a worker; `dev` on this machine, `production` on Kubernetes. */
export const baseWorkspace: WorkspaceTexts = new Map([
  [
    'config/workspace.yaml',
    `name: statistics
id: k3v9x2m7q1
`,
  ],
  [
    'config/services/api.yaml',
    `name: api
category: applications
dependencies:
  - postgres
  - { service: redis, optional: true }
local:
  command: [node, services/api/main.js]
  directory: services/api
  ports:
    http: 8080
kubernetes:
  namespace: statistics
  manifests: [infrastructure/api.yaml]
docker:
  path: infrastructure/compose/api
  ports:
    - { name: http, container: 8080, host: 8080 }
configuration:
  environment_variables:
    PORT: \${ports.http}
    DATABASE_URL: postgres://stats:\${POSTGRES_PASSWORD}@\${services.postgres.host}:\${services.postgres.port}/stats
    REDIS_URL: redis://\${services.redis.host}:\${services.redis.port}
    LOG_LEVEL: \${LOG_LEVEL:-info}
    PUBLIC_URL: \${PUBLIC_URL}
  secrets: [SESSION_KEY]
health:
  probes:
    - { type: http, path: /readyz }
  deadline: 30s
`,
  ],
  [
    'config/services/postgres.yaml',
    `name: postgres
category: databases
local:
  engine: postgres
  ports:
    sql: 5433
database:
  name: stats
  user: stats
  password: POSTGRES_PASSWORD
health:
  probes:
    - type: postgres
`,
  ],
  [
    'config/services/redis.yaml',
    `name: redis
category: databases
local:
  command: [redis-server, --port, "\${ports.redis}"]
  requires: [redis-server]
  ports:
    redis: 6379
`,
  ],
  [
    'config/services/worker.yaml',
    `name: worker
category: applications
dependencies: [postgres, api]
local:
  command: [node, services/worker/main.js]
  directory: services/worker
kubernetes:
  namespace: statistics
  manifests: [infrastructure/worker.yaml]
configuration:
  environment_variables:
    API_URL: http://\${services.api.host}:\${services.api.ports.http}
`,
  ],
  [
    'config/environments/dev.yaml',
    `name: dev
platform: local
values:
  PUBLIC_URL: http://localhost:8080
database:
  service: postgres
`,
  ],
  [
    'config/environments/production.yaml',
    `name: production
platform: kubernetes
kubernetes:
  context: cluster
protected: true
services:
  api:
    environment_variables:
      LOG_LEVEL: warn
  worker: {}
values:
  PUBLIC_URL: https://statistics.example.com
rehearsal:
  values:
    PUBLIC_URL: http://localhost:18080
database:
  service: postgres
  url: postgres://stats:\${POSTGRES_PASSWORD}@db.example.com:6432/stats
deploy:
  hooks:
    afterHealthy:
      - task: warm-cache
`,
  ],
  [
    'config/environments/.env.dev.example',
    `# The password of the database's owner.
POSTGRES_PASSWORD= # generate: 24
# generate: 64 hex
SESSION_KEY=
`,
  ],
  [
    'config/environments/.env.production.example',
    `POSTGRES_PASSWORD= # generate: 24
SESSION_KEY= # generate: 64 hex
`,
  ],
])

/** Paths that the base workspace refers to. */
export const basePaths: ReadonlySet<string> = new Set([
  '.',
  'services/api',
  'services/worker',
  'infrastructure/api.yaml',
  'infrastructure/worker.yaml',
  'infrastructure/compose/api',
])
