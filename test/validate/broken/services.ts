import type { BrokenWorkspace } from './edits.ts'

/** Services that do not fit each other. */
export const services: readonly BrokenWorkspace[] = [
  {
    name: 'a workspace without its file',
    edits: [{ file: 'config/workspace.yaml', text: undefined }],
    expected: [['config/workspace.yaml workspace-missing']],
  },
  {
    name: 'a file with the wrong extension',
    edits: [{ file: 'config/services/mail.yml', text: 'name: mail\ncategory: utilities\n' }],
    expected: [['config/services/mail.yml misplaced-file']],
  },
  {
    name: 'a file in a folder of its own',
    edits: [{ file: 'config/services/utilities/mail.yaml', text: 'name: mail\ncategory: utilities\n' }],
    expected: [['config/services/utilities/mail.yaml misplaced-file']],
  },
  {
    name: 'a service with another name than its file',
    edits: [{ file: 'config/services/worker.yaml', from: 'name: worker', to: 'name: wroker' }],
    expected: [['config/services/worker.yaml:1:7 name-mismatch, nearest worker', 'name: wroker', '      ^']],
  },
  {
    name: 'two services of one name',
    edits: [{ file: 'config/services/worker.yaml', from: 'name: worker', to: 'name: api' }],
    expected: [['config/services/worker.yaml:1:7 duplicate-service, nearest worker', 'name: api', '      ^']],
  },
  {
    name: 'an environment with another name than its file',
    edits: [{ file: 'config/environments/production.yaml', from: 'name: production', to: 'name: prod' }],
    expected: [['config/environments/production.yaml:1:7 name-mismatch, nearest production', 'name: prod', '      ^']],
  },
  {
    name: 'two environments of one name',
    edits: [{ file: 'config/environments/production.yaml', from: 'name: production', to: 'name: dev' }],
    expected: [
      ['config/environments/production.yaml:1:7 duplicate-environment, nearest production', 'name: dev', '      ^'],
    ],
  },
  {
    name: 'an unknown dependency',
    edits: [{ file: 'config/services/worker.yaml', from: '[postgres, api]', to: '[postgres, apl]' }],
    expected: [
      [
        'config/services/worker.yaml:3:26 unknown-dependency, nearest api',
        'dependencies: [postgres, apl]',
        '                         ^',
      ],
    ],
  },
  {
    name: 'an unknown optional dependency',
    edits: [{ file: 'config/services/api.yaml', from: 'service: redis', to: 'service: reddis' }],
    expected: [
      [
        'config/services/api.yaml:5:16 unknown-dependency, nearest redis',
        '  - { service: reddis, optional: true }',
        '               ^',
      ],
    ],
  },
  {
    name: 'an unknown dependency on one platform',
    edits: [
      {
        file: 'config/services/api.yaml',
        from: 'path: infrastructure/compose/api\n',
        to: 'path: infrastructure/compose/api\n  dependencies: [proxy]\n',
      },
    ],
    expected: [['config/services/api.yaml:16:18 unknown-dependency', '  dependencies: [proxy]', '                 ^']],
  },
  {
    name: 'a route of a proxy to a service that does not exist',
    edits: [
      {
        file: 'config/services/api.yaml',
        from: 'path: infrastructure/compose/api\n',
        to: 'path: infrastructure/compose/api\n  proxy: { adapter: nginx, routes: [{ service: wroker }] }\n',
      },
    ],
    expected: [
      [
        'config/services/api.yaml:16:48 unknown-service, nearest worker',
        '  proxy: { adapter: nginx, routes: [{ service: wroker }] }',
        '                                               ^',
      ],
    ],
  },
  {
    name: 'a dependency twice',
    edits: [{ file: 'config/services/worker.yaml', from: '[postgres, api]', to: '[postgres, api, postgres]' }],
    expected: [
      [
        'config/services/worker.yaml:3:31 duplicate-dependency',
        'dependencies: [postgres, api, postgres]',
        '                              ^',
      ],
    ],
  },
  {
    name: 'a dependency on itself',
    edits: [{ file: 'config/services/worker.yaml', from: '[postgres, api]', to: '[worker]' }],
    expected: [['config/services/worker.yaml:3:16 dependency-cycle', 'dependencies: [worker]', '               ^']],
  },
  {
    name: 'a cycle of three',
    edits: [
      {
        file: 'config/services/postgres.yaml',
        from: 'category: databases\n',
        to: 'category: databases\ndependencies: [worker]\n',
      },
    ],
    expected: [['config/services/api.yaml:4:5 dependency-cycle', '  - postgres', '    ^']],
  },
  {
    name: 'two services on one port',
    edits: [{ file: 'config/services/redis.yaml', from: 'redis: 6379', to: 'redis: 8080' }],
    expected: [['config/services/redis.yaml:7:12 port-conflict', '    redis: 8080', '           ^']],
  },
  {
    name: 'two ports of one service',
    edits: [{ file: 'config/services/api.yaml', from: 'http: 8080', to: 'http: 8080\n    admin: 8080' }],
    expected: [['config/services/api.yaml:11:12 port-conflict', '    admin: 8080', '           ^']],
  },
  {
    name: 'a port that an environment gives to two',
    edits: [
      {
        file: 'config/environments/dev.yaml',
        from: 'platform: local\n',
        to: 'platform: local\nservices:\n  postgres: {}\n  redis: {}\n  api: { ports: { http: 6379 } }\n  worker: {}\n',
      },
    ],
    expected: [['config/services/redis.yaml:7:12 port-conflict', '    redis: 6379', '           ^']],
  },
  {
    name: 'neither command nor engine',
    edits: [{ file: 'config/services/postgres.yaml', from: '  engine: postgres\n', to: '' }],
    expected: [['config/services/postgres.yaml:3:1 missing-key', 'local:', '^']],
  },
  {
    name: 'both command and engine',
    edits: [
      {
        file: 'config/services/postgres.yaml',
        from: 'engine: postgres',
        to: 'engine: postgres\n  command: [postgres]',
      },
    ],
    expected: [['config/services/postgres.yaml:5:3 conflicting-keys', '  command: [postgres]', '  ^']],
  },
  {
    name: 'an engine without a port',
    edits: [{ file: 'config/services/postgres.yaml', from: '  ports:\n    sql: 5433\n', to: '' }],
    expected: [['config/services/postgres.yaml:3:1 missing-key', 'local:', '^']],
  },
  {
    name: 'a build without a command',
    edits: [
      { file: 'config/services/worker.yaml', from: 'local:\n', to: 'build:\n  directory: services/worker\nlocal:\n' },
    ],
    expected: [['config/services/worker.yaml:4:1 missing-key', 'build:', '^']],
  },
]
