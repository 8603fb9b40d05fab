import { createHash } from 'node:crypto'
import { chmod, cp, lstat, mkdir, readdir, readFile, rename, rm, symlink } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { type Failure, failed, ok, type Result } from '../../model/failure.ts'
import { errorCode } from '../../system/files.ts'
import { removeLeftovers, temporaryName } from './leftovers.ts'
import type { EnginePackage } from './package.ts'
import type { EngineUser } from './user.ts'
import { askVersion } from './version.ts'

/**
 * Makes the package's files usable and returns their folder: the package's own, or a copy below `engineFolder` where that is needed
 * (links that cannot be made, because the package is read-only; files that the server's account cannot reach, because the package lies in
 * a closed home). Failures: `engine-not-runnable` and those of the file system.
 */
export async function prepareNative(
  found: EnginePackage,
  options: { engineFolder: string; user: EngineUser | undefined; signal?: AbortSignal },
): Promise<Result<string>> {
  const { user, signal } = options
  if (await linksPresent(found.native)) {
    const version = await askVersion(join(found.native, 'bin'), user, signal)
    if (version.ok) return ok(found.native)
    if (signal?.aborted) return version
    // An ordinary user who cannot run it is not helped by a copy.
    if (user === undefined) return failed(notRunnable(found, version.failures[0]))
  }
  const copy = await copyNative(found, options.engineFolder)
  const version = await askVersion(join(copy, 'bin'), user, signal)
  return version.ok ? ok(copy) : failed(notRunnable(found, version.failures[0]))
}

type Link = { source: string; target: string }

async function readLinks(native: string): Promise<Link[]> {
  const text = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  return JSON.parse(text) as Link[]
}

/** Whether the links of shared libraries are there, made now where they are missing; false if they cannot be. */
async function linksPresent(native: string): Promise<boolean> {
  try {
    await makeLinks(native)
    return true
  } catch (error) {
    if (['EACCES', 'EPERM', 'EROFS'].includes(errorCode(error) ?? '')) return false
    throw error
  }
}

/**
 * npm packs no links, so the package lists them for its install script; that does not run where install scripts are not approved (npm
 * 11's default). Paths in the list begin with `native/`.
 */
async function makeLinks(native: string): Promise<void> {
  // A copy's folder has another name.
  const inside = (path: string) => join(native, relative('native', path))
  for (const { source, target } of await readLinks(native)) {
    const path = inside(target)
    const present = await lstat(path).then(
      () => true,
      () => false,
    )
    if (present) continue
    await symlink(relative(dirname(path), inside(source)), path).catch((error: unknown) => {
      if (errorCode(error) !== 'EEXIST') throw error
    })
  }
}

/** Copies the files once for each content: the folder's name tells the version and a digest of names, sizes and modes. */
async function copyNative(found: EnginePackage, engineFolder: string): Promise<string> {
  const digest = await listDigest(found.native)
  const target = join(engineFolder, `postgres-${found.version}-${digest.slice(0, 16)}`)
  if ((await listDigest(target).catch(() => undefined)) === digest) {
    await makeLinks(target)
    return target
  }
  const temporary = join(engineFolder, temporaryName(`postgres-${found.version}`))
  await makeFolders(engineFolder, 0o755)
  await removeLeftovers(engineFolder)
  try {
    await cp(found.native, temporary, { recursive: true, verbatimSymlinks: true })
    await openToAll(temporary)
    await makeLinks(temporary)
    // What is there under the name is a copy that a crash left incomplete: a whole one was taken above.
    await rm(target, { recursive: true, force: true })
    await rename(temporary, target).catch(async (error: unknown) => {
      // Somebody else was faster, with the same content.
      if (!['ENOTEMPTY', 'EEXIST'].includes(errorCode(error) ?? '')) throw error
    })
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
  return target
}

/** SHA-256 over the regular files' names and sizes. Contents are not read: 60 MB at each start would be felt. */
async function listDigest(folder: string): Promise<string> {
  const files = await walk(folder)
  const lines = files
    .filter((file) => file.size !== undefined)
    .map(({ path, size }) => `${relative(folder, path)} ${size}`)
  if (lines.length === 0) throw new Error(`${folder} is empty`)
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex')
}

type Entry = { path: string; size: number | undefined; mode: number; folder: boolean }

async function walk(folder: string): Promise<Entry[]> {
  const names = await readdir(folder, { withFileTypes: true, recursive: true })
  return Promise.all(
    names
      .filter((entry) => !entry.isSymbolicLink())
      .map(async (entry) => {
        const path = join(entry.parentPath ?? entry.path, entry.name)
        const { size, mode } = await lstat(path)
        return { path, size: entry.isFile() ? size : undefined, mode, folder: entry.isDirectory() }
      }),
  )
}

/** Everybody may read, and execute what its owner may execute: npm under a strict umask leaves files to their owner alone. */
async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755)
  for (const entry of await walk(folder)) {
    await chmod(entry.path, entry.folder || (entry.mode & 0o100) !== 0 ? 0o755 : 0o644)
  }
}

/** Makes a folder and its parents with a mode that the umask does not take from; those that exist keep theirs. */
export async function makeFolders(folder: string, mode: number): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode })
  if (first === undefined) return
  for (let made = folder; ; made = dirname(made)) {
    await chmod(made, mode)
    if (made === first || made === dirname(made)) return
  }
}

function notRunnable(found: EnginePackage, failure: Failure): Failure {
  return {
    code: 'engine-not-runnable',
    message: `the embedded PostgreSQL ${found.version} does not run on this machine`,
    why: [failure.message, failure.why].filter((part) => part !== undefined).join(': '),
    ...(failure.lines && { lines: failure.lines }),
    next: [
      `${join(found.native, 'bin', 'postgres')} --version`,
      `or install PostgreSQL ${found.major} on this system and set prefer: system in the service's local section`,
    ],
    outcome: 'unchanged',
  }
}
