import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { flywayChecksum } from '../../../lib/database/migrations/flyway-checksum.ts'
import { compareVersions, parseMigrationName } from '../../../lib/database/migrations/names.ts'
import { formatOf, newMigration } from '../../../lib/database/migrations/template.ts'

test('the names of four tools', () => {
  const cases: [string, string | undefined][] = [
    ['20260901090000_create_hits.sql', 'up 20260901090000 create_hits'],
    ['3.sql', 'up 3 '],
    ['000012_add.up.sql', 'up 000012 add'],
    ['000012_add.down.sql', 'down 000012 add'],
    ['V1__init.sql', 'up 1 init'],
    ['V1_2__more.sql', 'up 1.2 more'],
    ['V2.10.1__dots.sql', 'up 2.10.1 dots'],
    ['U1_2__more.sql', 'down 1.2 more'],
    ['R__views.sql', 'repeatable R__views views'],
    ['V1_init.sql', undefined],
    ['R_views.sql', undefined],
    ['init.sql', undefined],
  ]
  for (const [file, expected] of cases) {
    const named = parseMigrationName(file)
    assert.is(named && `${named.kind} ${named.version} ${named.name}`, expected, file)
  }
})

test('versions are compared part for part; repeatable ones come last', () => {
  const sorted = ['R__b', '1.10', '10', '1.9', 'R__a', '2', '1.9.1', '01'].sort(compareVersions)
  assert.equal(sorted, ['01', '1.9', '1.9.1', '1.10', '2', '10', 'R__a', 'R__b'])
  assert.is(compareVersions('1', '1.0'), 0)
})

test("flyway's checksum: lines without their ends, signed", () => {
  // The check value of CRC-32 is cbf43926 for "123456789" (ITU-T V.42).
  assert.is(flywayChecksum('123\r\n456\n789'), 0xcbf43926 | 0)
  assert.is(flywayChecksum(''), 0)
})

test('a new migration comes after all others, in their format', () => {
  const now = new Date('2026-11-21T10:20:30Z')
  assert.equal(newMigration('Add label to Hits!', { format: 'dbmate', now, others: [] }), {
    version: '20261121102030',
    files: { '20261121102030_add_label_to_hits.sql': '-- migrate:up\n\n\n-- migrate:down\n\n' },
  })
  assert.equal(
    Object.keys(
      newMigration('x', { format: 'golang-migrate', now, others: ['000009_a.up.sql', '000009_a.down.sql'] }).files,
    ),
    ['000010_x.up.sql', '000010_x.down.sql'],
  )
  assert.equal(Object.keys(newMigration('x', { format: 'flyway', now, others: ['V1_9__a.sql', 'R__z.sql'] }).files), [
    'V2__x.sql',
  ])
  // A clock that is behind the newest file's.
  assert.is(newMigration('x', { format: 'plain', now, others: ['20991231235959_a.sql'] }).version, '20991231235960')
  assert.equal(
    ['V1__a.sql', '1_a.up.sql', '1_a.sql'].map((file) => formatOf(file, false)),
    ['flyway', 'golang-migrate', 'plain'],
  )
  assert.is(formatOf('1_a.sql', true), 'dbmate')
})

test.run()
