import type { BigIntStats } from 'node:fs'
import { lstat, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { FailureError } from '../../model/failure.ts'
import { errorCode, fileFailure } from '../../system/files.ts'

/** What is found in a folder. `name` is the path from the root with `/`; the root itself is ''. */
export type Found = {
  path: string
  name: string
  /** Before anything of it was read. */
  stats: BigIntStats
  type: 'file' | 'folder' | 'symlink' | 'other'
  /** Where a symbolic link leads, as it is written. */
  link?: string
}

/**
 * Walks a folder in one order whatever the file system's is: each folder before what is in it. What is gone when its turn comes is told to `gone`.
 * Throws `FailureError`: what cannot be read is no reason to leave it out.
 * @param root absolute; a symbolic link is followed nowhere
 * @param exclude names that are left out, with all that is below
 */
export async function* walk(
  root: string,
  exclude: ReadonlySet<string>,
  gone: (name: string) => void,
): AsyncGenerator<Found> {
  // A stack and no recursion: folders may lie deep.
  const waiting = ['']
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const path = name === '' ? root : join(root, name)
    const found = await look(path, name)
    if (found === undefined) {
      gone(name)
      continue
    }
    yield found
    if (found.type !== 'folder') continue
    const children = await childrenOf(path)
    if (children === undefined) {
      gone(name)
      continue
    }
    const names = children.map((child) => (name === '' ? child : `${name}/${child}`))
    waiting.push(...names.filter((child) => !exclude.has(child)).reverse())
  }
}

async function look(path: string, name: string): Promise<Found | undefined> {
  try {
    const stats = await lstat(path, { bigint: true })
    if (stats.isSymbolicLink()) return { path, name, stats, type: 'symlink', link: await readlink(path) }
    return { path, name, stats, type: stats.isDirectory() ? 'folder' : stats.isFile() ? 'file' : 'other' }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw unreadable(error, path)
  }
}

async function childrenOf(path: string): Promise<string[] | undefined> {
  const names = await readdir(path, { encoding: 'buffer' }).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined
    throw unreadable(error, path)
  })
  return names
    ?.map((bytes) => {
      const name = bytes.toString('utf8')
      // Read as text it would be another name, and the file would count as gone.
      if (!Buffer.from(name, 'utf8').equals(bytes)) throw new FailureError(notText(path, name))
      return name
    })
    .sort((a, b) => (a < b ? -1 : 1))
}

/** The failure of what is there and cannot be read. */
export const unreadable = (error: unknown, path: string): unknown =>
  errorCode(error) === undefined
    ? error
    : new FailureError({ ...fileFailure(error, 'read', path), next: ['run the backup as a user who may read it'] })

const notText = (path: string, name: string) => ({
  code: 'name-not-text',
  message: `a name in ${path} is no UTF-8: ${JSON.stringify(name)}`,
  why: 'it cannot be written down and restored as it is',
  next: [`convmv -r -f latin1 -t utf8 ${path}`, 'or name its folder under `exclude` of the source'],
})
