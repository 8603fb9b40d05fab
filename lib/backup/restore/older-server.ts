import { join } from 'node:path'
import { type ClientRun, outputOf, runClient } from '../client-run.ts'
import type { Client } from '../clients.ts'

/**
 * Settings that newer releases of pg_restore set before anything else and that older servers do not know, so that not even the first statement passes
 * (measured with pg_restore 17 into PostgreSQL 15).
 */
const unknown = new Set(['transaction_timeout'])

/** What stands before the first statement of a script: comments, settings, and what psql itself is told. */
const preamble = /^(--.*|\\.*|SET .*|SELECT pg_catalog\.set_config\(.*|\s*)$/

/**
 * Restores a dump into a server that is older than the client which has dumped it: as a script through psql, without the settings that the server does not
 * know. It takes longer than pg_restore with several connections. Throws `FailureError`.
 */
export async function restoreIntoOlder(
  client: Client,
  argv: readonly string[],
  file: string,
  run: ClientRun,
): Promise<void> {
  const script = outputOf([join(client.bin, 'pg_restore'), ...argv, '--file=-', file], run)
  await runClient(
    [
      join(client.bin, 'psql'),
      '--no-psqlrc',
      '--no-password',
      '--quiet',
      '--output=/dev/null',
      '--set=ON_ERROR_STOP=1',
      `--dbname=${run.address.database}`,
    ],
    { ...run, input: withoutUnknown(script) },
  )
}

/** The script without the settings of its preamble that an older server does not know. What comes after the preamble passes as it is. */
export async function* withoutUnknown(script: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Buffer | undefined = Buffer.alloc(0)
  for await (const chunk of script) {
    if (held === undefined) {
      yield chunk
      continue
    }
    held = Buffer.concat([held, chunk])
    for (let end = held.indexOf('\n'); end >= 0; end = held.indexOf('\n')) {
      const line: string = held.subarray(0, end).toString('utf8')
      if (!preamble.test(line)) {
        yield held
        held = undefined
        break
      }
      const [, name] = /^SET (\w+) = /.exec(line) ?? []
      if (name === undefined || !unknown.has(name)) yield held.subarray(0, end + 1)
      held = held.subarray(end + 1)
    }
  }
  if (held !== undefined && held.length > 0) yield held
}
