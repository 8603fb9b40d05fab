import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatabaseAddress } from '../../database/connect.ts'
import { serverEnvironment } from '../../database/engine/program.ts'
import { FailureError, unwrap } from '../../model/failure.ts'
import { findProgram } from '../../system/machine.ts'
import { startProcess } from '../../system/processes.ts'
import { type Account, writeConfiguration } from './configuration.ts'

/** `ChecksumError` of pgBackRest (src/build/error/error.yaml). */
const checksumError = 26

/** How many of a program's last lines are kept. */
const keptLines = 20

/** Where a stanza is, and how pgBackRest gets there. */
export type Stanza = {
  /** Its name: the service's. */
  stanza: string
  /** The configuration's file; everything that is not for the eyes of others, and all paths, are in it. */
  configuration: string
  /** Who it runs as, where this process is root: the repository's owner, who is the server's account, too. */
  account: Account | undefined
}

/** The program. Failure: `pgbackrest-missing`. */
export function pgBackRestProgram(): string {
  const program = findProgram('pgbackrest')
  if (program !== undefined) return program
  throw new FailureError({
    code: 'pgbackrest-missing',
    message: 'the policy names pgBackRest as the engine of a backup, and it is not installed here',
    next: ['apt-get install pgbackrest', 'or take `engine: pgbackrest` out of the source'],
    outcome: 'unchanged',
  })
}

/**
 * Runs one of its commands to its end and returns what it printed. The password of the database is in its environment, from where libpq takes it; nothing of it
 * is in its arguments or its configuration. Throws `backup-damaged`, `pgbackrest-failed` with its last lines.
 */
export async function pgBackRest(
  { stanza, configuration, account }: Stanza,
  args: readonly [string, ...string[]],
  { signal, address, output }: { signal?: AbortSignal; address?: DatabaseAddress; output?: (line: string) => void },
): Promise<string> {
  const [command, ...options] = args
  const argv = [pgBackRestProgram(), `--config=${configuration}`, `--stanza=${stanza}`, ...options, command] as const
  const printed: Buffer[] = []
  let said = ''
  const env = {
    ...serverEnvironment(),
    // It knows servers by their sockets alone; libpq, which it uses, by these too.
    ...(address && { PGHOST: address.host, PGPASSWORD: address.password.reveal(), PGAPPNAME: address.applicationName }),
  }
  const running = unwrap(
    await startProcess({
      argv: [...argv] as [string, ...string[]],
      cwd: '/',
      env,
      ...account,
      ...(signal && { signal }),
      // It releases its locks and ends a backup that it has begun on the server.
      graceMs: 10_000,
      stdout: (chunk) => void printed.push(chunk),
      stderr: (chunk) => {
        said = `${said}${chunk.toString('utf8')}`.slice(-8000)
      },
    }),
  )
  const { status } = await running.exited
  await running.output
  await running.stop({ graceMs: 1000 })
  const text = Buffer.concat(printed).toString('utf8')
  const lines = `${args[0] === 'info' ? '' : text}\n${said}`.split('\n').filter((line) => line.trim() !== '')
  for (const line of status === 0 ? lines : []) output?.(line)
  if (status === 0) return text
  if (signal?.aborted) {
    throw new FailureError({ code: 'aborted', message: 'pgbackrest was ended, because the command was interrupted' })
  }
  if (status === checksumError) {
    throw new FailureError({
      code: 'backup-damaged',
      message: 'the backup is damaged: what the repository of pgBackRest has is something else than was written',
      lines: lines.slice(-keptLines),
      next: ['restore another backup: task backups'],
      outcome: 'unchanged',
    })
  }
  throw new FailureError({
    code: 'pgbackrest-failed',
    message: `pgbackrest ${command} ended with status ${status}`,
    lines: lines.slice(-keptLines),
  })
}

/** Uses a repository for a moment, with a configuration that goes away afterwards: to look at it, or to remove from it. */
export async function withRepository<T>(
  at: { repository: string; stanza: string },
  use: (stanza: Stanza) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'vital-ops-pgbackrest-'))
  try {
    const account = await ownerOf(at.repository)
    const configuration = await writeConfiguration(folder, { ...at, dataFolder: join(folder, 'none'), account })
    return await use({ stanza: at.stanza, configuration, account })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Who has to be who works on a folder; undefined where that is this process. Throws errors of the file system. */
export async function ownerOf(folder: string): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const { uid, gid } = await stat(folder)
  return uid === 0 ? undefined : { uid, gid }
}
