import type { BrokenWorkspace } from './edits.ts'

/** Environments, paths, examples; several mistakes at once. */
export const environments: readonly BrokenWorkspace[] = [
  {
    name: 'an unknown service in a mapping',
    edits: [{ file: 'config/environments/production.yaml', from: '  worker: {}', to: '  workr: {}\n  worker: {}' }],
    expected: [['config/environments/production.yaml:10:3 unknown-service, nearest worker', '  workr: {}', '  ^']],
  },
  {
    name: 'an unknown service in a list',
    edits: [
      {
        file: 'config/environments/dev.yaml',
        from: 'platform: local\n',
        to: 'platform: local\nservices: [api, postgers, redis, worker, postgres]\n',
      },
    ],
    expected: [
      [
        'config/environments/dev.yaml:3:17 unknown-service, nearest postgres',
        'services: [api, postgers, redis, worker, postgres]',
        '                ^',
      ],
    ],
  },
  {
    name: 'a service twice in a list',
    edits: [
      {
        file: 'config/environments/dev.yaml',
        from: 'platform: local\n',
        to: 'platform: local\nservices: [api, redis, worker, postgres, api]\n',
      },
    ],
    expected: [
      [
        'config/environments/dev.yaml:3:42 duplicate-service',
        'services: [api, redis, worker, postgres, api]',
        '                                         ^',
      ],
    ],
  },
  {
    name: 'an override of an unknown port',
    edits: [
      { file: 'config/environments/production.yaml', from: '  worker: {}', to: '  worker: { ports: { web: 80 } }' },
    ],
    expected: [
      [
        'config/environments/production.yaml:10:22 unknown-port',
        '  worker: { ports: { web: 80 } }',
        '                     ^',
      ],
    ],
  },
  {
    name: 'an override of a secret',
    edits: [{ file: 'config/environments/production.yaml', from: 'LOG_LEVEL: warn', to: 'SESSION_KEY: x' }],
    expected: [['config/environments/production.yaml:9:7 duplicate-variable', '      SESSION_KEY: x', '      ^']],
  },
  {
    name: 'an unknown database service',
    edits: [{ file: 'config/environments/dev.yaml', from: 'service: postgres', to: 'service: postgress' }],
    expected: [
      [
        'config/environments/dev.yaml:6:12 unknown-database-service, nearest postgres',
        '  service: postgress',
        '           ^',
      ],
    ],
  },
  {
    name: 'a database that is none',
    edits: [{ file: 'config/environments/dev.yaml', from: 'service: postgres', to: 'service: redis' }],
    expected: [['config/environments/dev.yaml:6:12 missing-database', '  service: redis', '           ^']],
  },
  {
    name: 'a database that runs nowhere',
    edits: [
      {
        file: 'config/environments/production.yaml',
        from: '  url: postgres://stats:${POSTGRES_PASSWORD}@db.example.com:6432/stats\n',
        to: '',
      },
    ],
    expected: [
      ['config/environments/production.yaml:17:12 unknown-database-service', '  service: postgres', '           ^'],
      ['config/services/api.yaml:4:5 required-unavailable', '  - postgres', '    ^'],
      ['config/services/worker.yaml:3:16 required-unavailable', 'dependencies: [postgres, api]', '               ^'],
    ],
  },
  {
    name: 'a database here and elsewhere',
    edits: [{ file: 'config/environments/production.yaml', from: '  worker: {}', to: '  worker: {}\n  postgres: {}' }],
    expected: [
      [
        'config/environments/production.yaml:19:3 conflicting-keys',
        '  url: postgres://stats:${POSTGRES_PASSWORD}@db.example.com:6432/stats',
        '  ^',
      ],
    ],
  },
  {
    name: 'a cluster without a context',
    edits: [{ file: 'config/environments/production.yaml', from: 'kubernetes:\n  context: cluster\n', to: '' }],
    expected: [['config/environments/production.yaml:2:11 missing-key', 'platform: kubernetes', '          ^']],
  },
  {
    name: 'a required service that cannot run',
    edits: [
      { file: 'config/services/postgres.yaml', from: 'local:\n  engine: postgres\n  ports:\n    sql: 5433\n', to: '' },
    ],
    expected: [
      ['config/environments/dev.yaml:6:12 required-unavailable', '  service: postgres', '           ^'],
      ['config/services/api.yaml:4:5 required-unavailable', '  - postgres', '    ^'],
      ['config/services/worker.yaml:3:16 required-unavailable', 'dependencies: [postgres, api]', '               ^'],
    ],
  },
  {
    name: 'a required service that is left out',
    edits: [
      {
        file: 'config/environments/dev.yaml',
        from: 'platform: local\n',
        to: 'platform: local\nservices: [postgres, worker]\n',
      },
    ],
    expected: [
      [
        'config/services/worker.yaml:3:26 required-unavailable',
        'dependencies: [postgres, api]',
        '                         ^',
      ],
    ],
  },
  {
    name: 'a path that is not there',
    edits: [{ file: 'config/services/api.yaml', from: 'infrastructure/api.yaml', to: 'infrastructure/apis.yaml' }],
    expected: [
      ['config/services/api.yaml:13:15 path-missing', '  manifests: [infrastructure/apis.yaml]', '              ^'],
    ],
  },
  {
    name: 'a path outside of the workspace',
    edits: [{ file: 'config/services/worker.yaml', from: 'directory: services/worker', to: 'directory: ../worker' }],
    expected: [['config/services/worker.yaml:6:14 path-outside', '  directory: ../worker', '             ^']],
  },
  {
    name: 'an absolute path',
    edits: [
      { file: 'config/services/api.yaml', from: 'path: infrastructure/compose/api', to: 'path: /srv/compose/api' },
    ],
    expected: [['config/services/api.yaml:15:9 path-outside', '  path: /srv/compose/api', '        ^']],
  },
  {
    name: 'a line of the example that is none',
    edits: [{ file: 'config/environments/.env.dev.example', from: 'SESSION_KEY=', to: 'SESSION_KEY' }],
    expected: [['config/environments/.env.dev.example:4:1 invalid-env-line', 'SESSION_KEY', '^']],
  },
  {
    name: 'a quote of the example that is open',
    edits: [{ file: 'config/environments/.env.dev.example', from: 'SESSION_KEY=', to: 'SESSION_KEY="abc' }],
    expected: [['config/environments/.env.dev.example:4:13 invalid-env-line', 'SESSION_KEY="abc', '            ^']],
  },
  {
    name: 'a name of the example twice',
    edits: [
      {
        file: 'config/environments/.env.dev.example',
        from: 'SESSION_KEY=\n',
        to: 'SESSION_KEY=\nPOSTGRES_PASSWORD=x\n',
      },
    ],
    expected: [['config/environments/.env.dev.example:5:1 duplicate-env-key', 'POSTGRES_PASSWORD=x', '^']],
  },
  {
    name: 'a misspelt directive',
    edits: [{ file: 'config/environments/.env.dev.example', from: '# generate: 24', to: '# genrate: 24' }],
    expected: [
      [
        'config/environments/.env.dev.example:2:20 invalid-directive, nearest generate',
        'POSTGRES_PASSWORD= # genrate: 24',
        '                   ^',
      ],
    ],
  },
  {
    name: 'a directive of too few characters',
    edits: [{ file: 'config/environments/.env.dev.example', from: '# generate: 24', to: '# generate: 4' }],
    expected: [
      [
        'config/environments/.env.dev.example:2:20 invalid-directive',
        'POSTGRES_PASSWORD= # generate: 4',
        '                   ^',
      ],
    ],
  },
  {
    name: 'a directive of an unknown alphabet',
    edits: [{ file: 'config/environments/.env.dev.example', from: '# generate: 64 hex', to: '# generate: 64 hexa' }],
    expected: [['config/environments/.env.dev.example:3:1 invalid-directive', '# generate: 64 hexa', '^']],
  },
  {
    name: 'an example of an unknown environment',
    edits: [{ file: 'config/environments/.env.prodution.example', text: 'A=1\n' }],
    expected: [['config/environments/.env.prodution.example unknown-environment, nearest production']],
  },
  {
    name: 'Windows line ends',
    edits: [{ file: 'config/services/worker.yaml', text: 'name: worker\r\ncategory: applications\r\nlocl: {}\r\n' }],
    expected: [['config/services/worker.yaml:3:1 unknown-key, nearest local', 'locl: {}', '^']],
  },
  {
    name: 'a byte order mark',
    edits: [{ file: 'config/workspace.yaml', from: 'name: statistics', to: '﻿name: Statistics' }],
    expected: [['config/workspace.yaml:1:7 invalid-name', 'name: Statistics', '      ^']],
  },
  {
    name: 'mistakes in four files',
    edits: [
      { file: 'config/workspace.yaml', from: 'k3v9x2m7q1', to: 'x' },
      { file: 'config/services/api.yaml', from: 'deadline: 30s', to: 'deadline: soon' },
      { file: 'config/services/worker.yaml', from: '[postgres, api]', to: '[postgres, redsi]' },
      { file: 'config/environments/dev.yaml', from: 'service: postgres', to: 'servce: postgres' },
    ],
    expected: [
      ['config/environments/dev.yaml:5:1 missing-key', 'database:', '^'],
      ['config/environments/dev.yaml:6:3 unknown-key, nearest service', '  servce: postgres', '  ^'],
      ['config/services/api.yaml:29:13 invalid-duration', '  deadline: soon', '            ^'],
      [
        'config/services/worker.yaml:3:26 unknown-dependency, nearest redis',
        'dependencies: [postgres, redsi]',
        '                         ^',
      ],
      ['config/workspace.yaml:2:5 invalid-value', 'id: x', '    ^'],
    ],
  },
  {
    name: 'five mistakes in one file',
    edits: [
      { file: 'config/services/api.yaml', from: 'category: applications', to: 'category: application' },
      { file: 'config/services/api.yaml', from: 'http: 8080', to: 'http: 0' },
      { file: 'config/services/api.yaml', from: '- postgres\n', to: '- 5\n' },
      { file: 'config/services/api.yaml', from: 'secrets: [SESSION_KEY]', to: 'secret: [SESSION_KEY]' },
      { file: 'config/services/api.yaml', from: 'deadline: 30s', to: 'passes: many' },
    ],
    expected: [
      ['config/services/api.yaml:2:11 invalid-value, nearest applications', 'category: application', '          ^'],
      ['config/services/api.yaml:4:5 wrong-type', '  - 5', '    ^'],
      ['config/services/api.yaml:10:11 out-of-range', '    http: 0', '          ^'],
      ['config/services/api.yaml:25:3 unknown-key, nearest secrets', '  secret: [SESSION_KEY]', '  ^'],
      ['config/services/api.yaml:29:11 wrong-type', '  passes: many', '          ^'],
    ],
  },
]
