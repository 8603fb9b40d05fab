import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Contents } from '../../lib/backup/contents.ts'
import { changedSince, sinceText } from '../../lib/backup/wal/since.ts'

const contents = (tables: Record<string, string>, more: { exact?: boolean; encoding?: string } = {}): Contents => ({
  format: 1,
  database: {
    name: 'shop',
    owner: 'shop',
    encoding: more.encoding ?? 'UTF8',
    provider: 'i',
    collate: 'C',
    ctype: 'C',
    locale: 'und',
    statements: [],
  },
  tables: Object.entries(tables).map(([name, checksum]) => ({ name, rows: '2', checksum })),
  sequences: [],
  largeObjects: { count: '0', checksum: '0' },
  extensions: [],
  objects: [],
  roles: [],
  migrations: [],
  exact: more.exact ?? true,
})

test('tables that nobody wrote to are proven the same; others are counted, and named where they came or went', () => {
  const since = changedSince(contents({ a: '1', b: '2', c: '3' }), contents({ a: '1', b: '9', d: '4' }))
  assert.equal(since, { same: 1, changed: 1, gone: ['c'], added: ['d'], impossible: [] })
  assert.is(sinceText(since), 'of the 3 tables of the backup 1 have the same rows, 1 changed since, gone: c, new: d')
})

test('without exact checksums no table is called the same; another encoding cannot be', () => {
  const since = changedSince(contents({ a: '1' }, { exact: false }), contents({ a: '1' }, { encoding: 'LATIN1' }))
  assert.is(since.same, 0)
  assert.is(since.changed, 1)
  assert.equal(since.impossible, ["the database's encoding is LATIN1, and was UTF8"])
})

test.run()
