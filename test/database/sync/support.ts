import type { Connection } from '../../../lib/database/connect.ts'
import { examine, readShape } from '../../../lib/database/sync/examine.ts'
import { countRows, syncDatabases } from '../../../lib/database/sync/run.ts'
import type { Finding } from '../../../lib/model/finding.ts'
import { maskingSchema } from '../../../lib/model/masking.ts'
import type { TestServer } from '../support/server.ts'

/** A shop: people, orders that name their customer's e-mail again, categories and sections in circles, and what has nothing to do with them. */
export const shop = [
  "create domain contact as text check (value <> '')",
  `create table countries (code char(2) primary key, name text not null)`,
  `create table customers (id int generated always as identity primary key, email varchar(60) not null unique, name text not null,
     phone contact, country char(2) references countries, referred_by int references customers, last_ip inet, born date, tags text[],
     profile jsonb, lower_email text generated always as (lower(email)) stored, changed int not null default 0)`,
  'create table orders (id serial primary key, customer int not null references customers on delete cascade, customer_email varchar(60) references customers (email), note text)',
  'create table lines (order_id int not null references orders, place int, amount numeric(10,2), primary key (order_id, place))',
  'create table sections (id int primary key, boss int, title text)',
  'create table workers (id int primary key, section int references sections, nick text)',
  'alter table sections add foreign key (boss) references workers',
  'create table settings (key text primary key, value text)',
  'create sequence tickets',
  'create materialized view totals as select customer, count(*) as orders from orders group by customer',
  `create function mark() returns trigger language plpgsql as $$ begin new.changed := new.changed + 1; return new; end $$`,
  'create trigger mark before insert or update on customers for each row execute function mark()',
]

/** Rows for the shop: 300 customers, 600 orders. */
export const rows = [
  "insert into countries values ('DE', 'Germany'), ('FR', 'France'), ('XX', 'Nowhere')",
  `insert into customers (email, name, phone, country, referred_by, last_ip, born, tags, profile)
   select 'person' || n || '@mail.test', 'Alice Number' || n, '+49 30 ' || (1000000 + n), case when n % 2 = 0 then 'DE' else 'FR' end, nullif(n - 1, 0),
     ('10.1.' || n / 200 || '.' || n % 200)::inet, date '1980-01-01' + n, array['vip', 'person' || n || '@mail.test'],
     jsonb_build_object('mail', 'person' || n || '@mail.test', 'visits', n, 'odd', E'tab\\t"quoted"\\\\') from generate_series(1, 300) n`,
  "insert into orders (customer, customer_email, note) select 1 + n % 300, 'person' || 1 + n % 300 || '@mail.test', 'gift ' || n || E'\\nline\\ttab \\\\N' from generate_series(1, 600) n",
  'insert into lines select id, place, id * 1.5 from orders, generate_series(1, 2) place',
  "insert into sections values (1, null, 'Sales'), (2, null, 'Stock')",
  "insert into workers values (1, 1, 'wren'), (2, 2, 'finch')",
  'update sections set boss = id',
  "insert into settings values ('theme', 'dark'), ('limit', '10')",
  "select setval('tickets', 777)",
]

/** Masks for all of it. */
export const masking = {
  tables: {
    customers: {
      columns: {
        email: 'email',
        name: 'full-name',
        phone: 'phone',
        last_ip: 'ip',
        born: 'date',
        tags: 'hash',
        profile: 'hash',
      },
    },
    workers: { columns: { nick: null } },
  },
}

/** Two databases of the same schema, the first one with rows. */
export async function twoShops(
  server: TestServer,
  extra: { schema?: string[]; rows?: string[]; target?: string[] } = {},
) {
  const [from, to] = [await server.database(), await server.database()]
  for (const database of [from, to])
    for (const sql of [...shop, ...(extra.schema ?? [])]) await server.query(sql, [], database)
  for (const sql of [...rows, ...(extra.rows ?? [])]) await server.query(sql, [], from)
  for (const sql of ["insert into settings values ('old', 'row')", ...(extra.target ?? [])])
    await server.query(sql, [], to)
  return { from, to }
}

/** Examines and syncs, as the command does. */
export async function sync(
  server: TestServer,
  { from, to }: { from: string; to: string },
  file: unknown,
  key = 'a key',
) {
  const lines: string[] = []
  const { subset, ...rest } = maskingSchema.parse(file)
  return server.connect(
    (source) =>
      server.connect(async (target) => {
        const shape = await readShape(target)
        const { tables, findings } = await examine(
          source,
          await readShape(source),
          shape,
          { ...rest, subset },
          'masking.yaml',
        )
        const warnings = findings.filter(({ severity }) => severity === 'warning').map(({ message }) => message)
        const errors = findings.filter(({ severity }) => severity === 'error')
        if (errors.length > 0)
          return { findings: errors, warnings, lines, synced: undefined, counts: new Map<string, number>() }
        const data = { service: 'postgres', database: to, from: 'production', tables, subset: subset ?? null }
        const counts = await server.connect((other: Connection) => countRows(other, data), from)
        const synced = await syncDatabases(source, target, data, {
          key,
          file: 'masking.yaml',
          output: (line) => lines.push(line),
        })
        return { findings: [] as Finding[], warnings, lines, synced: synced.ok ? synced.value : undefined, counts }
      }, to),
    from,
  )
}
