import { chown, mkdir, readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { notEnterable } from '../../database/engine/user.ts'
import type { BackupManifest, ManifestSource, RepositoryPlace } from '../../model/backup.ts'
import { type Failure, FailureError } from '../../model/failure.ts'
import type { BackupOwner } from '../catalogue.ts'
import type { Target } from '../targets/target.ts'
import type { Account } from './configuration.ts'
import { pgBackRest, type Stanza, withRepository } from './program.ts'

/** Where the repository of an environment is within a target. It is pgBackRest's own: its program reads it without us. */
export const repositoryIn = (folder: string, { workspace, environment }: BackupOwner): string =>
  join(folder, '_pgbackrest', workspace.id, environment)

/** What of a backup is in a repository. */
export const placesIn = (manifest: BackupManifest | undefined): RepositoryPlace[] =>
  (manifest?.sources ?? []).flatMap(({ pgbackrest }: ManifestSource) => pgbackrest ?? [])

/** The repository of an environment, in the first target that has it. Failure: `repository-missing`. */
export async function findRepository(targets: readonly Target[], owner: BackupOwner): Promise<string> {
  for (const { folder } of targets) {
    if (folder === undefined) continue
    const repository = repositoryIn(folder, owner)
    if (await stat(join(repository, 'backup')).catch(() => undefined)) return repository
  }
  throw new FailureError({
    code: 'repository-missing',
    message: `the repository of pgBackRest is not in ${targets.map(({ name }) => name).join(', ')}`,
    why: 'such a backup is in the first folder among its targets, and the others only know of it',
    outcome: 'unchanged',
  })
}

/** Makes the folder of a repository, for an account that has to be able to enter it. Failure: `repository-not-enterable`. */
export async function makeRepository(repository: string, account: Account | undefined): Promise<void> {
  await mkdir(dirname(repository), { recursive: true, mode: 0o711 })
  await mkdir(repository, { recursive: true, mode: 0o700 })
  if (!account) return
  const blocked = await notEnterable(dirname(repository), { name: '', ...account })
  if (blocked !== undefined) {
    throw new FailureError({
      code: 'repository-not-enterable',
      message: `the server's account (user ${account.uid}) cannot enter ${blocked}, below which the repository of pgBackRest is`,
      why: 'the server itself hands its WAL over to it',
      next: [`chmod o+x ${blocked}`],
      outcome: 'unchanged',
    })
  }
  await chown(repository, account.uid, account.gid)
}

const infoSchema = z.array(
  z.object({
    name: z.string(),
    backup: z
      .array(
        z.object({
          label: z.string(),
          annotation: z.record(z.string(), z.string()).optional(),
          error: z.boolean().nullish(),
          info: z.object({ size: z.int(), repository: z.object({ size: z.int().optional(), delta: z.int() }) }),
        }),
      )
      .default([]),
  }),
)

/** A backup in a repository. */
export type RepositoryBackup = { label: string; run: string | undefined; bytes: number; damaged: boolean }

/** The backups in a repository, the oldest first. */
export async function listRepository(stanza: Stanza, signal?: AbortSignal): Promise<RepositoryBackup[]> {
  const text = await pgBackRest(stanza, ['info', '--output=json'], signal ? { signal } : {})
  const found = infoSchema.safeParse(JSON.parse(text))
  if (!found.success) throw new Error(`pgbackrest info said something else than is known: ${found.error.message}`)
  return (found.data.find(({ name }) => name === stanza.stanza)?.backup ?? []).map(
    ({ label, annotation, error, info }) => ({
      label,
      run: annotation?.run,
      bytes: info.repository.size ?? info.repository.delta,
      damaged: error === true,
    }),
  )
}

/** Removes a backup from the repository, and the WAL from before the oldest one that stays. What is not there any more is no failure. */
export async function expireBackup(stanza: Stanza, label: string, signal?: AbortSignal): Promise<void> {
  const backups = await listRepository(stanza, signal)
  if (!backups.some((one) => one.label === label)) return
  const stay = Math.max(1, backups.length - 1)
  await pgBackRest(stanza, ['expire', `--set=${label}`, `--repo1-retention-full=${stay}`], signal ? { signal } : {})
}

/**
 * What is wrong with what a backup has in a repository: every file of it and of its WAL is read through and compared with what pgBackRest has noted, by `pgbackrest
 * verify`, which looks at all that the repository has.
 */
export async function checkRepository(
  targets: readonly Target[],
  owner: BackupOwner,
  number: number,
  { stanza, label }: RepositoryPlace,
  signal: AbortSignal,
): Promise<Failure[]> {
  const repository = await findRepository(targets, owner)
  return withRepository({ repository, stanza }, async (place) => {
    const found = (await listRepository(place, signal)).find((one) => one.label === label)
    if (!found || found.damaged) {
      const message = found
        ? `pgBackRest found pages with wrong checksums when it took backup ${number} (${label})`
        : `backup ${number} is not in ${repository} any more: pgBackRest knows no ${label}`
      return [{ code: 'backup-incomplete', message, next: ['task backup'] }]
    }
    const said = await pgBackRest(place, ['verify', '--log-level-console=info'], { signal })
    const wrong = said.split('\n').filter((line) => /ERROR|WARN|missing: [1-9]|invalid: [1-9]/.test(line))
    const about = wrong.filter((line) => !/backup: \S+/.test(line) || line.includes(label))
    return about.length === 0
      ? []
      : [
          {
            code: 'backup-damaged',
            message: `backup ${number} is not whole in the repository of pgBackRest`,
            lines: about.slice(0, 20),
            next: ['task backup'],
          },
        ]
  })
}

/** When the newest WAL of a backup's timeline came into a repository, ISO 8601: up to then it can be recovered to. Undefined where there is none. */
export async function newestWal(
  repository: string,
  { stanza, timeline }: RepositoryPlace,
): Promise<string | undefined> {
  const archive = join(repository, 'archive', stanza)
  let newest = 0
  for (const name of await readdir(archive, { recursive: true }).catch(() => [])) {
    const [, wal = ''] = /(?:^|\/)([0-9A-F]{24})-[0-9a-f]{40}/.exec(name) ?? []
    if (wal === '' || !wal.startsWith(timeline)) continue
    newest = Math.max(newest, (await stat(join(archive, name)).catch(() => undefined))?.mtimeMs ?? 0)
  }
  return newest === 0 ? undefined : new Date(newest).toISOString()
}
