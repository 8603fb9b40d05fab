/*
 * Answers `task migrate status` where a note of the last one holds (tasks/support/status-note.ts): with what a thousand migrations take, that is asked of the
 * database alone.
 */
import { readFileSync } from 'node:fs'
import { migrationStatusText } from '../../tasks/support/migration-status.ts'
import { currentStatusNote } from '../../tasks/support/status-note.ts'
import { migrationStatus } from '../database/migrations/compare.ts'
import { readLedgerRows } from '../database/migrations/ledger-rows.ts'
import { isTerminal, writeAll } from './standard-streams.ts'
import { hasColor } from './terminal.ts'

/** Prints the status, where it is known what to ask and the database answers as usual; whether it did. The rest is for the command itself to tell. */
export async function printStatus(argv: readonly string[]): Promise<boolean> {
  try {
    const answer = await statusAnswer(argv)
    if (answer !== undefined) writeAll(1, answer)
    return answer !== undefined
  } catch {
    return false
  }
}

async function statusAnswer(argv: readonly string[]): Promise<string | undefined> {
  const found = currentStatusNote(argv)
  if (found === undefined) return undefined
  const { environment, migrations, database } = found
  const { passwordFile, name, ...server } = database
  const password = readFileSync(passwordFile, 'utf8').trim()
  const ledger = await readLedgerRows({ ...server, database: name, password })
  if (ledger === undefined) return undefined
  const result = { environment, reachable: true, migrations: migrationStatus(migrations, ledger.applied, ledger) }
  if (argv.includes('--json')) {
    return `${JSON.stringify({ task: 'migrate status', outcome: 'done', exitCode: 0, result })}\n`
  }
  const isShown = isTerminal(1)
  return migrationStatusText(result, {
    color: hasColor({ isTTY: isShown }, undefined, process.env),
    columns: isShown ? (process.stdout.columns ?? 80) : 80,
    isTerminal: isShown,
  })
}
