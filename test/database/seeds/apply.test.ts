import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readSeeds } from '../../../lib/database/files.ts'
import { applySeeds } from '../../../lib/database/seeds/apply.ts'
import { headOf, tableOfName } from '../../../lib/database/seeds/rows.ts'
import { inForeignKeyOrder } from '../../../lib/database/tables.ts'
import { unwrap } from '../../../lib/model/failure.ts'
import { temporaryFolder, timeLimit } from '../../support/index.ts'
import { failureOf, startServer, type TestServer } from '../support/server.ts'

timeLimit(120_000)

let server: TestServer
test.before(async () => {
  server = await startServer()
})
test.after(() => server?.dispose())

/** A database with the given tables, a folder of seeds, and how both come together. */
async function place(...statements: string[]) {
  const database = await server.database()
  const root = temporaryFolder()
  for (const sql of statements) await server.query(sql, [], database)
  await mkdir(join(root, 'seeds'))
  return {
    root,
    query: (sql: string) => server.query(sql, [], database),
    write: (name: string, text: string) => writeFile(join(root, 'seeds', name), text),
    async run() {
      const output: string[] = []
      const files = unwrap(await readSeeds(root, 'seeds'))
      const result = await server.connect(
        (connection) => applySeeds(connection, files, { root, output: (line) => output.push(line) }),
        database,
      )
      return { result, output }
    },
  }
}

const shop = [
  'create table customers (id int generated always as identity primary key, email text not null unique, note json, since date default current_date)',
  'create table orders (id serial primary key, customer int not null references customers, total numeric, twice numeric generated always as (total * 2) stored)',
]

test('CSV and JSON go in foreign-key order whatever their names, and by key: a second run writes nothing', async () => {
  const { write, run, query } = await place(...shop)
  await write('10-orders.csv', 'id,customer,total\n7,3,12.50\n8,4,"1"\n9,3,\n')
  await write(
    '20-customers.json',
    '[{"id": 3, "email": "a@example.com", "note": {"k": 1}}, {"id": 4, "email": "b@example.com"}]',
  )
  const { result, output } = await run()
  assert.equal(unwrap(result), ['20-customers.json', '10-orders.csv'])
  assert.match(output.join('\n'), /20-customers\.json in [\d.]+s: 2 rows written/)
  assert.equal(await query('select id, customer, total, twice from orders order by id'), [
    { id: 7, customer: 3, total: '12.50', twice: '25.00' },
    { id: 8, customer: 4, total: '1', twice: '2' },
    { id: 9, customer: 3, total: null, twice: null },
  ])
  assert.equal(unwrap((await run()).result), [])
  // The file says more now, and a row was changed by hand.
  await query('update orders set total = 99 where id = 8')
  await write('10-orders.csv', 'id,customer,total\n7,3,12.50\n8,4,"1"\n9,3,\n12,4,5\n')
  const again = await run()
  assert.match(again.output.join('\n'), /10-orders\.csv in [\d.]+s: 2 rows written/)
  assert.equal((await query('select count(*)::int as n, sum(total) as total from orders'))[0], { n: 4, total: '18.50' })
  // Whoever inserts next gets an id that is free.
  assert.equal(await query("insert into customers (email) values ('c@example.com') returning id"), [{ id: 5 }])
  assert.equal(await query('insert into orders (customer) values (3) returning id'), [{ id: 13 }])
})

test('a key of its own, rows for several tables, and rows that leave columns out', async () => {
  const { write, run, query } = await place(...shop)
  await write(
    'all.json',
    JSON.stringify([
      {
        table: 'public.customers',
        key: ['email'],
        rows: [{ email: 'a@example.com', since: '2026-01-02' }, { email: 'b@example.com' }],
      },
      { table: 'orders', rows: [{ id: 1, customer: 1, total: 3 }] },
    ]),
  )
  unwrap((await run()).result)
  await write('customers.csv', 'email,since\nb@example.com,2025-05-05\n')
  unwrap((await run()).result)
  assert.equal(await query('select id, email, since::text from customers order by id'), [
    { id: 1, email: 'a@example.com', since: '2026-01-02' },
    { id: 2, email: 'b@example.com', since: '2025-05-05' },
  ])
})

test('a function in TypeScript, with what it imports, in one transaction', async () => {
  const { root, write, run, query } = await place(...shop)
  await writeFile(join(root, 'names.ts'), 'export const names: readonly string[] = ["x", "y"]\n')
  const seed = (end: string) => `import { names } from '../names.ts'
    type Context = { upsert(t: string, r: object[], o?: object): Promise<number>; query(t: string, v?: unknown[]): Promise<any[]>; log(l: string): void }
    export default async ({ upsert, query, log }: Context) => {
      await upsert('customers', names.map((name) => ({ email: name + '@example.com' })), { key: ['email'] })
      const [row] = await query('select count(*)::int as n from customers where email like $1', ['%@example.com'])
      log('there are ' + row.n)
      ${end}
    }`
  await write('people.ts', seed("throw new Error('not today')"))
  const { result } = await run()
  assert.equal([failureOf(result).code, failureOf(result).message], ['seed-failed', 'seed people.ts: not today'])
  assert.equal(await query('select * from customers'), [])
  await write('people.ts', seed(''))
  const done = await run()
  unwrap(done.result)
  assert.match(done.output.join('\n'), /there are 2\nran the seed people\.ts in [\d.]+s: 2 rows written/)
  await write('people.ts', 'export default async ( => {}')
  assert.equal([failureOf((await run()).result).code, failureOf((await run()).result).place?.line], ['seed-format', 1])
  await write('people.ts', 'export const seed = 1')
  assert.match(failureOf((await run()).result).message, 'exports no function')
})

test('what does not fit is refused with its name and the nearest one, and nothing of it is there', async () => {
  const { write, run, query } = await place(...shop, 'create table bare (a int)')
  const cases: [string, string, string, string | undefined][] = [
    ['custmers.csv', 'id,email\n1,x\n', 'seed-table-unknown', 'customers'],
    ['customers.csv', 'id,emial\n1,x\n', 'seed-column-unknown', 'email'],
    ['orders.csv', 'id,twice\n1,2\n', 'seed-column-unknown', undefined],
    ['customers.csv', 'note,since\n{},2026-01-01\n', 'seed-no-key', undefined],
    ['bare.json', '[{"a": 1}]', 'seed-no-key', undefined],
    ['customers.json', '{"rows": 1}', 'seed-format', undefined],
    ['customers.json', '[{"id": 1,}]', 'seed-format', undefined],
    ['orders.csv', 'id,customer\n1,77\n', 'seed-failed', undefined],
    ['customers.csv', 'id,email\nx,y\n', 'seed-failed', undefined],
  ]
  for (const [name, text, code, near] of cases) {
    const { root } = await place()
    await writeFile(join(root, 'seeds', name), text)
    const files = unwrap(await readSeeds(root, 'seeds'))
    const database = ((await query('select current_database() as name'))[0] as { name: string }).name
    const failure = failureOf(
      await server.connect((connection) => applySeeds(connection, files, { root, output: () => {} }), database),
    )
    assert.equal([failure.code, failure.nearest], [code, near], `${name}: ${failure.message}`)
  }
  await write('empty.json', '[]')
  assert.equal(failureOf((await run()).result).code, 'seed-table-unknown')
  assert.equal(await query('select * from customers'), [])
})

test('names, heads and orders', () => {
  assert.equal(['10-customers.csv', 'customers.json', '2_shop.customers.csv', '007.x.csv'].map(tableOfName), [
    'customers',
    'customers',
    'shop.customers',
    'x',
  ])
  assert.equal(headOf('id,"full ""name""", a b\r\n1,2,3'), ['id', 'full "name"', 'a b'])
  assert.equal(headOf('only'), ['only'])
  const table = (id: string, ...targets: string[]) => ({
    id,
    foreignKeys: targets.map((target) => ({ name: '', columns: [], target, targetColumns: [] })),
  })
  const { order, cycles } = inForeignKeyOrder([
    table('a', 'b', 'z'),
    table('b', 'c', 'b'),
    table('c'),
    table('d', 'e'),
    table('e', 'd'),
  ])
  assert.equal(
    order.map(({ id }) => id),
    ['c', 'b', 'a', 'e', 'd'],
  )
  assert.equal(cycles, [['d', 'e']])
})

test.run()
