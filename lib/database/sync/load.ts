import { type Connection, cancelRunning } from '../connect.ts'
import { advanceSequences, type Table } from '../tables.ts'
import { copyIn, copyOut } from '../transfer/copy.ts'
import { columnList } from '../transfer/format.ts'
import { Channel } from './channel.ts'
import { decodeField, encodeField } from './copy-text.ts'
import type { Replace } from './masker.ts'
import { fromTaken, type Taken } from './subset.ts'

/** Rows and bytes that have gone over so far. */
export type Passed = { rows: number; bytes: number }

/**
 * Takes the rows of a table from one server to another, as COPY's text, with some columns replaced. `passed` is told of every piece. Returns the number of rows.
 */
export async function pumpTable(
  source: Connection,
  target: Connection,
  table: Table,
  columns: readonly string[],
  { taken, replace, passed }: { taken: Taken; replace: ReadonlyMap<string, Replace>; passed(so: Passed): void },
): Promise<number> {
  const channel = new Channel()
  const list = columnList(source, columns)
  const replaces = columns.map((name) => replace.get(name))
  const plain = replaces.every((one) => one === undefined)
  const so: Passed = { rows: 0, bytes: 0 }
  const reading = copyOut(source, `copy (select ${list} ${fromTaken(table, taken)}) to stdout`, async (piece, rows) => {
    await channel.give(plain ? piece : replaceFields(piece, replaces))
    so.bytes += piece.length
    so.rows = rows
    passed(so)
  }).then(
    (rows) => {
      channel.end()
      return rows
    },
    (error: unknown) => {
      channel.fail(error)
      throw error
    },
  )
  const writing = copyIn(target, `copy ${table.id} (${list}) from stdin`, channel.pieces()).catch((error: unknown) => {
    channel.fail(error)
    // Else it would send the rest of the table first.
    cancelRunning(source)
    throw error
  })
  // What failed first is why the other one failed.
  let first: unknown
  const noted = (error: unknown) => {
    first ??= error
  }
  const [read] = await Promise.all([reading.catch(noted), writing.catch(noted)])
  if (first !== undefined) throw first
  return read ?? 0
}

/** Whole rows with their fields replaced. */
export function replaceFields(piece: Buffer, replaces: readonly (Replace | undefined)[]): Buffer {
  const lines = piece.toString('latin1').split('\n')
  const last = lines.pop() ?? ''
  const done = lines.map((line) =>
    line
      .split('\t')
      .map((field, at) => {
        const replace = replaces[at]
        return replace ? encodeField(replace(decodeField(field))) : field
      })
      .join('\t'),
  )
  return Buffer.from([...done, last].join('\n'), 'latin1')
}

/** Keeps triggers of people from running for the time of the transaction, and gives what puts them back: rows come as they are, with all that triggers did to them. */
export async function withoutTriggers(target: Connection, tables: readonly Table[]): Promise<() => Promise<void>> {
  const { rows } = await target.query<{ table: string; name: string; state: string }>(
    `select format('%I.%I', n.nspname, c.relname) as "table", format('%I', t.tgname) as name, t.tgenabled::text as state
     from pg_catalog.pg_trigger t join pg_catalog.pg_class c on c.oid = t.tgrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where not t.tgisinternal and t.tgenabled in ('O', 'A')
       and exists (select from pg_catalog.unnest($1::text[]) one where c.oid = one::regclass
         or c.oid in (select relid from pg_catalog.pg_partition_tree(one::regclass)))
     order by c.oid, t.tgname`,
    [tables.map(({ id }) => id)],
  )
  for (const { table, name } of rows) await target.query(`alter table only ${table} disable trigger ${name}`)
  return async () => {
    for (const { table, name, state } of rows) {
      await target.query(`alter table only ${table} enable ${state === 'A' ? 'always ' : ''}trigger ${name}`)
    }
  }
}

/** Sets sequences right: those of columns past the greatest value, others of the same name past the source's. Never back. */
export async function setSequences(source: Connection, target: Connection, tables: readonly Table[]): Promise<void> {
  await advanceSequences(target, tables)
  const owned = new Set(tables.flatMap((table) => table.sequences.map(({ sequence }) => sequence)))
  const read = `select format('%I.%I', schemaname, sequencename) as id, last_value::text as last, increment_by > 0 as up
    from pg_catalog.pg_sequences where schemaname <> 'vital_ops'`
  const there = await source.query<{ id: string; last: string | null; up: boolean }>(read)
  const here = await target.query<{ id: string; last: string | null; up: boolean }>(read)
  for (const { id, last, up } of there.rows) {
    const own = here.rows.find((one) => one.id === id)
    if (!own || last === null || owned.has(id)) continue
    const behind = own.last === null || (up ? BigInt(own.last) < BigInt(last) : BigInt(own.last) > BigInt(last))
    if (behind) await target.query('select pg_catalog.setval($1::regclass, $2::int8)', [id, last])
  }
}

/** Makes materialised views anew, in the order in which they were made. */
export async function refreshViews(target: Connection): Promise<number> {
  const { rows } = await target.query<{ id: string }>(
    `select format('%I.%I', n.nspname, c.relname) as id from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'm' and c.relispopulated and n.nspname not like 'pg\\_%' order by c.oid`,
  )
  for (const { id } of rows) await target.query(`refresh materialized view ${id}`)
  return rows.length
}
