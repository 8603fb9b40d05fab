import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inferEffect } from '../../../lib/database/sql/effect.ts'
import { loadParser, parseScript } from '../../../lib/database/sql/parser.ts'
import { outsideTransaction, setsSession, transactionControl } from '../../../lib/database/sql/statements.ts'

const parse = async (text: string) => parseScript(await loadParser(), text)

const expanding = [
  'create table a (b int not null)',
  'alter table a add column b int',
  'alter table a add column b int not null default 0',
  'alter table a add column b bigint generated always as identity',
  'alter table a add column b bigserial not null',
  'alter table a alter column b set default 1',
  'alter table a alter column b drop not null',
  'alter table a validate constraint c',
  'alter table a add constraint c unique using index i',
  'create index i on a (b)',
  'create index concurrently i on a (b)',
  'drop index i',
  'alter index i rename to j',
  'alter table a rename constraint c to d',
  "alter type t add value 'x'",
  'create or replace view v as select 1',
  "comment on table a is 'x'",
  'grant select on a to b',
  'insert into a values (1)',
  'create table a (b int); alter table a add column c int not null; create unique index on a (b); drop table a',
  "create type t as enum ('a'); drop type t",
  'drop trigger t on a',
  'create extension if not exists pgcrypto',
]

const breaking = [
  'drop table a',
  'drop table a, b cascade',
  'drop view v',
  'drop function f(int)',
  'drop type t',
  'drop schema s',
  'alter table a drop column b',
  'alter table a rename column b to c',
  'alter table a rename to b',
  'alter table a alter column b type bigint',
  'alter table a alter column b set not null',
  'alter table a alter column b drop default',
  'alter table a add column b int not null',
  'alter table a add column b int, drop column c',
  'alter table a drop constraint c',
  'alter table a add constraint c check (b > 0)',
  'alter table a add constraint c foreign key (b) references x (y) not valid',
  'alter table a enable row level security',
  'alter table a detach partition b',
  'alter table a set schema s',
  'alter table a owner to b',
  'create unique index i on a (b)',
  "alter type t rename value 'a' to 'b'",
  'alter domain d set not null',
  'revoke select on a from b',
  'truncate a',
  'create table a (b int); alter table x drop column y',
]

test('what running code does not notice expands', async () => {
  for (const text of expanding) assert.is(inferEffect(await parse(text)).effect, 'expand', text)
})

test('what running code may stumble over is breaking, with a reason and its statement', async () => {
  for (const text of breaking) {
    const effect = inferEffect(await parse(text))
    assert.is(effect.effect, 'breaking', text)
    if (effect.effect === 'breaking') assert.ok(effect.reason.length > 5)
  }
  const effect = inferEffect(await parse('create table a (b int); drop table x; drop table y'))
  assert.is(effect.effect === 'breaking' && effect.statement.text, 'drop table x')
})

test('a statement that the parser cannot read counts as breaking', async () => {
  assert.is(inferEffect(await parse('alter table a frobnicate')).effect, 'breaking')
})

test('statements that cannot run in a transaction are recognised without annotation', async () => {
  const outside = [
    'create index concurrently i on a (b)',
    'create unique index concurrently if not exists i on a (b)',
    'drop index concurrently i',
    'reindex index concurrently i',
    'reindex (concurrently) table a',
    'reindex schema s',
    'vacuum a',
    'vacuum full',
    'cluster',
    'create database d',
    'drop database d',
    'alter system set a = 1',
    "create tablespace t location '/x'",
    "create subscription s connection 'x' publication p",
    'alter table a detach partition b concurrently',
    'alter database d set tablespace t',
  ]
  const inside = [
    'create index i on a (b)',
    'drop index i',
    'reindex table a',
    'reindex (concurrently false) table a',
    'analyze a',
    'cluster a',
    'alter table a detach partition b',
    'alter database d set work_mem = 1',
    "alter type t add value 'x'",
    "select 'create index concurrently'",
  ]
  for (const text of outside) assert.ok(outsideTransaction((await parse(text))[0] as never), text)
  for (const text of inside) assert.is(outsideTransaction((await parse(text))[0] as never), undefined, text)
})

test('transaction control is told from savepoints, and session settings from local ones', async () => {
  const controls = (
    await parse('begin; start transaction; commit; end; rollback; abort; savepoint a; rollback to a; release a')
  ).map(transactionControl)
  assert.equal(controls, ['begin', 'begin', 'end', 'end', 'end', 'end', undefined, undefined, undefined])
  const settings = (await parse("set a.b = 1; set local a.b = 1; reset all; select set_config('a.b', '1', false)")).map(
    setsSession,
  )
  assert.equal(settings, [true, false, true, false])
})

test.run()
