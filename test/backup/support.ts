import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { BackupPorts } from '../../lib/backup/context.ts'
import { type DrillOptions, drill } from '../../lib/backup/drill.ts'
import { openBackup } from '../../lib/backup/open.ts'
import { type Taken, type TakeRequest, takeBackup } from '../../lib/backup/take.ts'
import { folderTarget } from '../../lib/backup/targets/folder.ts'
import { adminUser } from '../../lib/database/engine/cluster.ts'
import type { DrillReport } from '../../lib/model/backup.ts'
import type { TakenSource } from '../../lib/model/backup-sources.ts'
import { FailureError, ok } from '../../lib/model/failure.ts'
import type { TestServer } from '../database/support/server.ts'
import { temporaryFolder } from '../support/index.ts'

/** Backups of a server's database, without a workspace. */
export type Bench = {
  ports: BackupPorts
  /** The folder that is the target. */
  target: string
  source: TakenSource
  take(more?: Partial<TakeRequest>): Promise<Taken>
  drill(backup: number, identity?: string): Promise<DrillReport>
}

/** Prepares backups of one database of a server. */
export async function makeBench(server: TestServer, database: string, method: 'logical' | 'physical'): Promise<Bench> {
  const folder = temporaryFolder()
  const target = join(folder, 'backups')
  const scratch = join(temporaryFolder(), 'scratch')
  await mkdir(scratch, { recursive: true, mode: 0o711 })
  await chmod(scratch, 0o711)
  const { host, port, password, engine } = { host: '127.0.0.1', ...server }
  const ports: BackupPorts = {
    workspace: { name: 'test', id: 'test0000' },
    environment: 'dev',
    folder,
    serviceAddress: async () => ok({ host, port }),
    administrator: async () => ok({ host, port, user: adminUser, password }),
    engine: async () => ok(engine),
    dataFolder: async () => server.folder,
    scratchFolder: async () => scratch,
  }
  const source: TakenSource = { type: 'database', service: 'postgres', database, method, version: engine.major }
  const { signal } = new AbortController()
  const common: DrillOptions = { run: 'test-run', signal, output: () => {} }
  return {
    ports,
    target,
    source,
    take: (more = {}) =>
      takeBackup(ports, {
        ...common,
        reason: 'asked',
        sources: [source],
        targets: [folderTarget(target)],
        secrets: { find: () => undefined },
        recipients: [],
        release: null,
        ...more,
      }),
    async drill(backup, identity) {
      const { readCatalogue } = await import('../../lib/backup/catalogue.ts')
      const { entries } = await readCatalogue([folderTarget(target)], ports)
      const manifest = entries.find(({ number }) => number === backup)?.manifest?.digest ?? ''
      const targets = [{ type: 'folder' as const, path: target }]
      const opened = await openBackup(
        ports,
        { backup, manifest, targets, identity: identity ?? null },
        { signal, secrets: { find: () => undefined } },
      )
      return drill(ports, opened, common)
    },
  }
}

/** The code of the failure that something ends with; undefined when it does not fail. */
export async function codeOf(work: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await work()
    return undefined
  } catch (error) {
    if (error instanceof FailureError) return error.failures[0]?.code
    throw error
  }
}
