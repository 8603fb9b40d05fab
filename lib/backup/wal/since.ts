import type { Contents } from '../contents.ts'

/** How a database at a moment differs from what was in it when the backup was taken that leads there. */
export type Since = {
  /** Tables with the very rows of then (count and checksum); not among them where the backup could not take exact ones. */
  same: number
  /** Tables with other rows, or where nobody can say. */
  changed: number
  /** Tables that were dropped or renamed since, and those that came. */
  gone: string[]
  added: string[]
  /** What no statement changes in a database that exists: each is a failure of the recovery. */
  impossible: string[]
}

/** What `create database` fixes for good (postgresql.org/docs/current/sql-alterdatabase.html). */
const fixed = ['encoding', 'collate', 'ctype', 'provider'] as const

/**
 * Compares what is there at a moment with what was written down before it. What was written to since proves nothing and is only counted; a table of which
 * nobody says so by its rows is proven to be whole. Pure.
 */
export function changedSince(recorded: Contents, found: Contents): Since {
  const now = new Map(found.tables.map((table) => [table.name, table]))
  const before = new Set(recorded.tables.map(({ name }) => name))
  const there = recorded.tables.filter(({ name }) => now.has(name))
  const same = there.filter(({ name, rows, checksum }) => {
    const table = now.get(name)
    return recorded.exact && table?.rows === rows && table.checksum === checksum
  }).length
  return {
    same,
    changed: there.length - same,
    gone: recorded.tables.flatMap(({ name }) => (now.has(name) ? [] : [name])),
    added: found.tables.flatMap(({ name }) => (before.has(name) ? [] : [name])),
    impossible: fixed.flatMap((key) =>
      recorded.database[key] === found.database[key]
        ? []
        : [`the database's ${key} is ${found.database[key]}, and was ${recorded.database[key]}`],
    ),
  }
}

/** `of the 12 tables of the backup 9 have the same rows, 2 changed since, gone: public.x; new: public.y` */
export function sinceText({ same, changed, gone, added }: Since): string {
  const parts = [`of the ${same + changed + gone.length} tables of the backup ${same} have the same rows`]
  if (changed > 0) parts.push(`${changed} changed since`)
  if (gone.length > 0) parts.push(`gone: ${few(gone)}`)
  if (added.length > 0) parts.push(`new: ${few(added)}`)
  return parts.join(', ')
}

const few = (names: readonly string[]): string =>
  names.length > 5 ? `${names.slice(0, 5).join(' ')} and ${names.length - 5} more` : names.join(' ')
