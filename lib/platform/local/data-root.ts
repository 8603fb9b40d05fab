import { randomBytes } from 'node:crypto'
import { chmod, link, mkdir, readdir, realpath, rename, stat, unlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errorCode, readJson, readText, writeFileAtomic } from '../../system/files.ts'
import { opsFolder } from './paths.ts'

/** Whose data are meant. */
export type DataOwner = { folder: string; workspaceId: string; environment: string; service: string }

/** Whose a folder of data is, as written beside it: for people, and for finding data whose workspace is gone. */
export type OwnerRecord = { workspace: string; clone: string; since: string }

/**
 * Where data lie outside of workspaces: `OPS_DATA_ROOT`, or as root `/var/lib/vital-ops`, since servers then run under another user, who
 * cannot enter a workspace below a closed home. Undefined for others: their data are in the workspace.
 */
export function sharedDataRoot(env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env.OPS_DATA_ROOT) return env.OPS_DATA_ROOT
  return process.getuid?.() === 0 ? '/var/lib/vital-ops' : undefined
}

/**
 * The folder of a service's data, if there can be any: undefined where this clone has none yet. Outside of the workspace it is
 * `<root>/<workspace id>/<clone>/<environment>/<service>`; the clone's random key in `.ops/clone` keeps two clones on one machine apart.
 */
export async function findDataFolder(owner: DataOwner): Promise<string | undefined> {
  const root = sharedDataRoot()
  if (root === undefined) return join(opsFolder(owner.folder), 'data', owner.environment, owner.service)
  const clone = await readClone(owner.folder)
  if (clone === undefined || (await isCopied(root, owner, clone))) return undefined
  return join(root, owner.workspaceId, clone, owner.environment, owner.service)
}

/** The folder of a service's data, which need not exist yet. Makes the clone's key where there is none, and says whose the data are. */
export async function ensureDataFolder(owner: DataOwner): Promise<string> {
  const root = sharedDataRoot()
  if (root === undefined) return join(opsFolder(owner.folder), 'data', owner.environment, owner.service)
  let clone = await readClone(owner.folder)
  if (clone !== undefined && (await isCopied(root, owner, clone))) {
    // The workspace was copied with its `.ops`: the data stay those of the original.
    await unlink(clonePath(owner.folder)).catch(() => {})
    clone = undefined
  }
  clone ??= await makeClone(owner.folder)
  const home = join(root, owner.workspaceId, clone)
  // Others pass through to what is theirs, and see no names.
  for (const folder of [root, dirname(home), home]) await makePassable(folder)
  const record: OwnerRecord = { workspace: await realpath(owner.folder), clone, since: new Date().toISOString() }
  const known = (await readJson(join(home, 'owner.json'))) as OwnerRecord | undefined
  if (known?.workspace !== record.workspace) {
    await writeFileAtomic(join(home, 'owner.json'), `${JSON.stringify(record, undefined, 2)}\n`, { mode: 0o644 })
  }
  return join(home, owner.environment, owner.service)
}

/** Where the files of embedded engines are kept that cannot be run from where npm has put them. */
export function engineFolder(folder: string): string {
  return join(sharedDataRoot() ?? opsFolder(folder), 'engines')
}

/** Data outside of a workspace, and whether the workspace is still there. */
export type DataHome = { path: string; owner: OwnerRecord; orphaned: boolean }

/** All data outside of workspaces, with their owners: `doctor` names those whose workspace is gone. */
export async function listDataHomes(root: string | undefined = sharedDataRoot()): Promise<DataHome[]> {
  if (root === undefined) return []
  const homes: DataHome[] = []
  for (const id of await names(root)) {
    for (const clone of await names(join(root, id))) {
      const path = join(root, id, clone)
      const owner = (await readJson(join(path, 'owner.json')).catch(() => undefined)) as OwnerRecord | undefined
      if (!owner) continue
      homes.push({ path, owner, orphaned: (await readClone(owner.workspace).catch(() => undefined)) !== clone })
    }
  }
  return homes
}

const clonePath = (folder: string): string => join(opsFolder(folder), 'clone')

async function readClone(folder: string): Promise<string | undefined> {
  const text = (await readText(clonePath(folder)))?.trim()
  return text !== undefined && /^[0-9a-f]{12}$/.test(text) ? text : undefined
}

/** Of two commands that make it at once, both get the same. */
async function makeClone(folder: string): Promise<string> {
  const path = clonePath(folder)
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  await mkdir(dirname(path), { recursive: true })
  await writeFile(temporary, `${randomBytes(6).toString('hex')}\n`, { mode: 0o644, flush: true } as object)
  try {
    await link(temporary, path)
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
    if ((await readClone(folder)) === undefined) await rename(temporary, path)
  } finally {
    await unlink(temporary).catch(() => {})
  }
  return (await readClone(folder)) as string
}

/** Whether another workspace, which still is there with the same key, owns the clone's data: then this one is a copy of that. */
async function isCopied(root: string, { folder, workspaceId }: DataOwner, clone: string): Promise<boolean> {
  const owner = (await readJson(join(root, workspaceId, clone, 'owner.json'))) as OwnerRecord | undefined
  if (!owner || (await readClone(owner.workspace).catch(() => undefined)) !== clone) return false
  const [own, other] = await Promise.all([stat(clonePath(folder)), stat(clonePath(owner.workspace))])
  return own.dev !== other.dev || own.ino !== other.ino
}

async function makePassable(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o711 })
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return
    if (errorCode(error) !== 'ENOENT') throw error
    await mkdir(dirname(folder), { recursive: true, mode: 0o755 })
    await mkdir(folder, { mode: 0o711 })
  }
  // The mode of mkdir is cut by the umask: with 077 nobody else could pass through.
  await chmod(folder, 0o711)
}

async function names(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => [])
}
