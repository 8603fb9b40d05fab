import type { DatabaseAddress } from '../database/connect.ts'
import type { Engine } from '../database/engine/postgres.ts'
import type { Result } from '../model/failure.ts'
import type { Secret } from '../model/secret.ts'

/** What backups need to know of a platform. */
export type BackupPorts = {
  workspace: { name: string; id: string }
  /** `dev`, or `production@local` for a rehearsal. */
  environment: string
  /** The workspace's folder, absolute. */
  folder: string
  /** Where a service's server answers, and its administrator. */
  administrator(service: string): Promise<Result<{ host: string; port: number; user: string; password: Secret }>>
  /** Where a service listens, on its first port. */
  serviceAddress(service: string): Promise<Result<{ host: string; port: number }>>
  /** The engine that serves a service, found (and made usable) here. */
  engine(
    wanted: { service: string; version: number; prefer: 'embedded' | 'system' },
    signal: AbortSignal,
  ): Promise<Result<Engine>>
  /** The service's data folder, which holds a folder for each major version. */
  dataFolder(service: string): Promise<string>
  /** An existing private folder for what is only needed for a while, which the servers' account can enter. */
  scratchFolder(): Promise<string>
}

/** How a server is reached as its administrator. */
export type Server = Omit<DatabaseAddress, 'database' | 'applicationName' | 'signal'>
