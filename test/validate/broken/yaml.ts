import type { BrokenWorkspace } from './edits.ts'

/** Texts that are no YAML that can be used. */
export const yaml: readonly BrokenWorkspace[] = [
  {
    name: 'a duplicate key',
    edits: [{ file: 'config/services/postgres.yaml', from: '  user: stats\n', to: '  user: stats\n  name: other\n' }],
    expected: [['config/services/postgres.yaml:10:3 duplicate-key', '  name: other', '  ^']],
  },
  {
    name: 'tabs',
    edits: [
      { file: 'config/services/worker.yaml', from: '  directory: services/worker', to: '\tdirectory: services/worker' },
    ],
    expected: [['config/services/worker.yaml:6:1 yaml-tabs', '\tdirectory: services/worker', '^']],
  },
  {
    name: 'tabs after spaces',
    edits: [
      {
        file: 'config/services/worker.yaml',
        from: '  directory: services/worker',
        to: ' \tdirectory: services/worker',
      },
    ],
    expected: [['config/services/worker.yaml:6:2 yaml-tabs', ' \tdirectory: services/worker', ' ^']],
  },
  {
    name: 'an open quote',
    edits: [{ file: 'config/services/postgres.yaml', from: 'category: databases', to: 'category: "databases' }],
    expected: [['config/services/postgres.yaml:2:11 invalid-yaml', 'category: "databases', '          ^']],
  },
  {
    name: 'an open bracket',
    edits: [
      { file: 'config/services/redis.yaml', from: '  requires: [redis-server]', to: '  requires: [redis-server' },
    ],
    expected: [['config/services/redis.yaml:5:13 invalid-yaml', '  requires: [redis-server', '            ^']],
  },
  {
    name: 'wrong indentation',
    edits: [{ file: 'config/services/postgres.yaml', from: '  user: stats', to: '   user: stats' }],
    expected: [['config/services/postgres.yaml:8:9 invalid-yaml', '  name: stats', '        ^']],
  },
  {
    name: 'a value of two colons',
    edits: [{ file: 'config/services/postgres.yaml', from: 'user: stats', to: 'user: stats: x' }],
    expected: [['config/services/postgres.yaml:9:9 invalid-yaml', '  user: stats: x', '        ^']],
  },
  {
    name: 'a reserved character',
    edits: [{ file: 'config/services/worker.yaml', from: 'directory: services/worker', to: 'directory: @services' }],
    expected: [['config/services/worker.yaml:6:14 invalid-yaml', '  directory: @services', '             ^']],
  },
  {
    name: 'a control character',
    edits: [{ file: 'config/services/postgres.yaml', from: 'user: stats', to: 'user: st\u0007ats' }],
    expected: [['config/services/postgres.yaml:9:11 invalid-yaml', '  user: st�ats', '          ^']],
  },
  {
    name: 'two documents',
    edits: [{ file: 'config/services/postgres.yaml', from: 'category: databases', to: '---\ncategory: databases' }],
    expected: [['config/services/postgres.yaml:2:1 invalid-yaml', '---', '^']],
  },
  {
    name: 'an unknown tag',
    edits: [{ file: 'config/services/postgres.yaml', from: 'user: stats', to: 'user: !secret stats' }],
    expected: [['config/services/postgres.yaml:9:9 invalid-yaml', '  user: !secret stats', '        ^']],
  },
  {
    name: 'an unknown alias',
    edits: [{ file: 'config/services/worker.yaml', from: 'directory: services/worker', to: 'directory: *folder' }],
    expected: [['config/services/worker.yaml:6:14 invalid-yaml', '  directory: *folder', '             ^']],
  },
  {
    name: 'anchors that explode',
    edits: [
      {
        file: 'config/services/worker.yaml',
        text: 'a: &a [x, x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\ne: [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]\n',
      },
    ],
    expected: [['config/services/worker.yaml:5:5 alias-bomb', 'e: [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]', '    ^']],
  },
  {
    name: 'an anchor in itself',
    edits: [{ file: 'config/services/worker.yaml', from: '[postgres, api]', to: '&loop [postgres, *loop]' }],
    expected: [
      [
        'config/services/worker.yaml:3:32 alias-bomb',
        'dependencies: &loop [postgres, *loop]',
        '                               ^',
      ],
    ],
  },
  {
    name: 'a merge key',
    edits: [{ file: 'config/services/worker.yaml', from: 'local:\n', to: 'local:\n  <<: { grace: 5s }\n' }],
    expected: [['config/services/worker.yaml:5:3 unknown-key', '  <<: { grace: 5s }', '  ^']],
  },
  {
    name: 'the key __proto__',
    edits: [{ file: 'config/services/worker.yaml', from: 'local:\n', to: 'local:\n  __proto__: { grace: 5s }\n' }],
    expected: [['config/services/worker.yaml:5:3 unknown-key', '  __proto__: { grace: 5s }', '  ^']],
  },
  {
    name: 'too many brackets',
    edits: [{ file: 'config/services/worker.yaml', from: '[postgres, api]', to: '['.repeat(101) }],
    expected: [
      [
        'config/services/worker.yaml:3:115 invalid-yaml',
        'dependencies: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[',
        '                                                                                                                  ^',
      ],
    ],
  },
  {
    name: 'a file that is too large',
    edits: [
      {
        file: 'config/services/worker.yaml',
        from: 'name: worker\n',
        to: `name: worker\n# ${'x'.repeat(256 * 1024)}\n`,
      },
    ],
    expected: [['config/services/worker.yaml:1:1 file-too-large', 'name: worker', '^']],
  },
]
