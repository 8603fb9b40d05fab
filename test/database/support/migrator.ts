import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { applicationName, withDatabase } from '../../../lib/database/connect.ts'
import { adminUser } from '../../../lib/database/engine/cluster.ts'
import { readMigrations, readSeeds } from '../../../lib/database/files.ts'
import { type ApplyOptions, applyMigrations } from '../../../lib/database/migrations/apply.ts'
import { readLedger } from '../../../lib/database/migrations/ledger.ts'
import { applySeeds } from '../../../lib/database/seeds/apply.ts'
import { ok, type Result, unwrap } from '../../../lib/model/failure.ts'
import { temporaryFolder } from '../../support/index.ts'
import { secret, type TestServer } from './server.ts'

/** Where a migrator connects: enough to start one in another process. */
export type Target = { port: number; password: string; database: string; root: string; application: string }

/** Quick to give up and to try again, so that tests need not wait. */
export const impatient = { lockTimeoutMs: 200, attempts: 50, firstPauseMs: 20, longestPauseMs: 100 }

/** A source with migrations and seeds, and a database of its own to apply them to. */
export class MigrationFolder {
  readonly root = temporaryFolder()
  readonly lines: string[] = []
  readonly server: TestServer
  readonly database: string

  private constructor(server: TestServer, database: string) {
    this.server = server
    this.database = database
  }

  static async make(server: TestServer): Promise<MigrationFolder> {
    return new MigrationFolder(server, await server.database())
  }

  /** Writes files below `migrations/` or, with a slash in the name, elsewhere; `undefined` removes one. */
  write(files: Record<string, string | undefined>): void {
    for (const [name, text] of Object.entries(files)) {
      const path = join(this.root, name.includes('/') ? name : `migrations/${name}`)
      mkdirSync(dirname(path), { recursive: true })
      if (text === undefined) rmSync(path)
      else writeFileSync(path, text)
    }
  }

  get target(): Target {
    const { port, password } = this.server
    return { port, password: password.reveal(), database: this.database, root: this.root, application: 'test-run' }
  }

  /** Applies the folder's migrations in this process. */
  up(options: Partial<ApplyOptions> = {}): Promise<Result<string[]>> {
    return migrate(this.target, { output: (line) => this.lines.push(line), ...options })
  }

  seed(): Promise<Result<string[]>> {
    return withDatabase(addressOf(this.target), async (connection) => {
      const files = await readSeeds(this.root, 'seeds')
      return files.ok
        ? applySeeds(connection, files.value, {
            root: this.root,
            output: (line) => this.lines.push(line),
            patience: impatient,
          })
        : files
    })
  }

  query(sql: string, values?: unknown[]): Promise<Record<string, unknown>[]> {
    return this.server.query(sql, values, this.database)
  }

  /** The versions in the ledger, in the order of their application. */
  async applied(): Promise<string[]> {
    const ledger = await withDatabase(addressOf(this.target), async (connection) => ok(await readLedger(connection)))
    return unwrap(ledger).applied.map(({ version }) => version)
  }
}

/** Applies the migrations of a target. */
export async function migrate(target: Target, options: Partial<ApplyOptions> = {}): Promise<Result<string[]>> {
  return withDatabase(addressOf(target), async (connection) => {
    const files = await readMigrations(target.root, 'migrations')
    if (!files.ok) return files
    return applyMigrations(connection, files.value, {
      root: target.root,
      output: () => {},
      patience: impatient,
      ...options,
    })
  })
}

/** Where a target is, as administrator. */
export function addressOf({ port, password, database, application }: Target) {
  return {
    host: '127.0.0.1',
    port,
    database,
    user: adminUser,
    password: secret(password),
    applicationName: applicationName(application),
  }
}
