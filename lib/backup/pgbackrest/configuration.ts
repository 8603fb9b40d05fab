import { chown, mkdir, rename, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'

/** A user and a group by their numbers. */
export type Account = { uid: number; gid: number }

/** Of no repository, and so never reached: what is kept is the policy's business, and not pgBackRest's. */
const neverExpires = 9_999_999

/**
 * Writes pgBackRest's configuration (pgbackrest.org/configuration.html) into a folder that becomes the account's own, for nobody else to read. Returns the file's path.
 * @param dataFolder of the server
 * @param port where the server listens; undefined where only the repository is used
 */
export async function writeConfiguration(
  folder: string,
  {
    repository,
    stanza,
    dataFolder,
    port,
    account,
  }: { repository: string; stanza: string; dataFolder: string; port?: number; account: Account | undefined },
): Promise<string> {
  const locks = join(folder, 'lock')
  await mkdir(locks, { recursive: true, mode: 0o700 })
  const path = join(folder, 'pgbackrest.conf')
  const text = [
    '# Written by task backup. What is said here is said anew with every backup.',
    '[global]',
    `repo1-path=${repository}`,
    `repo1-retention-full=${neverExpires}`,
    'compress-type=zst',
    'compress-level=1',
    `process-max=${Math.max(1, Math.min(4, availableParallelism()))}`,
    'start-fast=y',
    'archive-timeout=60',
    'log-level-console=warn',
    'log-level-file=off',
    `lock-path=${locks}`,
    '',
    `[${stanza}]`,
    `pg1-path=${dataFolder}`,
    ...(port === undefined ? [] : [`pg1-port=${port}`, 'pg1-user=postgres']),
    '',
  ].join('\n')
  await writeFile(`${path}.new`, text, { mode: 0o600 })
  for (const one of account ? [folder, locks, `${path}.new`] : [])
    await chown(one, account?.uid ?? 0, account?.gid ?? 0)
  await rename(`${path}.new`, path)
  return path
}

/** A word as a shell takes it, in which PostgreSQL's placeholders (`%p`) are none. */
const word = (text: string): string => `'${text.replaceAll("'", `'\\''`).replaceAll('%', '%%')}'`

/** What a server's `archive_command` is. */
export const archiveCommand = (program: string, configuration: string, stanza: string): string =>
  `${word(program)} ${word(`--config=${configuration}`)} ${word(`--stanza=${stanza}`)} archive-push "%p"`

/** What a recovering server's `restore_command` is. */
export const restoreCommand = (program: string, configuration: string, stanza: string): string =>
  `${word(program)} ${word(`--config=${configuration}`)} ${word(`--stanza=${stanza}`)} archive-get %f "%p"`
