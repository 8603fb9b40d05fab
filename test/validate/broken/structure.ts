import type { BrokenWorkspace } from './edits.ts'

/** Keys and values that do not fit the schemas. */
export const structure: readonly BrokenWorkspace[] = [
  {
    name: 'an unknown key',
    edits: [{ file: 'config/services/api.yaml', from: 'local:\n  command', to: 'local:\n  comand' }],
    expected: [
      ['config/services/api.yaml:7:3 unknown-key, nearest command', '  comand: [node, services/api/main.js]', '  ^'],
    ],
  },
  {
    name: 'an unknown key of the first level',
    edits: [{ file: 'config/services/api.yaml', from: 'health:', to: 'healt:' }],
    expected: [['config/services/api.yaml:26:1 unknown-key, nearest health', 'healt:', '^']],
  },
  {
    name: 'an unknown key in a list',
    edits: [
      {
        file: 'config/services/api.yaml',
        from: '- { type: http, path: /readyz }',
        to: '- { type: http, pth: /readyz }',
      },
    ],
    expected: [
      [
        'config/services/api.yaml:28:21 unknown-key, nearest path',
        '    - { type: http, pth: /readyz }',
        '                    ^',
      ],
    ],
  },
  {
    name: 'an unknown key of the environment',
    edits: [{ file: 'config/environments/production.yaml', from: 'protected: true', to: 'protcted: true' }],
    expected: [['config/environments/production.yaml:5:1 unknown-key, nearest protected', 'protcted: true', '^']],
  },
  {
    name: 'an unknown key of the workspace',
    edits: [{ file: 'config/workspace.yaml', from: 'name: statistics', to: 'name: statistics\nversion: 2' }],
    expected: [['config/workspace.yaml:2:1 unknown-key', 'version: 2', '^']],
  },
  {
    name: 'an unknown moment of a hook',
    edits: [{ file: 'config/environments/production.yaml', from: 'afterHealthy:', to: 'afterHealty:' }],
    expected: [
      ['config/environments/production.yaml:21:5 unknown-key, nearest afterHealthy', '    afterHealty:', '    ^'],
    ],
  },
  {
    name: 'a missing key',
    edits: [{ file: 'config/services/api.yaml', from: 'category: applications\n', to: '' }],
    expected: [['config/services/api.yaml:1:1 missing-key', 'name: api', '^']],
  },
  {
    name: 'a missing key of a mapping',
    edits: [{ file: 'config/services/api.yaml', from: '  namespace: statistics\n', to: '' }],
    expected: [['config/services/api.yaml:11:1 missing-key', 'kubernetes:', '^']],
  },
  {
    name: 'a missing key of an item',
    edits: [{ file: 'config/environments/production.yaml', from: '- task: warm-cache', to: '- timeout: 5m' }],
    expected: [['config/environments/production.yaml:22:9 missing-key', '      - timeout: 5m', '        ^']],
  },
  {
    name: 'a missing id',
    edits: [{ file: 'config/workspace.yaml', from: 'id: k3v9x2m7q1\n', to: '' }],
    expected: [['config/workspace.yaml:1:1 missing-key', 'name: statistics', '^']],
  },
  {
    name: 'an empty file',
    edits: [{ file: 'config/services/worker.yaml', text: '' }],
    expected: [['config/services/worker.yaml:1:1 wrong-type', '', '^']],
  },
  {
    name: 'a file that is a list',
    edits: [{ file: 'config/services/worker.yaml', text: '- name: worker\n' }],
    expected: [['config/services/worker.yaml:1:1 wrong-type', '- name: worker', '^']],
  },
  {
    name: 'a number for a list',
    edits: [{ file: 'config/services/worker.yaml', from: '[node, services/worker/main.js]', to: '5' }],
    expected: [['config/services/worker.yaml:5:12 wrong-type', '  command: 5', '           ^']],
  },
  {
    name: 'a text for a number',
    edits: [{ file: 'config/services/postgres.yaml', from: 'sql: 5433', to: 'sql: "5433"' }],
    expected: [['config/services/postgres.yaml:6:10 wrong-type', '    sql: "5433"', '         ^']],
  },
  {
    name: 'a text for a truth value',
    edits: [{ file: 'config/environments/production.yaml', from: 'protected: true', to: 'protected: yes' }],
    expected: [['config/environments/production.yaml:5:12 wrong-type', 'protected: yes', '           ^']],
  },
  {
    name: 'an empty value',
    edits: [{ file: 'config/services/worker.yaml', from: 'directory: services/worker', to: 'directory:' }],
    expected: [['config/services/worker.yaml:6:3 wrong-type', '  directory:', '  ^']],
  },
  {
    name: 'a list for a text',
    edits: [{ file: 'config/services/api.yaml', from: 'LOG_LEVEL: ${LOG_LEVEL:-info}', to: 'LOG_LEVEL: [info]' }],
    expected: [['config/services/api.yaml:23:16 wrong-type', '    LOG_LEVEL: [info]', '               ^']],
  },
  {
    name: 'a fraction for a port',
    edits: [{ file: 'config/services/postgres.yaml', from: '5433', to: '5433.5' }],
    expected: [['config/services/postgres.yaml:6:10 wrong-type', '    sql: 5433.5', '         ^']],
  },
  {
    name: 'a port out of range',
    edits: [{ file: 'config/services/redis.yaml', from: 'redis: 6379', to: 'redis: 66379' }],
    expected: [['config/services/redis.yaml:7:12 out-of-range', '    redis: 66379', '           ^']],
  },
  {
    name: 'an empty command',
    edits: [{ file: 'config/services/worker.yaml', from: '[node, services/worker/main.js]', to: '[]' }],
    expected: [['config/services/worker.yaml:5:12 empty-list', '  command: []', '           ^']],
  },
  {
    name: 'an unknown category',
    edits: [{ file: 'config/services/postgres.yaml', from: 'databases', to: 'database' }],
    expected: [
      ['config/services/postgres.yaml:2:11 invalid-value, nearest databases', 'category: database', '          ^'],
    ],
  },
  {
    name: 'an unknown platform',
    edits: [{ file: 'config/environments/dev.yaml', from: 'platform: local', to: 'platform: lokal' }],
    expected: [
      ['config/environments/dev.yaml:2:11 unsupported-platform, nearest local', 'platform: lokal', '          ^'],
    ],
  },
  {
    name: 'an unknown kind of probe',
    edits: [{ file: 'config/services/postgres.yaml', from: '- type: postgres', to: '- type: postgresql' }],
    expected: [
      [
        'config/services/postgres.yaml:13:13 invalid-value, nearest postgres',
        '    - type: postgresql',
        '            ^',
      ],
    ],
  },
  {
    name: 'an invalid duration',
    edits: [{ file: 'config/services/api.yaml', from: 'deadline: 30s', to: 'deadline: 30 seconds' }],
    expected: [['config/services/api.yaml:29:13 invalid-duration', '  deadline: 30 seconds', '            ^']],
  },
  {
    name: 'an invalid name',
    edits: [{ file: 'config/services/api.yaml', from: '- postgres\n', to: '- Postgres_1\n' }],
    expected: [['config/services/api.yaml:4:5 invalid-name', '  - Postgres_1', '    ^']],
  },
  {
    name: 'an invalid name of a variable',
    edits: [{ file: 'config/services/api.yaml', from: 'PORT: ', to: 'HTTP-PORT: ' }],
    expected: [['config/services/api.yaml:20:5 invalid-name', '    HTTP-PORT: ${ports.http}', '    ^']],
  },
  {
    name: 'an invalid name of a port',
    edits: [{ file: 'config/services/redis.yaml', from: 'redis: 6379', to: 'Redis: 6379' }],
    expected: [['config/services/redis.yaml:7:5 invalid-name', '    Redis: 6379', '    ^']],
  },
  {
    name: 'an invalid id',
    edits: [{ file: 'config/workspace.yaml', from: 'k3v9x2m7q1', to: 'K3V' }],
    expected: [['config/workspace.yaml:2:5 invalid-value', 'id: K3V', '    ^']],
  },
  {
    name: 'a path of a probe without a slash',
    edits: [{ file: 'config/services/api.yaml', from: 'path: /readyz', to: 'path: readyz' }],
    expected: [
      [
        'config/services/api.yaml:28:27 invalid-value',
        '    - { type: http, path: readyz }',
        '                          ^',
      ],
    ],
  },
]
