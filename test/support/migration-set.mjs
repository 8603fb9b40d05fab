// @ts-check
/**
 * Migration sets as projects have them after years, written anew: many small files that make tables, add columns, indexes and constraints,
 * fill them, replace views and functions. The same numbers give the same files.
 */

const areas = ['account', 'invoice', 'order', 'product', 'session', 'audit', 'message', 'project', 'ticket', 'webhook']

/**
 * @typedef {{ name: string, up: string, down: string }} Step
 * @param {number} index
 * @returns {Step}
 */
function stepOf(index) {
  const area = areas[index % areas.length]
  const generation = Math.floor(index / (areas.length * 8))
  const table = `${area}s_${generation}`
  const turn = Math.floor(index / areas.length) % 8
  switch (turn) {
    case 0:
      return {
        name: `create_${table}`,
        up: `create table ${table} (\n  id bigint generated always as identity primary key,\n  created_at timestamptz not null default now(),\n  name text not null,\n  state text not null default 'new',\n  amount numeric(12, 2),\n  payload jsonb not null default '{}'\n);\ncomment on table ${table} is 'What an ${area} is; one row each';`,
        down: `drop table ${table};`,
      }
    case 1:
      return {
        name: `index_${table}_by_state`,
        up: `create index ${table}_state on ${table} (state, created_at desc) where state <> 'done';`,
        down: `drop index ${table}_state;`,
      }
    case 2:
      return {
        name: `add_owner_to_${table}`,
        up: `alter table ${table} add column owner text;\nupdate ${table} set owner = 'nobody' where owner is null;\nalter table ${table} alter owner set default 'nobody';`,
        down: `alter table ${table} drop column owner;`,
      }
    case 3:
      return {
        name: `check_${table}`,
        up: `alter table ${table} add constraint ${table}_amount check (amount >= 0) not valid;\nalter table ${table} validate constraint ${table}_amount;`,
        down: `alter table ${table} drop constraint ${table}_amount;`,
      }
    case 4:
      return {
        name: `touch_${table}`,
        up: `alter table ${table} add column updated_at timestamptz;\ncreate function ${table}_touch() returns trigger language plpgsql as $body$\nbegin\n  -- migrate:down is a word here; so is ';'\n  new.updated_at := now();\n  return new;\nend\n$body$;\ncreate trigger ${table}_touched before update on ${table} for each row execute function ${table}_touch();`,
        down: `drop trigger ${table}_touched on ${table};\ndrop function ${table}_touch();\nalter table ${table} drop column updated_at;`,
      }
    case 5:
      return {
        name: `view_of_${table}`,
        up: `create view ${table}_open as select id, name, owner from ${table} where state <> 'done';`,
        down: `drop view ${table}_open;`,
      }
    case 6:
      return {
        name: `seed_${table}`,
        up: `insert into ${table} (name, amount, payload)\nselect '${area} ' || n, n * 1.5, jsonb_build_object('n', n) from generate_series(1, 20) n;`,
        down: `delete from ${table};`,
      }
    default:
      return {
        name: `notes_of_${table}`,
        up: `create table ${table}_notes (\n  id bigint generated always as identity primary key,\n  parent bigint not null references ${table} on delete cascade,\n  body text not null\n);\ncreate index ${table}_notes_parent on ${table}_notes (parent);`,
        down: `drop table ${table}_notes;`,
      }
  }
}

/**
 * The files of a set, name to text.
 *
 * @param {'dbmate' | 'golang-migrate' | 'plain'} layout
 * @param {number} count how many migrations
 * @returns {Record<string, string>}
 */
export function migrationSet(layout, count) {
  /** @type {Record<string, string>} */
  const files = {}
  for (let index = 0; index < count; index += 1) {
    const { name, up, down } = stepOf(index)
    if (layout === 'golang-migrate') {
      const version = String(index + 1).padStart(6, '0')
      files[`${version}_${name}.up.sql`] = `${up}\n`
      files[`${version}_${name}.down.sql`] = `${down}\n`
      continue
    }
    const version = new Date(Date.UTC(2021, 0, 4, 9) + index * 37_000_000).toISOString().replace(/\D/g, '').slice(0, 14)
    files[`${version}_${name}.sql`] =
      layout === 'plain' ? `${up}\n` : `-- migrate:up\n${up}\n\n-- migrate:down\n${down}\n`
  }
  return files
}
