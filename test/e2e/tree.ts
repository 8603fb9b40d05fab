import { createHash } from 'node:crypto'
import { lstat, readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Every file below a folder with its mode, content (SHA-256) and the time of its last change, sorted: equal before and after means that nothing was
 * written. Without `node_modules`, without `.git` (which refreshes its index when it is looked at) and without the cache of loaded Taskfiles.
 */
export async function treeOf(folder: string): Promise<string[]> {
  const lines: string[] = []
  const walk = async (inside: string): Promise<void> => {
    for (const entry of await readdir(join(folder, inside), { withFileTypes: true }).catch(() => [])) {
      const name = join(inside, entry.name)
      if (entry.name === 'node_modules' || name === '.git' || name === '.ops/cache') continue
      const path = join(folder, name)
      const { mode, mtimeMs } = await lstat(path)
      if (entry.isDirectory()) {
        lines.push(`${name}/ ${mode}`)
        await walk(name)
      } else if (entry.isSymbolicLink()) lines.push(`${name} → ${await readlink(path)}`)
      else if (!entry.isFile()) lines.push(`${name} ${mode}`)
      else
        lines.push(
          `${name} ${mode} ${mtimeMs} ${createHash('sha256')
            .update(await readFile(path))
            .digest('hex')}`,
        )
    }
  }
  await walk('')
  // The cache's folder is made with it.
  return lines.filter((line) => !line.startsWith('.ops/ ')).sort()
}
