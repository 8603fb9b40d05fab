import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { bigTable, lintMigration, lintTyped, type TableSizes } from '../../lib/database/lint/lint.ts'
import { lintRules } from '../../lib/database/lint/rules.ts'
import { findingAnnotations } from '../../lib/log/finding-annotations.ts'
import { unwrap } from '../../lib/model/failure.ts'

const file = {
  ...{ version: '1', name: 'x', path: 'm/1_x.sql', sha256: '0', effect: 'expand' as const },
  down: { path: 'm/1_x.sql', sha256: '0' },
}
const lint = async (sql: string, sizes?: TableSizes) => unwrap(await lintMigration(file, sql, sizes))
const rulesOf = async (sql: string, sizes?: TableSizes) => (await lint(sql, sizes)).map(({ rule }) => rule)

const cases: [sql: string, ...rules: string[]][] = [
  ['create index i on t (a)', 'index-blocks-writes'],
  ['create index concurrently i on t (a)'],
  ['create unique index i on t (a)', 'index-blocks-writes'],
  ['drop index i', 'drop-index-blocks'],
  ['drop index concurrently i'],
  ['reindex table t', 'reindex-blocks'],
  ['reindex (concurrently) table t'],
  ['alter table t add column a int'],
  ['alter table t add column a int not null default 0'],
  ['alter table t add column a int not null', 'not-null-without-default'],
  ['alter table t add column a int primary key', 'not-null-without-default'],
  ['alter table t add column a timestamptz default now()'],
  ['alter table t add column a uuid default gen_random_uuid()', 'rewrites-table'],
  ['alter table t add column a bigserial', 'rewrites-table'],
  ['alter table t add column a int generated always as (b + 1) stored', 'rewrites-table'],
  ['alter table t add column a int generated always as identity', 'rewrites-table'],
  ['alter table t add column a int unique', 'constraint-builds-index'],
  ['alter table t alter a type bigint', 'rewrites-table'],
  ['alter table t alter a set not null', 'set-not-null-scans'],
  ['alter table t add constraint c check (a > 0)', 'constraint-scans'],
  ['alter table t add constraint c check (a > 0) not valid'],
  ['alter table t add foreign key (a) references u (b)', 'constraint-scans'],
  ['alter table t add constraint f foreign key (a) references u (b) not valid'],
  ['alter table t add unique (a)', 'constraint-builds-index'],
  ['alter table t add constraint k unique using index i'],
  ['alter table t add constraint c check (a > 0) not valid; alter table t validate constraint c', 'validates-at-once'],
  ['alter table t validate constraint c'],
  ['alter table t rename to u', 'renames'],
  ['alter table t rename column a to b', 'renames'],
  ['alter index i rename to j'],
  ['drop table t', 'drops-used'],
  ['drop view v', 'drops-used'],
  ['alter table t drop column a', 'drops-used'],
  ['truncate t', 'empties-table'],
  ['update t set a = 1', 'changes-every-row'],
  ['update t set a = 1 where b'],
  ['delete from t', 'changes-every-row'],
  ['vacuum full t', 'rewrites-table'],
  ['vacuum t'],
  ['cluster t using i', 'rewrites-table'],
  ['refresh materialized view v', 'rewrites-table'],
  ['refresh materialized view concurrently v'],
  ['alter table t add a int; alter table u add a int', 'locks-several-tables'],
  ['alter table t add a int; alter table t add b int'],
  [
    'create table t (a int); create index i on t (a); alter table t alter a set not null; update t set a = 1; drop table t',
  ],
  ["do $$ begin execute 'create index i on t (a)'; end $$"],
  ['alter tabel t', 'syntax-error'],
]

test(`${cases.length} statements: what is dangerous is found, and nothing else`, async () => {
  const found = new Set<string>()
  for (const [sql, ...expected] of cases) {
    assert.equal(await rulesOf(sql), expected, sql)
    for (const rule of expected) found.add(rule)
  }
  const { down: _, ...bare } = file
  assert.equal(
    unwrap(await lintMigration(bare, 'select 1')).map(({ rule, severity }) => [rule, severity]),
    [['missing-down', 'note']],
  )
  found.add('missing-down')
  assert.equal(
    lintTyped(file).map(({ rule, severity }) => [rule, severity]),
    [['not-looked-into', 'note']],
  )
  found.add('not-looked-into')
  assert.equal([...found].sort(), Object.keys(lintRules).sort(), 'every rule has a case')
})

test('place and source are those of the statement, the mend says what to write instead', async () => {
  const [finding] = await lint('-- migrate:up\nselect 1;\n  create index i on t (a);\n-- migrate:down\ndrop index i;\n')
  assert.equal(finding?.place, { file: 'm/1_x.sql', line: 3, column: 3 })
  assert.is(finding?.source, '  create index i on t (a);')
  assert.match(finding?.mend ?? '', 'create index concurrently')
})

test('a small table is passed over, a big one is an error that says how big', async () => {
  const sizes = (bytes: number) =>
    new Map([
      ['t', { bytes, rows: 12 }],
      ['public.t', { bytes, rows: 12 }],
    ])
  assert.equal(await lint('create index i on t (a)', sizes(bigTable - 1)), [])
  const [finding] = await lint('create index i on public.t (a)', sizes(3 * 1024 ** 3))
  assert.is(finding?.severity, 'error')
  assert.match(finding?.message ?? '', '(3.0 GB, about 12 rows)')
  // A table that is not there yet is none that is small.
  assert.is((await lint('create index i on other (a)', sizes(1)))[0]?.severity, 'warning')
  assert.equal(await rulesOf('drop table t', sizes(1)), ['drops-used'])
  assert.equal(
    await rulesOf(
      'alter table t add a int not null',
      new Map([['t', { bytes: 8192, rows: -1, empty: true as const }]]),
    ),
    [],
  )
  assert.equal(await rulesOf('alter table t add a int not null', sizes(8192)), ['not-null-without-default'])
})

test('a rule is taken out for a file with a reason, and not without', async () => {
  const sql = 'create index i on t (a)'
  assert.equal(await rulesOf(`-- vital-ops: ignore index-blocks-writes the table is new\n${sql}`), [])
  assert.equal(await rulesOf(`-- vital-ops: ignore index-blocks-writes\n${sql}`), [
    'lint-exception',
    'index-blocks-writes',
  ])
  assert.equal(await rulesOf(`-- vital-ops: ignore nonsense because\n${sql}`), [
    'lint-exception',
    'index-blocks-writes',
  ])
  assert.equal(
    await rulesOf(`-- vital-ops: breaking because\n-- vital-ops: ignore index-blocks-writes small\n${sql}`),
    [],
  )
})

test("warnings and notes are GitHub's annotations, relative to the repository", () => {
  const place = { file: 'database/migrations/1_x.sql', line: 3, column: 5 }
  const text = findingAnnotations(
    [
      { rule: 'renames', severity: 'warning', message: 'a, b: 50%\nc', mend: 'do', place },
      { rule: 'missing-down', severity: 'note', message: 'm' },
      { rule: 'syntax-error', severity: 'error', message: 'said elsewhere', place },
    ],
    '/repo/app',
    '/repo',
  )
  assert.is(
    text,
    '::warning file=app/database/migrations/1_x.sql,line=3,col=5,title=renames::a, b: 50%25%0Ac: do\n::notice title=missing-down::m\n',
  )
})

test.run()
