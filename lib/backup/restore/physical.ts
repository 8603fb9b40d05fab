import { chown, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Engine } from '../../database/engine/postgres.ts'
import { FailureError } from '../../model/failure.ts'
import { fetchFile } from '../fetch.ts'
import { restoreFromRepository } from '../pgbackrest/restore.ts'
import { type ScratchServer, startRestored } from '../scratch.ts'
import { extract } from '../tar.ts'
import { fileOf, firstThatWorks, type Opened, textOf } from './files.ts'

/**
 * Unpacks a physical backup into a new data folder and starts a private server on it, which recovers up to the backup's restore point. When this resolves
 * the server is at that point and takes statements. Throws `FailureError`.
 * @param dataFolder is made anew; what an earlier attempt has left of it is removed
 * @param durable whether the data folder is to be kept
 */
export async function restorePhysical(
  opened: Opened,
  restore: {
    service: string
    engine: Engine
    dataFolder: string
    folder: string
    durable: boolean
    /** Where recovery ends and what it reads, as settings; default is the backup's restore point. */
    recovery?: readonly string[]
  },
): Promise<ScratchServer> {
  const { service, engine, dataFolder } = restore
  const source = opened.manifest.sources.find(({ name }) => name === service)
  const major = Number.parseInt(source?.server ?? '0', 10)
  if (major !== engine.major) throw new FailureError(otherMajor(service, major, engine.major))
  if (source?.pgbackrest) {
    const place = { environment: opened.manifest.environment, workspace: opened.manifest.workspace }
    const settings = await restoreFromRepository(opened, place, source.pgbackrest, restore)
    const recovery = restore.recovery ?? [`recovery_target_name=${String(source.point ?? '')}`]
    return startRestored(engine, dataFolder, restore.folder, {
      durable: restore.durable,
      signal: opened.signal,
      settings: [...settings, ...recovery, 'recovery_target_action=promote'],
    })
  }
  const owner = engine.user && { uid: engine.user.uid, gid: engine.user.gid }
  const unpack = (
    holds: 'cluster' | 'wal',
    name: string,
    folder: string,
    rename: (name: string) => string | undefined,
  ) =>
    firstThatWorks(opened, async (target) => {
      const file = fileOf(opened, service, holds, name)
      await rm(folder, { recursive: true, force: true })
      await mkdir(folder, { recursive: true, mode: 0o700 })
      if (owner) await chown(folder, owner.uid, owner.gid)
      const content = fetchFile(target, opened.prefix, file, opened.identities, opened.signal)
      await extract(content, folder, { ...(owner && { owner }), rename, name: file.name })
    })
  await unpack('cluster', '.cluster.tar', dataFolder, (name) => (name === 'data' ? '.' : name.replace(/^data\//, '')))
  await unpack('wal', '.wal.tar', join(dataFolder, 'pg_wal'), (name) => name)
  const label = await textOf(opened, fileOf(opened, service, 'wal', '.backup_label'))
  for (const [name, text] of [
    ['backup_label', label],
    ['recovery.signal', ''],
  ] as const) {
    await writeFile(join(dataFolder, name), text, { mode: 0o600 })
    if (owner) await chown(join(dataFolder, name), owner.uid, owner.gid)
  }
  return startRestored(engine, dataFolder, restore.folder, {
    durable: restore.durable,
    signal: opened.signal,
    settings: [
      ...(restore.recovery ?? [
        // All WAL is in its folder; a command is asked for all the same, and has nothing to give.
        'restore_command=false',
        `recovery_target_name=${String(source?.point ?? '')}`,
      ]),
      'recovery_target_action=promote',
    ],
  })
}

const otherMajor = (service: string, found: number, wanted: number) => ({
  code: 'database-major-changed',
  message: `the backup of ${service} is of PostgreSQL ${found}, and the server here is PostgreSQL ${wanted}`,
  why: 'a physical backup can only be read by its own major version',
  next: [`set version: ${found} in the service's local section`],
  outcome: 'unchanged' as const,
})
