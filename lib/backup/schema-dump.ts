import type { DatabaseAddress } from '../database/connect.ts'
import { normaliseDump } from '../database/schema/dump.ts'
import { outputOf } from './client-run.ts'
import { type Client, findClients } from './clients.ts'

/**
 * The schema of a database as normalised text, by pg_dump; without owners, privileges and the ledger. Undefined where no client of this machine can dump
 * the server. Throws `FailureError` (`client-failed`, `aborted`).
 *
 * @param major the server's version
 */
export async function dumpSchema(
  address: DatabaseAddress,
  major: number,
  options: { signal: AbortSignal; env?: NodeJS.ProcessEnv },
): Promise<string | undefined> {
  const clients = await findClients(options.env, options.signal)
  const client: Client | undefined = clients.find((one) => one.major >= major)
  if (client === undefined) return undefined
  const chunks: Uint8Array[] = []
  const argv = [
    `${client.bin}/pg_dump`,
    '--schema-only',
    '--no-owner',
    '--no-privileges',
    '--no-tablespaces',
    '--exclude-schema=vital_ops',
    '--no-password',
    '--lock-wait-timeout=10s',
    '--encoding=UTF8',
  ] as const
  for await (const chunk of outputOf([...argv], { address, signal: options.signal })) chunks.push(chunk)
  return normaliseDump(Buffer.concat(chunks).toString('utf8'))
}
