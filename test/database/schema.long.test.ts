import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { withDatabase } from '../../lib/database/connect.ts'
import { readTableSizes } from '../../lib/database/lint/sizes.ts'
import { schemaDifference } from '../../lib/database/schema/catalogue.ts'
import { compareSchema } from '../../lib/database/schema/fingerprint.ts'
import { ok, unwrap } from '../../lib/model/failure.ts'
import { addressOf, MigrationFolder } from './support/migrator.ts'
import { startServer, type TestServer, testEngine } from './support/server.ts'

const everything = `
create extension if not exists plpgsql;
create schema app;
create type app.mood as enum ('sad', 'glad');
create domain app.positive as int check (value > 0) not null default 1;
create type app.pair as (a int, b text);
create type app.span as range (subtype = float8);
create sequence app.counter increment 5;
create table app.people (id bigint generated always as identity primary key, name text collate "C" not null, age app.positive,
  mood app.mood default 'glad', twice int generated always as (1 * 2) stored, unique (name, age));
create table app.events (at timestamptz not null, person bigint references app.people) partition by range (at);
create table app.events_2026 partition of app.events for values from ('2026-01-01') to ('2027-01-01');
create index events_at on app.events (at) where person is not null;
create view app.names as select name from app.people;
create materialized view app.counts as select count(*) from app.people;
create function app.double(a int) returns int language sql as $$ select a * 2 $$;
create function app.touch() returns trigger language plpgsql as $$ begin return new; end $$;
create aggregate app.total(int) (sfunc = int4pl, stype = int);
create trigger touched before update on app.people for each row execute function app.touch();
alter table app.people enable row level security;
create policy own on app.people using (name = current_user);
create rule nothing as on delete to app.people do instead nothing;
create statistics app.together (dependencies) on name, age from app.people;
create unlogged table cache (k text primary key) with (fillfactor = 70);
`

/** Changes that nobody wrote as a migration, and a word that the diff must show of each. */
const drifts: [sql: string, shown: RegExp][] = [
  ["alter type app.mood add value 'calm'", /^\+ enum app\.mood \('sad', 'glad', 'calm'\)$/m],
  ['alter domain app.positive drop not null', /^- domain app\.positive as integer not null default 1$/m],
  ['alter type app.pair add attribute c int', /^\+ column app\.pair\.c integer$/m],
  ['alter sequence app.counter increment 7', /^\+ sequence app\.counter .* increment 7 /m],
  ['alter table app.people alter name drop not null', /^- column app\.people\.name text collate "C" not null$/m],
  [
    "alter table app.people alter mood set default 'sad'",
    /^\+ column app\.people\.mood app\.mood default 'sad'::app\.mood$/m,
  ],
  [
    'alter table app.people drop constraint people_name_age_key',
    /^- constraint people_name_age_key on app\.people UNIQUE/m,
  ],
  ['create index by_name on app.people (name)', /^\+ CREATE INDEX by_name ON app\.people USING btree \(name\)$/m],
  [
    "create table app.events_2027 partition of app.events for values from ('2027-01-01') to ('2028-01-01')",
    /^\+ table app\.events_2027 partition of app\.events FOR VALUES FROM/m,
  ],
  ['create or replace view app.names as select name, 1 as one from app.people', /^\+ .*1 AS one/m],
  [
    'create or replace function app.double(a int) returns int language sql as $$ select a * 3 $$',
    /^\+ .*select a \* 3/m,
  ],
  ['alter table app.people disable trigger touched', /^\+ CREATE TRIGGER touched .* disabled$/m],
  ['alter table app.people force row level security', /^\+ table app\.people row security forced$/m],
  ['alter policy own on app.people using (true)', /^\+ policy own on app\.people permissive for \* using \(true\)$/m],
  ['drop rule nothing on app.people', /^- CREATE RULE nothing/m],
  ['alter table cache set (fillfactor = 80)', /^\+ table public\.cache unlogged with \(fillfactor=80\)$/m],
  ['create schema other', /^\+ schema other$/m],
]

for (const [version, prefer] of [
  [17, 'embedded'],
  [15, 'system'],
] as const) {
  test(`PostgreSQL ${version}: nothing drifts by itself; each of ${drifts.length} changes by hand is shown as a diff`, async () => {
    const server: TestServer = await startServer(await testEngine(version, prefer))
    try {
      const folder = await MigrationFolder.make(server)
      const compare = async () =>
        unwrap(await withDatabase(addressOf(folder.target), async (connection) => ok(await compareSchema(connection))))
      assert.is((await compare()).state, 'unknown')
      folder.write({ '1_all.sql': everything })
      unwrap(await folder.up())
      assert.is((await compare()).state, 'same')
      // Rows, statistics and what is read change nothing.
      await folder.query("insert into app.people (name) values ('a'); analyze; select nextval('app.counter')")
      await folder.query('vacuum')
      assert.is((await compare()).state, 'same')
      await folder.query("insert into app.events select '2026-02-01', null from generate_series(1, 1000)")
      const sizes = await withDatabase(addressOf(folder.target), async (connection) =>
        ok(await readTableSizes(connection)),
      )
      assert.ok(
        (unwrap(sizes).get('app.events')?.bytes ?? 0) > 32_768,
        'a partitioned table is as big as its partitions',
      )
      assert.equal([unwrap(sizes).get('app.events')?.empty, unwrap(sizes).get('cache')?.empty], [undefined, true])
      let count = 1
      for (const [sql, shown] of drifts) {
        await folder.query(sql)
        const found = await compare()
        if (found.state !== 'drift') throw new Error(`${sql}: ${found.state}`)
        assert.match(found.difference.join('\n'), shown, sql)
        // The next migration records the schema as it is.
        folder.write({ [`${++count}_next.sql`]: 'select 1' })
        unwrap(await folder.up())
        assert.is((await compare()).state, 'same', sql)
      }
      await folder.query('delete from vital_ops.migrations where version = $1', [String(count)])
      const stale = await compare()
      assert.is(stale.state, 'unknown')
    } finally {
      await server.dispose()
    }
  })
}

test('a diff has what was before what is, line for line', () => {
  assert.equal(schemaDifference(['a 1', 'b', 'c'], ['a 2', 'b', 'd\ne']), ['- a 1', '+ a 2', '- c', '+ d', '+ e'])
  assert.equal(schemaDifference(['a'], ['a']), [])
})

test.run()
