import { type BackupHandlers, backupHandlers } from '../backup/handlers.ts'
import { makeFolders } from '../database/engine/native.ts'
import { locateEngine } from '../database/engine/postgres.ts'
import { type DatabaseHandlers, databaseHandlers } from '../database/handlers.ts'
import { KnownFiles, knownFilesPath } from '../database/known-files.ts'
import type { Result } from '../model/failure.ts'
import type { Endpoint, Platform } from '../model/platform.ts'
import type { LocalContext } from './local/context.ts'
import { engineFolder, ensureDataFolder } from './local/data-root.ts'
import { sourceFolder } from './local/prepare.ts'

/** The kinds of ops on databases and backups, without that of a server of this machine. */
export type DataHandlers = Omit<DatabaseHandlers, 'create-data'> & BackupHandlers

/**
 * The handlers of ops on databases and backups where the servers are elsewhere: this machine has the files, the programs, and scratch servers for
 * drills; `reach` finds the way to the environment's own.
 */
export function dataHandlers(
  local: LocalContext,
  reach: { administrator: Platform['administrator']; serviceAddress(service: string): Promise<Result<Endpoint>> },
): DataHandlers {
  const { folder, environment, workspaceName: name, workspaceId: id } = local
  const dataFolder = (service: string) => ensureDataFolder({ ...local, service })
  const engine = (wanted: { version: number; prefer: 'embedded' | 'system' }, signal: AbortSignal) =>
    locateEngine({ ...wanted, workspaceFolder: folder, engineFolder: engineFolder(folder), signal })
  const { 'create-data': _, ...database } = databaseHandlers({
    engine,
    dataFolder,
    environment,
    sourceFolder: (source) => sourceFolder(local, source),
    administrator: reach.administrator,
    knownFiles: () => KnownFiles.read(knownFilesPath(folder)),
  })
  return {
    ...database,
    ...backupHandlers({
      ...reach,
      workspace: { name, id },
      environment,
      folder,
      engine,
      dataFolder,
      async scratchFolder() {
        const path = await ensureDataFolder({ ...local, service: '.scratch' })
        await makeFolders(path, 0o711)
        return path
      },
    }),
  }
}
