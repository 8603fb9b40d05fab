import type { BrokenWorkspace } from './edits.ts'

/** References, values and secrets. */
export const references: readonly BrokenWorkspace[] = [
  {
    name: 'a secret among the variables',
    edits: [{ file: 'config/services/api.yaml', from: 'secrets: [SESSION_KEY]', to: 'secrets: [SESSION_KEY, PORT]' }],
    expected: [
      [
        'config/services/api.yaml:25:26 duplicate-variable',
        '  secrets: [SESSION_KEY, PORT]',
        '                         ^',
      ],
    ],
  },
  {
    name: 'a secret twice',
    edits: [
      { file: 'config/services/api.yaml', from: 'secrets: [SESSION_KEY]', to: 'secrets: [SESSION_KEY, SESSION_KEY]' },
    ],
    expected: [
      [
        'config/services/api.yaml:25:26 duplicate-variable',
        '  secrets: [SESSION_KEY, SESSION_KEY]',
        '                         ^',
      ],
    ],
  },
  {
    name: 'a volume of nothing',
    edits: [
      {
        file: 'config/services/worker.yaml',
        from: 'configuration:\n',
        to: 'configuration:\n  volumes:\n    - target: /data\n',
      },
    ],
    expected: [['config/services/worker.yaml:12:7 missing-key', '    - target: /data', '      ^']],
  },
  {
    name: 'a secret without a value',
    edits: [
      { file: 'config/services/api.yaml', from: 'secrets: [SESSION_KEY]', to: 'secrets: [SESSION_KEY, API_TOKEN]' },
    ],
    expected: [
      [
        'config/services/api.yaml:25:26 missing-secret',
        '  secrets: [SESSION_KEY, API_TOKEN]',
        '                         ^',
      ],
    ],
  },
  {
    name: 'a password without a value',
    edits: [
      { file: 'config/services/postgres.yaml', from: 'password: POSTGRES_PASSWORD', to: 'password: POSTGRES_PASWORD' },
    ],
    expected: [
      [
        'config/services/postgres.yaml:10:13 missing-secret, nearest POSTGRES_PASSWORD',
        '  password: POSTGRES_PASWORD',
        '            ^',
      ],
    ],
  },
  {
    name: 'a variable without a value',
    edits: [{ file: 'config/services/api.yaml', from: 'PUBLIC_URL: ${PUBLIC_URL}', to: 'PUBLIC_URL: ${PUBLIC_URI}' }],
    expected: [
      [
        'config/services/api.yaml:24:17 unset-variable, nearest PUBLIC_URL',
        '    PUBLIC_URL: ${PUBLIC_URI}',
        '                ^',
      ],
    ],
  },
  {
    name: 'a variable without a value in double quotes',
    edits: [
      {
        file: 'config/services/api.yaml',
        from: 'PUBLIC_URL: ${PUBLIC_URL}',
        to: 'PUBLIC_URL: "a\\tb ${PUBLIC_URL} ${PUBLIC_HOST}"',
      },
    ],
    expected: [
      [
        'config/services/api.yaml:24:37 unset-variable',
        '    PUBLIC_URL: "a\\tb ${PUBLIC_URL} ${PUBLIC_HOST}"',
        '                                    ^',
      ],
    ],
  },
  {
    name: 'a variable without a value in a block',
    edits: [
      {
        file: 'config/services/api.yaml',
        from: '    PUBLIC_URL: ${PUBLIC_URL}',
        to: '    PUBLIC_URL: |\n      one ${PUBLIC_URL}\n      two ${TWO}',
      },
    ],
    expected: [['config/services/api.yaml:26:11 unset-variable', '      two ${TWO}', '          ^']],
  },
  {
    name: 'a variable without a value in one environment',
    edits: [
      {
        file: 'config/environments/production.yaml',
        from: '  PUBLIC_URL: https://statistics.example.com\n',
        to: '  OTHER: x\n',
      },
    ],
    expected: [['config/services/api.yaml:24:17 unset-variable', '    PUBLIC_URL: ${PUBLIC_URL}', '                ^']],
  },
  {
    name: 'a variable without a value in a command',
    edits: [{ file: 'config/services/worker.yaml', from: '[node, services/worker/main.js]', to: '[node, "${MAIN}"]' }],
    expected: [
      ['config/services/worker.yaml:5:20 unset-variable', '  command: [node, "${MAIN}"]', '                   ^'],
    ],
  },
  {
    name: 'a secret in a command',
    edits: [
      {
        file: 'config/services/worker.yaml',
        from: '[node, services/worker/main.js]',
        to: '[node, "--password=${POSTGRES_PASSWORD}"]',
      },
    ],
    expected: [
      [
        'config/services/worker.yaml:5:31 reference-not-allowed',
        '  command: [node, "--password=${POSTGRES_PASSWORD}"]',
        '                              ^',
      ],
    ],
  },
  {
    name: 'a secret in a probe',
    edits: [
      {
        file: 'config/services/postgres.yaml',
        from: '- type: postgres',
        to: '- { type: postgres, url: "postgres://x:${POSTGRES_PASSWORD}@localhost" }',
      },
    ],
    expected: [
      [
        'config/services/postgres.yaml:13:44 reference-not-allowed',
        '    - { type: postgres, url: "postgres://x:${POSTGRES_PASSWORD}@localhost" }',
        '                                           ^',
      ],
    ],
  },
  {
    name: 'an open reference',
    edits: [{ file: 'config/services/api.yaml', from: '${PUBLIC_URL}', to: '${PUBLIC_URL' }],
    expected: [
      ['config/services/api.yaml:24:17 invalid-interpolation', '    PUBLIC_URL: ${PUBLIC_URL', '                ^'],
    ],
  },
  {
    name: 'an empty reference',
    edits: [{ file: 'config/services/api.yaml', from: '${PUBLIC_URL}', to: 'http://${}' }],
    expected: [
      [
        'config/services/api.yaml:24:24 invalid-interpolation',
        '    PUBLIC_URL: http://${}',
        '                       ^',
      ],
    ],
  },
  {
    name: 'a reference to nothing',
    edits: [{ file: 'config/services/api.yaml', from: '${services.redis.port}', to: '${services.redis.prot}' }],
    expected: [
      [
        'config/services/api.yaml:22:47 unknown-reference, nearest port',
        '    REDIS_URL: redis://${services.redis.host}:${services.redis.prot}',
        '                                              ^',
      ],
    ],
  },
  {
    name: 'a reference to an unknown service',
    edits: [{ file: 'config/services/worker.yaml', from: '${services.api.host}', to: '${services.apl.host}' }],
    expected: [
      [
        'config/services/worker.yaml:12:21 unknown-reference, nearest api',
        '    API_URL: http://${services.apl.host}:${services.api.ports.http}',
        '                    ^',
      ],
    ],
  },
  {
    name: 'a reference to an unknown port',
    edits: [
      { file: 'config/services/worker.yaml', from: '${services.api.ports.http}', to: '${services.api.ports.htp}' },
    ],
    expected: [
      [
        'config/services/worker.yaml:12:42 unknown-port, nearest http',
        '    API_URL: http://${services.api.host}:${services.api.ports.htp}',
        '                                         ^',
      ],
    ],
  },
  {
    name: 'a reference to an unknown port of its own',
    edits: [{ file: 'config/services/api.yaml', from: '${ports.http}', to: '${ports.https}' }],
    expected: [
      ['config/services/api.yaml:20:11 unknown-port, nearest http', '    PORT: ${ports.https}', '          ^'],
    ],
  },
  {
    name: 'a reference to the port of a service without one',
    edits: [
      {
        file: 'config/services/api.yaml',
        from: 'REDIS_URL: redis://${services.redis.host}:${services.redis.port}',
        to: 'REDIS_URL: redis://${services.worker.host}:${services.worker.port}',
      },
    ],
    expected: [
      [
        'config/services/api.yaml:22:48 unknown-port',
        '    REDIS_URL: redis://${services.worker.host}:${services.worker.port}',
        '                                               ^',
      ],
    ],
  },
  {
    name: 'a probe of an unknown port',
    edits: [{ file: 'config/services/api.yaml', from: 'type: http, path', to: 'type: http, port: htpp, path' }],
    expected: [
      [
        'config/services/api.yaml:28:27 unknown-port, nearest http',
        '    - { type: http, port: htpp, path: /readyz }',
        '                          ^',
      ],
    ],
  },
  {
    name: 'a probe without a port',
    edits: [
      {
        file: 'config/services/worker.yaml',
        from: 'configuration:\n',
        to: 'health:\n  probes:\n    - type: tcp\nconfiguration:\n',
      },
    ],
    expected: [['config/services/worker.yaml:12:7 missing-key', '    - type: tcp', '      ^']],
  },
  {
    name: 'a reference in a value',
    edits: [{ file: 'config/environments/dev.yaml', from: 'http://localhost:8080', to: 'http://${HOST}:8080' }],
    expected: [
      [
        'config/environments/dev.yaml:4:22 literal-value',
        '  PUBLIC_URL: http://${HOST}:8080',
        '                     ^',
      ],
    ],
  },
]
