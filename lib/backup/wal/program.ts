import { join } from 'node:path'
import type { Failure } from '../../model/failure.ts'
import { exists } from '../../system/files.ts'
import { findClients } from '../clients.ts'

/** A `pg_receivewal`, and the major version that it is of. */
export type WalProgram = { path: string; major: number }

/** All `pg_receivewal` of this machine, the oldest version first. */
export async function findWalPrograms(signal?: AbortSignal): Promise<WalProgram[]> {
  const found: WalProgram[] = []
  for (const { bin, major } of await findClients(process.env, signal)) {
    const path = join(bin, 'pg_receivewal')
    if (await exists(path)) found.push({ path, major })
  }
  return found
}

/** The one for a server: an older one refuses, a newer one does not (pg_receivewal(1)). */
export const walProgramFor = (programs: readonly WalProgram[], major: number): WalProgram | undefined =>
  programs.find((program) => program.major >= major)

/** What is missing for a server's WAL to be received. */
export const noWalProgram = (major: number): Failure => ({
  code: 'no-pg-receivewal',
  message: `the WAL of PostgreSQL ${major} is received by pg_receivewal ${major} or newer, which is not on this machine`,
  next: [`apt-get install postgresql-client-${major}`, 'or set pointInTime: false under backup'],
  outcome: 'unchanged',
})
