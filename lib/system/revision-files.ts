import { rename } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { unwrap } from '../model/failure.ts'
import { exists, removeTree } from './files.ts'
import { exportTree, gitTopLevel, resolveCommit } from './git.ts'

/**
 * The workspace's files as another revision has them, so that its configuration and migrations are the ones that count. Kept in the workspace's cache,
 * by commit. Throws `unknown-revision`.
 * @returns the folder, or undefined when the working tree has what is asked for
 */
export async function filesOfRevision(
  folder: string,
  revision: string | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (revision === undefined) return undefined
  const commit = unwrap(await resolveCommit(folder, revision))
  const top = unwrap(await gitTopLevel(folder)) ?? folder
  const kept = join(folder, '.ops/cache/sources', commit)
  if (await exists(kept)) return kept
  const making = `${kept}.${process.pid}`
  try {
    unwrap(await exportTree(folder, commit, relative(top, folder), making, signal))
    await rename(making, kept)
  } catch (error) {
    // Another command made the same meanwhile.
    if (!(await exists(kept))) throw error
  } finally {
    await removeTree(making)
  }
  return kept
}
