import { createHash } from 'node:crypto'
import { lstat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { FailureError } from '../../../model/failure.ts'
import { ensurePrivateFolder } from '../../../system/files.ts'
import { supervisorFolder } from '../paths.ts'

/** `sockaddr_un.sun_path` has 104 bytes on macOS and 108 on Linux (unix(4), unix(7)), the final NUL included. */
const longestPath = 100

/**
 * Where the supervisor of a workspace listens: below `.ops/` where the path is short enough, else in a private folder for temporary files,
 * whose name derives from the workspace's path.
 */
export function socketPath(folder: string, temporary: string = tmpdir()): string {
  const own = join(supervisorFolder(folder), 'control.sock')
  if (Buffer.byteLength(own) <= longestPath) return own
  const hash = createHash('sha256').update(folder).digest('hex').slice(0, 16)
  const path = join(temporary, `vital-ops-${process.getuid?.() ?? 'user'}`, hash, 'control.sock')
  return Buffer.byteLength(path) <= longestPath ? path : join('/tmp', path.slice(temporary.length))
}

/** Makes the folder of a socket, for its owner alone. In a folder that everybody may write to, somebody else may have been faster. */
export async function prepareSocketFolder(path: string): Promise<void> {
  for (const folder of [dirname(dirname(path)), dirname(path)]) {
    if (!folder.includes('/vital-ops-')) continue
    await ensurePrivateFolder(folder)
    const { uid } = await lstat(folder)
    if (uid === process.getuid?.()) continue
    throw new FailureError({
      code: 'folder-not-private',
      message: `${folder} belongs to another user (${uid})`,
      why: 'commands reach the supervisor through a socket there, since the path of the workspace is too long for one',
      next: [`rm -r ${folder}`],
    })
  }
}
