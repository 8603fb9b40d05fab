import fs from 'node:fs'
import path from 'node:path'
import type { TestPostgres } from './postgres.ts'

const folder = path.resolve('example/database/migrations')

/** The migrations' file names, oldest first. */
export const migrations = fs
  .readdirSync(folder)
  .filter((name) => name.endsWith('.sql'))
  .sort()

/**
 * Runs one part of a migration, each of its statements by itself, as `transaction:false` demands. A small splitter will do:
 * the example's migrations have no `;` at a line's end but between statements.
 */
export async function migrate(postgres: TestPostgres, name: string, direction: 'up' | 'down'): Promise<void> {
  const text = fs.readFileSync(path.join(folder, name), 'utf8')
  const [, up = '', down = ''] = text.split(/^-- migrate:(?:up|down)\b.*$/m)
  for (const statement of (direction === 'up' ? up : down).split(/;\s*$/m)) {
    if (statement.trim() !== '') await postgres.query(statement)
  }
}

/** Applies all migrations. */
export async function migrateAll(postgres: TestPostgres): Promise<void> {
  for (const name of migrations) await migrate(postgres, name, 'up')
}
