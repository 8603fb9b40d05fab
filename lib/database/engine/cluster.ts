import { randomBytes } from 'node:crypto'
import { chown, link, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Failure, failed, ok, type Result, unwrap } from '../../model/failure.ts'
import { Secret } from '../../model/secret.ts'
import { errorCode, fileFailure, syncFolder } from '../../system/files.ts'
import { removeLeftovers, temporaryName } from './leftovers.ts'
import { makeFolders } from './native.ts'
import type { Engine } from './postgres.ts'
import { runProgram } from './program.ts'
import { folderNotEnterable, notEnterable } from './user.ts'

/** The engine's administrator: the superuser that initdb makes. Services have roles of their own. */
export const adminUser = 'postgres'

/** Where a major version's cluster is in a service's data folder. */
export const dataFolderOf = (folder: string, major: number): string => join(folder, `postgres-${major}`)

/** Where the password of a cluster's administrator is kept. */
export const adminFileOf = (folder: string, major: number): string => join(folder, `postgres-${major}.admin`)

/** What is in a service's data folder: the wanted cluster, and clusters of other major versions. */
export type ClusterState = { created: boolean; others: number[] }

/** Looks at a service's data folder without changing it. */
export async function inspectCluster(folder: string, major: number): Promise<ClusterState> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  })
  const majors = names.flatMap((name) => /^postgres-(\d+)$/.exec(name)?.[1] ?? []).map(Number)
  return { created: majors.includes(major), others: majors.filter((other) => other !== major).sort((a, b) => a - b) }
}

/**
 * Makes a service's cluster if it is not there: initdb into a folder beside it, which gets its name when it is whole and on disk. Killed at
 * any point, the next call begins anew. The administrator's password is written first (0600), so that no cluster is without one.
 * Encoding UTF-8, SCRAM for every connection, page checksums; text sorts by code point and its case is Unicode's, the same on each machine
 * (see docs/embedded-postgres.md).
 *
 * Failures: `database-major-changed`, `data-folder-not-enterable`, `database-not-created`, `aborted`, those of the file system.
 */
export async function createCluster(options: {
  engine: Engine
  folder: string
  signal?: AbortSignal
  output?: (line: string) => void
  /** False: it need not survive a power cut, and no file is waited for. */
  durable?: boolean
}): Promise<Result<{ dataFolder: string; created: boolean }>> {
  const { engine, folder } = options
  const dataFolder = dataFolderOf(folder, engine.major)
  const state = await inspectCluster(folder, engine.major)
  if (state.created) return ok({ dataFolder, created: false })
  if (state.others.length > 0) return failed(majorChanged(folder, engine.major, state.others))

  let temporary: string | undefined
  try {
    // Root's cluster belongs to another account: it passes through these folders and sees nothing in them.
    await makeFolders(folder, engine.user ? 0o711 : 0o700)
    const blocked = engine.user && (await notEnterable(folder, engine.user))
    if (engine.user && blocked !== undefined) return failed(folderNotEnterable(folder, blocked, engine.user))
    await removeLeftovers(folder)
    const secret = await ensureAdminSecret(folder, engine.major)
    temporary = await makeTemporary(folder, engine)
    const result = await initialise(engine, temporary, secret, options)
    if (!result.ok) return result
    const created = await takeName(join(temporary, 'data'), dataFolder)
    await syncFolder(folder)
    return ok({ dataFolder, created })
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return failed(fileFailure(error, 'prepared for the database', folder))
  } finally {
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true })
  }
}

/**
 * The administrator's password of a cluster. Failure `admin-secret-missing`: somebody removed the file; the next commands say how to make
 * a new one.
 */
export async function readAdminSecret(folder: string, major: number): Promise<Result<Secret>> {
  const file = adminFileOf(folder, major)
  try {
    return ok(new Secret('administrator of the database', (await readFile(file, 'utf8')).trim()))
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') return failed(fileFailure(error, 'read', file))
    return failed({
      code: 'admin-secret-missing',
      message: "the database administrator's password is not there",
      place: { file },
      why: 'it is written when the database is made; the file was removed since, or its folder is another one',
      next: [`restore ${file} from a backup, or move ${dataFolderOf(folder, major)} away and restore the data`],
      outcome: 'unchanged',
    })
  }
}

/** Of two that make it at once, both get the same: whose cluster gets the name is not yet known. */
async function ensureAdminSecret(folder: string, major: number): Promise<Secret> {
  const file = adminFileOf(folder, major)
  const existing = await readAdminSecret(folder, major)
  if (existing.ok) return existing.value
  const temporary = join(folder, temporaryName(`postgres-${major}.admin`))
  const handle = await open(temporary, 'wx', 0o600)
  try {
    await handle.writeFile(`${randomBytes(24).toString('base64url')}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  // Unlike rename(2), link(2) takes nobody's place.
  await link(temporary, file).catch((error: unknown) => {
    if (errorCode(error) !== 'EEXIST') throw error
  })
  await rm(temporary, { force: true })
  await syncFolder(folder)
  return unwrap(await readAdminSecret(folder, major))
}

/** Gives the new cluster its name; false if somebody else's has it by now, which serves as well. */
async function takeName(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to)
    return true
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST'].includes(errorCode(error) ?? '')) throw error
    return false
  }
}

async function makeTemporary(folder: string, { major, user }: Engine): Promise<string> {
  const temporary = join(folder, temporaryName(`postgres-${major}`))
  await makeFolders(temporary, 0o700)
  if (user) await chown(temporary, user.uid, user.gid)
  return temporary
}

async function initialise(
  engine: Engine,
  temporary: string,
  secret: Secret,
  { durable = true, ...options }: { signal?: AbortSignal; output?: (line: string) => void; durable?: boolean },
): Promise<Result<void>> {
  const passwordFile = join(temporary, 'password')
  const handle = await open(passwordFile, 'wx', 0o600)
  try {
    await handle.writeFile(`${secret.reveal()}\n`)
    if (engine.user) await handle.chown(engine.user.uid, engine.user.gid)
  } finally {
    await handle.close()
  }
  const result = await runProgram(
    [
      join(engine.bin, 'initdb'),
      `--pgdata=${join(temporary, 'data')}`,
      `--username=${adminUser}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--data-checksums',
      ...(durable ? [] : ['--no-sync']),
      ...localeOf(engine.major),
    ],
    { user: engine.user, ...options },
  )
  if (result.ok) return ok(undefined)
  const [failure] = result.failures
  return failed(failure.code === 'program-failed' ? notCreated(engine, failure) : failure)
}

/**
 * Sorting by code point and Unicode's upper and lower case. From 17 on PostgreSQL brings that itself (`builtin`), so that no library's
 * update can change an index's order; before, ICU's root locale is the nearest that every build has.
 */
function localeOf(major: number): string[] {
  if (major >= 17) return ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8']
  return ['--locale=C', '--locale-provider=icu', '--icu-locale=und']
}

function majorChanged(folder: string, major: number, others: number[]): Failure {
  const found = others.at(-1) as number
  return {
    code: 'database-major-changed',
    message: `the service wants PostgreSQL ${major}, but its data are those of PostgreSQL ${found}`,
    place: { file: dataFolderOf(folder, found) },
    why: 'a major version cannot read the data of another; nothing was changed',
    next: [
      `set version: ${found} in the service's local section to go on with these data`,
      `or export them with PostgreSQL ${found}, move ${dataFolderOf(folder, found)} away, and import them into ${major}`,
    ],
    outcome: 'unchanged',
  }
}

function notCreated(engine: Engine, failure: Failure): Failure {
  return {
    code: 'database-not-created',
    message: `PostgreSQL ${engine.version} could not make its data folder`,
    why: failure.message,
    ...(failure.lines && { lines: failure.lines }),
  }
}
