import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { note, timeLimit } from '../../support/index.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { masking, sync, twoShops } from './support.ts'

timeLimit(180_000)

let server: TestServer
test.before(async () => {
  server = await startServer()
})
test.after(() => server?.dispose())

const thrown = async (
  work: () => Promise<unknown>,
): Promise<{ message: string; failures?: { code: string; lines?: string[] }[] }> =>
  work().then(
    () => ({ message: 'nothing was refused' }),
    (error) => error,
  )

test('everything comes, masked: joins hold, keys and checks too, sequences go on behind it, and triggers have not run again', async () => {
  const shops = await twoShops(server, { target: ["insert into countries values ('ZZ', 'Old')"] })
  const { synced, counts, lines, warnings } = await sync(server, shops, masking)
  assert.is(warnings.length, 1)
  assert.match(warnings[0] ?? '', /^contact_check must hold for public\.customers\.phone masked by phone/)
  assert.is(synced?.rows, 3 + 300 + 600 + 1200 + 2 + 2 + 2)
  for (const { table, rows } of synced?.tables ?? []) assert.is(counts.get(table), rows, table)
  const ask = (sql: string) => server.query(sql, [], shops.to)
  const [joined] = await ask(
    'select count(*)::int as n, count(distinct c.email)::int as emails from orders o join customers c on c.email = o.customer_email and c.id = o.customer',
  )
  assert.equal(joined, { n: 600, emails: 300 })
  const [person] = await ask('select * from customers where id = 7')
  assert.match(String(person?.email), /^[a-z]+\.[a-z]+\.[a-z2-9]{13}@example\.com$/)
  assert.is(person?.lower_email, person?.email)
  assert.match(String(person?.name), /^[A-Z][a-z]+ [A-Z][a-z]+$/)
  assert.match(String(person?.phone), /^\+999\d{10}$/)
  assert.match(String(person?.last_ip), /^2[45]\d\./)
  assert.is(new Date(String(person?.born)).getFullYear(), 1980)
  const { profile, tags } = person as { profile: { visits: number }; tags: string[] }
  assert.equal([profile.visits, tags.length], [7, 2])
  assert.is(person?.changed, 1)
  assert.equal(await ask('select note from orders where id = 3'), [{ note: 'gift 3\nline\ttab \\N' }])
  assert.equal(await ask('select key from settings order by key'), [{ key: 'limit' }, { key: 'theme' }])
  assert.equal(await ask('select nick from workers where nick is not null'), [])
  assert.equal(await ask("select nextval('tickets')::int as n"), [{ n: 778 }])
  assert.equal(await ask('insert into orders (customer) values (1) returning id'), [{ id: 601 }])
  assert.equal(await ask('select count(*)::int as n from totals'), [{ n: 300 }])
  assert.equal(await ask("insert into customers (email, name) values ('x', 'y') returning id, changed"), [
    { id: 301, changed: 1 },
  ])
  assert.ok(lines.some((line) => /none of the \d+ masked values is in the \d+ texts/.test(line)))
  // Again, with the same key: the same masks; with another one: others.
  await sync(server, shops, masking)
  assert.is((await ask('select email from customers where id = 7'))[0]?.email, person?.email)
  await sync(server, shops, masking, 'another key')
  assert.is.not((await ask('select email from customers where id = 7'))[0]?.email, person?.email)
})

test('columns that look personal and are not named are all said at once, and nothing changes', async () => {
  const shops = await twoShops(server, {
    schema: [
      'create table logs (id int, api_token text, body text, remote text, paid text, product text, sizes int[])',
    ],
    rows: [
      "insert into logs select n, 'x', case n when 5 then 'mail to bob@mail.test please' else 'nothing' end, '192.168.1.' || n, '4111 1111 1111 1111', 'Chair ' || n, '{1}' from generate_series(1, 50) n",
    ],
  })
  const { findings, synced } = await sync(server, shops, {
    tables: { workers: { columns: { nick: 'keep', nik: 'keep' } }, custmers: {} },
  })
  assert.is(synced, undefined)
  const personal = findings
    .filter(({ rule }) => rule === 'personal-data-not-named')
    .map(({ message }) => message.split(' ')[0])
  assert.equal(personal.sort(), [
    'public.customers.born',
    'public.customers.email',
    'public.customers.last_ip',
    'public.customers.name',
    'public.customers.phone',
    'public.customers.profile',
    'public.customers.tags',
    'public.logs.api_token',
    'public.logs.body',
    'public.logs.paid',
    'public.logs.remote',
  ])
  const unknown = findings.filter(({ rule }) => rule === 'masking-unknown')
  assert.equal(
    unknown.map(({ mend }) => mend),
    ['did you mean nick?', 'did you mean customers?'],
  )
  assert.equal(await server.query('select key from settings', [], shops.to), [{ key: 'old' }])
})

test('a masked value that is left anywhere keeps the old rows in place', async () => {
  const shops = await twoShops(server, {
    schema: [
      'create table remarks (id int primary key, body text, data jsonb, words text[], price int, dialled bigint, paid timestamptz)',
      'alter table orders add column paid timestamptz',
    ],
    rows: [
      "insert into remarks select n, 'fine', '{}', '{}', n, 200000 + n, timestamptz '2024-01-01 10:00:00Z' from generate_series(1, 5000) n",
      "update orders set paid = timestamptz '2023-01-01 12:00:00Z' + id * interval '1 s'",
      'update remarks set dialled = 49301000050 where id = 5',
      "update remarks set paid = timestamp '2023-01-01 12:00:07.25' at time zone 'UTC' where id = 6",
      "update remarks set body = 'Please ask (person12@mail.test), thanks' where id = 4000",
      `update remarks set data = '{"a": [{"b": "Alice Number40"}]}' where id = 1`,
      'update remarks set words = \'{x,"+49 30 1000020"}\' where id = 2',
    ],
  })
  const orders = { columns: { paid: 'date' } }
  const columns = { body: 'keep', data: 'keep', words: 'keep', dialled: 'keep', paid: 'keep' }
  const kept = { ...masking.tables, orders, remarks: { columns } }
  const error = await thrown(() => sync(server, shops, { tables: kept }))
  assert.is(error.failures?.[0]?.code, 'sync-masked-value-left', error.message)
  assert.equal([...(error.failures?.[0]?.lines ?? [])].sort(), [
    'public.remarks.body: 1 row',
    'public.remarks.data: 1 row',
    'public.remarks.dialled: 1 row',
    'public.remarks.paid: 1 row',
    'public.remarks.words: 1 row',
  ])
  assert.equal(await server.query('select key from settings', [], shops.to), [{ key: 'old' }])
  assert.equal(await server.query("select count(*)::int as n from pg_trigger where tgenabled = 'D'", [], shops.to), [
    { n: 0 },
  ])
  const reason = { keep: 'it is public' }
  const { synced } = await sync(server, shops, {
    tables: {
      ...masking.tables,
      orders,
      remarks: { columns: { body: reason, data: 'hash', words: null, dialled: null, paid: reason } },
    },
  })
  assert.ok((synced?.rows ?? 0) > 7000)
})

test('masks that do not do for a column are refused with the reason', async () => {
  const shops = await twoShops(server)
  const columns = {
    email: { text: 'x@example.com' },
    name: null,
    phone: 'keep',
    last_ip: 'email',
    born: 'phone',
    tags: 'hash',
    profile: 'keep',
    country: 'hash',
    lower_email: 'hash',
  }
  const { findings } = await sync(server, shops, {
    tables: { customers: { columns }, countries: { columns: { code: 'keep' } } },
  })
  assert.equal(
    findings
      .map(({ rule, message }) => `${rule} ${/(\w+) cannot|^public\.\w+\.(\w+)/.exec(message)?.slice(1).find(Boolean)}`)
      .sort(),
    [
      'mask-breaks-reference country',
      'mask-unfit born',
      'mask-unfit email',
      'mask-unfit last_ip',
      'mask-unfit lower_email',
      'mask-unfit name',
    ],
    JSON.stringify(findings, null, 1),
  )
})

test('a subset: what belongs to the rows comes along, in circles and to themselves too, and nothing else', async () => {
  const shops = await twoShops(server)
  const subset = { rows: { customers: 'id between 40 and 41' }, children: { customers: 'none' } }
  const { synced, counts } = await sync(server, shops, { ...masking, subset })
  const ask = (sql: string) => server.query(sql, [], shops.to)
  // Each customer was referred by the one before: all of them up to 41 are needed.
  assert.equal(await ask('select count(*)::int as n, max(id) as last from customers'), [{ n: 41, last: 41 }])
  assert.equal(await ask('select distinct customer from orders order by 1'), [{ customer: 40 }, { customer: 41 }])
  assert.equal(await ask('select count(*)::int as n from lines'), [{ n: 8 }])
  assert.equal(await ask('select code from countries order by 1'), [{ code: 'DE' }, { code: 'FR' }])
  assert.equal(
    await ask('select (select count(*)::int from settings) as s, (select count(*)::int from workers) as w'),
    [{ s: 2, w: 2 }],
  )
  for (const { table, rows } of synced?.tables ?? []) assert.is(counts.get(table), rows, table)
  const down = { rows: { customers: 'id = 290', workers: 'id = 1' }, children: { orders: 'id > 300' }, others: 'none' }
  await sync(server, shops, { ...masking, subset: down })
  assert.equal(await ask('select count(*)::int as n from customers'), [{ n: 300 }])
  assert.equal(await ask('select min(id) as first, count(*)::int as n from orders'), [{ first: 589, n: 11 }])
  assert.equal(
    await ask('select (select count(*)::int from settings) as s, (select count(*)::int from sections) as w'),
    [{ s: 0, w: 1 }],
  )
  for (const condition of ['id < ', 'true); drop table settings; --', 'nothing = 1']) {
    const error = await thrown(() => sync(server, shops, { ...masking, subset: { rows: { customers: condition } } }))
    assert.is(error.failures?.[0]?.code, 'subset-condition', error.message)
  }
  assert.is((await server.query('select 1 from settings', [], shops.from)).length, 2)
})

test('rows that the target refuses leave it as it was, and different schemas are said before', async () => {
  const shops = await twoShops(server, { target: ["alter table orders add check (note not like 'gift 550%')"] })
  const error = await thrown(() => sync(server, shops, masking))
  assert.match(error.message, /orders_note_check/)
  assert.equal(await server.query('select key from settings', [], shops.to), [{ key: 'old' }])
  await server.query('alter table lines drop column amount', [], shops.to)
  await server.query('drop table settings', [], shops.to)
  await server.query('create table extra (customer int references customers)', [], shops.to)
  const { findings } = await sync(server, shops, masking)
  assert.equal(findings.map(({ rule }) => rule).sort(), [
    'sync-column-differs',
    'sync-referring-table',
    'sync-table-missing',
  ])
})

test('short unique values, domains, partitions and quoted names', async () => {
  const shops = await twoShops(server, {
    schema: [
      `create table "Odd ""Names" ("Phone No" varchar(14) unique, "user" citext_like)`,
      'create table parts (id int, seat text, login varchar(20)) partition by range (id)',
      'create table parts_1 partition of parts for values from (0) to (100)',
      'create table parts_2 partition of parts for values from (100) to (1000)',
      'create unique index on parts_1 (lower(login))',
      'create table codes (short int2 unique, pin_code char(4) unique, owner uuid)',
    ].flatMap((sql) => (sql.includes('citext_like') ? ['create domain citext_like as varchar(9)', sql] : [sql])),
    rows: [
      `insert into "Odd ""Names" select '+49301' || 1000 + n, 'u' || n from generate_series(1, 200) n`,
      `insert into parts select n, 'seat' || n, 'login' || n from generate_series(1, 500) n`,
      `insert into codes select 1000 + n, lpad(n::text, 4, '0'), gen_random_uuid() from generate_series(1, 2000) n`,
    ],
  })
  const { synced, findings } = await sync(server, shops, {
    tables: {
      ...masking.tables,
      'public.Odd "Names': { columns: { 'Phone No': 'phone', user: 'hash' } },
      parts: { columns: { login: 'username' } },
      codes: { columns: { short: 'hash', pin_code: 'pattern', owner: 'hash' } },
    },
  })
  assert.equal(findings, [])
  assert.ok(synced)
  const [counted] = await server.query(
    `select (select count(distinct "Phone No")::int from "Odd ""Names") as phones, (select max(length("user")) from "Odd ""Names") as longest,
      (select count(*)::int from parts_2 where login !~ '^login') as parts, (select count(distinct short)::int from codes where short between 1000 and 9999) as shorts,
      (select count(distinct pin_code)::int from codes where pin_code ~ '^\\d{4}$') as pins, (select count(distinct owner)::int from codes) as owners`,
    [],
    shops.to,
  )
  assert.equal(counted, { phones: 200, longest: 9, parts: 401, shorts: 2000, pins: 2000, owners: 2000 })
  note(`${synced?.masked} values masked, ${synced?.scanned} scanned`)
})

test.run()
