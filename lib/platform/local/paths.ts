import { join } from 'node:path'

/** Where the local platform keeps its files: everything below `.ops/` of the workspace. Absolute when the workspace's folder is. */
export const opsFolder = (folder: string): string => join(folder, '.ops')

/** The supervisor's own files; a private folder. */
export const supervisorFolder = (folder: string): string => join(opsFolder(folder), 'supervisor')

/** Where the running supervisor is: see `SupervisorRecord`. */
export const supervisorRecordPath = (folder: string): string => join(supervisorFolder(folder), 'supervisor.json')

/** What the supervisor knows of its services: see `StateFile`. */
export const statePath = (folder: string): string => join(supervisorFolder(folder), 'state.json')

/** What the supervisor itself has to say, and its stack when it dies of a defect. */
export const supervisorLogPath = (folder: string): string => join(supervisorFolder(folder), 'supervisor.log')

/** The log of a service, the newest file of its rotation. */
export const serviceLogPath = (folder: string, environment: string, service: string): string =>
  join(opsFolder(folder), 'logs', environment, `${service}.log`)

/** What belongs to an environment alone and is no release. */
export const environmentFolder = (folder: string, environment: string): string =>
  join(opsFolder(folder), 'environments', environment)

/** The folder of a release. */
export const releaseFolder = (folder: string, environment: string, release: number): string =>
  join(opsFolder(folder), 'releases', environment, String(release))

/** The files of a release. */
export const releaseSourceFolder = (folder: string, environment: string, release: number): string =>
  join(releaseFolder(folder, environment, release), 'source')
