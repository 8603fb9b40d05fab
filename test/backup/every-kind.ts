/** A database with every kind of object that PostgreSQL 15 has, as its administrator makes it. */
export const everyKind = `
create role everykind_owner nologin;
create role everykind_reader login password 'not a secret';
grant everykind_owner to everykind_reader;
create schema app authorization everykind_owner;
grant usage on schema app to everykind_reader;
comment on schema app is 'the application''s; "quoted"';
create extension hstore schema app;
create extension postgres_fdw;
create extension pg_trgm;
create type app.mood as enum ('sad', 'ok', 'happy');
create domain app.positive as int constraint above_zero check (value > 0);
create type app.floats as range (subtype = float8, subtype_diff = float8mi);
create type app.pair as (a int, b text);
create collation app.german (provider = icu, locale = 'de-u-co-phonebk');
create function app.twice(n int) returns int language sql immutable return n * 2;
create function app.stamp() returns trigger language plpgsql as $$ begin new.note := coalesce(new.note, '') || '!'; return new; end $$;
create procedure app.nothing() language plpgsql as $$ begin null; end $$;
create aggregate app.total(int) (sfunc = int4pl, stype = int, initcond = '0');
create function app.eq(app.pair, app.pair) returns boolean language sql immutable return ($1).a = ($2).a;
create operator app.=== (leftarg = app.pair, rightarg = app.pair, function = app.eq, commutator = operator(app.===));
create cast (app.pair as text) with inout;
create table app.plain (
  id int generated always as identity primary key, mood app.mood default 'ok', size app.positive, span app.floats, two app.pair,
  doubled int generated always as (app.twice(id)) stored, name text collate app.german, tags app.hstore, doc jsonb, xdoc xml,
  note text, at timestamptz default now(), money numeric(12, 2), raw bytea, list int[], gap interval, net inet, uid uuid default gen_random_uuid(),
  constraint plain_size check (size < 1000) not valid
);
insert into app.plain (mood, size, span, two, name, tags, doc, note, money, raw, list, gap, net)
  select (array['sad', 'ok', 'happy']::app.mood[])[1 + i % 3], 1 + i % 900, app.floats(i, i + 0.1), (i, 'x' || i)::app.pair, 'Ä' || i, ('a=>' || i)::app.hstore,
    jsonb_build_object('i', i, 'deep', jsonb_build_array(i, null)), case when i % 5 = 0 then null else 'n' || i || E'\\n\\t\\\\' end, i / 7.0,
    decode(md5(i::text), 'hex'), array[i, null, -i], make_interval(days => i), ('10.0.0.' || i % 250)::inet from generate_series(1, 2000) i;
create index plain_name on app.plain using gin (name gin_trgm_ops);
create unique index plain_partial on app.plain (size, id) include (mood) where size > 5;
create index plain_expression on app.plain (lower(name));
create statistics app.plain_statistics (dependencies) on mood, size from app.plain;
alter table app.plain alter note set statistics 500;
comment on column app.plain.note is 'a note';
create trigger plain_stamp before update on app.plain for each row when (old.note is distinct from new.note) execute function app.stamp();
alter table app.plain disable trigger plain_stamp;
alter table app.plain enable row level security;
alter table app.plain force row level security;
create policy plain_read on app.plain for select to everykind_reader using (size > 10);
grant select (id, name), update (note) on app.plain to everykind_reader;
create table app.parted (day date not null, n int, primary key (day, n)) partition by range (day);
create table app.parted_2025 partition of app.parted for values from ('2025-01-01') to ('2026-01-01');
create table app.parted_2026 partition of app.parted for values from ('2026-01-01') to ('2027-01-01') partition by list (n);
create table app.parted_2026_odd partition of app.parted_2026 for values in (1, 3, 5);
create table app.parted_default partition of app.parted default;
insert into app.parted select date '2025-06-01' + i, i from generate_series(1, 100) i;
insert into app.parted values ('2026-02-02', 3), ('2030-01-01', 9);
create table app.parent (a int); alter table app.parent replica identity full;
create table app.child (b text) inherits (app.parent);
insert into app.parent values (1); insert into app.child values (2, 'b');
create table app.referring (plain int references app.plain deferrable initially deferred, span tstzrange, exclude using gist (span with &&));
insert into app.referring values (1, '[2026-01-01,2026-01-02)');
create unlogged table app.unlogged (a int); insert into app.unlogged values (7);
create table app.nothing_in_it ();
create table public."Odd ""name"".x" ("a b" int, t text); insert into public."Odd ""name"".x" values (1, 't');
create sequence app.counter start 100 increment 7 cache 1 cycle maxvalue 100000; select nextval('app.counter'), nextval('app.counter');
create sequence app.untouched; create sequence app.downwards increment -3; select nextval('app.downwards');
create view app.seen as select id, name from app.plain where size > 3 with local check option;
create materialized view app.counted as select mood, count(*) from app.plain group by mood; create unique index on app.counted (mood);
create materialized view app.empty_yet as select 1 as a with no data;
create rule seen_nothing as on delete to app.seen do instead nothing;
create function app.audit() returns event_trigger language plpgsql as $$ begin perform 1; end $$;
create event trigger everykind_audit on ddl_command_end when tag in ('DROP TABLE') execute function app.audit();
alter event trigger everykind_audit disable;
create server elsewhere foreign data wrapper postgres_fdw options (host '127.0.0.1', dbname 'nowhere');
create user mapping for everykind_reader server elsewhere options (user 'x');
create foreign table app.remote (a int) server elsewhere options (table_name 'there');
create publication everykind_publication for table app.plain (id, name, at) where (id > 10), app.parted;
create publication everykind_all for all tables with (publish = 'insert');
create text search configuration app.words (copy = simple);
create text search dictionary app.dict (template = simple, stopwords = english);
create default conversion app.latin for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8;
create operator family app.family using btree;
alter default privileges for role everykind_owner in schema app grant select on tables to everykind_reader;
alter table app.plain owner to everykind_owner; alter sequence app.counter owner to everykind_owner; alter view app.seen owner to everykind_owner;
alter function app.twice(int) owner to everykind_owner; revoke execute on function app.twice(int) from public;
comment on function app.twice(int) is 'doubles'; comment on table app.parted is 'by day'; comment on type app.mood is 'how';
select lo_from_bytea(0, decode(repeat('00ff10', 5000), 'hex')); select lo_from_bytea(0, 'short'); select lo_create(0);
`
