import { randomBytes } from 'node:crypto'
import { chmod, lstat, mkdir, open, readdir, readFile, realpath, rename, rm, stat, unlink } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { type Failure, FailureError } from '../model/failure.ts'

/** How a file is written. `mode` are permission bits; without it an existing file keeps its own, a new one gets 0o644. */
export type WriteOptions = { mode?: number }

/**
 * Writes a file so that, whatever happens, readers see the old content or the new one: a temporary name in the same folder,
 * fsync, rename, fsync of the folder (ext4(5) and rename(2): only then does the new name survive a power cut). A symbolic link is written
 * through. Throws `FailureError` (`disk-full`, `permission-denied`, `file-not-written` …).
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array,
  options: WriteOptions = {},
): Promise<void> {
  const target = await realpath(path).catch(() => resolve(path))
  const existing = await stat(target).catch(() => undefined)
  const mode = options.mode ?? (existing ? existing.mode & 0o7777 : 0o644)
  const temporary = join(dirname(target), temporaryName(basename(target)))
  try {
    const handle = await open(temporary, 'wx', mode)
    try {
      await handle.writeFile(data)
      // The umask may have taken bits away from the mode that was asked for.
      await handle.chmod(mode)
      // root that rewrites a user's file leaves it the user's.
      if (existing && process.getuid?.() === 0) await handle.chown(existing.uid, existing.gid)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, target)
    await syncFolder(dirname(target))
  } catch (error) {
    await unlink(temporary).catch(() => {})
    throw new FailureError(fileFailure(error, 'written', path))
  }
}

/** Makes a folder with its parents, when it is not there. Throws `FailureError`. */
export async function ensureFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch((error: unknown) => {
    throw new FailureError(fileFailure(error, 'made', path))
  })
}

/** The name under which a file is written before it gets its own: hidden, unique, recognisable by `isTemporaryName`. */
export function temporaryName(name: string): string {
  return `.${name}.${process.pid}-${randomBytes(6).toString('hex')}.ops-tmp`
}

/** The names in a folder, sorted; none when there is no such folder. */
export async function listNames(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).sort()
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw new FailureError(fileFailure(error, 'read', path))
  }
}

/** Whether a file's name is one of `writeFileAtomic`'s temporary ones, left over by a process that was killed. */
export function isTemporaryName(name: string): boolean {
  return /^\..+\.\d+-[0-9a-f]{12}\.ops-tmp$/.test(name)
}

/** Makes a folder's entries durable. File systems that cannot do that for folders (some network ones) are passed over. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP', 'EISDIR', 'EPERM', 'EBADF'].includes(errorCode(error) ?? '')) throw error
  } finally {
    await handle.close()
  }
}

/** A file's parsed JSON; undefined if there is no such file. Throws `FailureError` (`json-invalid`, `permission-denied` …). */
export async function readJson(path: string): Promise<unknown> {
  const text = await readText(path)
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new FailureError({
      code: 'json-invalid',
      message: `${path} is not valid JSON`,
      place: { file: path },
      why: (error as Error).message,
    })
  }
}

/** A file's text; undefined if there is no such file. Throws `FailureError` for everything else that keeps it from being read. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw new FailureError(fileFailure(error, 'read', path))
  }
}

/** Makes a folder, with its parents, that only its owner can enter (0700). Throws if it is a link, a file, or another user's. */
export async function ensurePrivateFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
    const found = await lstat(path)
    const user = process.getuid?.()
    if (!found.isDirectory()) throw new FailureError(notOurFolder(path, 'it is a link or a file, not a folder'))
    if (user !== undefined && user !== 0 && found.uid !== user) {
      throw new FailureError(notOurFolder(path, `it belongs to user ${found.uid}, you are user ${user}`))
    }
    if ((found.mode & 0o777) !== 0o700) await chmod(path, 0o700)
  } catch (error) {
    if (error instanceof FailureError) throw error
    throw new FailureError(fileFailure(error, 'made', path))
  }
}

function notOurFolder(path: string, why: string): Failure {
  return {
    code: 'folder-not-private',
    message: `${path} cannot be used as a private folder`,
    place: { file: path },
    why,
  }
}

/** Removes a file or folder with everything in it; nothing there is fine. Refuses `/` and the home folder. */
export async function removeTree(path: string): Promise<void> {
  const target = resolve(path)
  if (path === '' || target === '/' || target === resolve(homedir())) {
    throw new Error(`removeTree was asked to remove ${JSON.stringify(path)}`)
  }
  try {
    await rm(target, { recursive: true, force: true, maxRetries: 3, retryDelay: 50 })
  } catch (error) {
    throw new FailureError(fileFailure(error, 'removed', target))
  }
}

/** Whether something is there under that name (a broken link counts). */
export async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}

/** The errno name of a thrown error (`ENOENT`), if it has one. */
export function errorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code
  return typeof code === 'string' ? code : undefined
}

const reasons: Record<string, { code: string; why: string }> = {
  EACCES: { code: 'permission-denied', why: 'permission denied' },
  EPERM: { code: 'permission-denied', why: 'operation not permitted' },
  ENOSPC: { code: 'disk-full', why: 'no space left on the device' },
  EDQUOT: { code: 'disk-full', why: 'the disk quota is used up' },
  EROFS: { code: 'read-only', why: 'the file system is read-only' },
  ENOENT: { code: 'file-not-found', why: 'no such file or folder' },
  ENOTDIR: { code: 'file-not-found', why: 'a part of the path is not a folder' },
  EISDIR: { code: 'is-a-folder', why: 'it is a folder' },
  EMFILE: { code: 'too-many-files', why: 'too many open files (ulimit -n)' },
  ENAMETOOLONG: { code: 'name-too-long', why: 'the name is too long' },
}

/** What a failed file operation is as a `Failure`. `done` completes "could not be …": `written`, `read`. */
export function fileFailure(error: unknown, done: string, path: string): Failure {
  const reason = reasons[errorCode(error) ?? '']
  return {
    code: reason?.code ?? `file-not-${done.replaceAll(' ', '-')}`,
    message: `${path} could not be ${done}`,
    place: { file: path },
    why: reason?.why ?? (error as Error).message,
  }
}
