// @ts-check
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Moves the files of a finished build into the folder that programs use, each by an atomic rename. Those that others refer to by a
 * name with a hash come first, so that whoever reads the folder meanwhile finds the old build or the new one, and never half of one.
 *
 * @param {string} from the folder with the finished build, on the same file system, without subfolders; empty afterwards
 * @param {string} to the folder in use; made if absent
 * @param {{ keepMs: number }} options files of earlier builds stay for this time in milliseconds, for programs that run an earlier
 *   build and load parts of it later
 */
export async function publish(from, to, { keepMs }) {
  await mkdir(to, { recursive: true })
  const files = await readdir(from)
  const isHashed = (/** @type {string} */ file) => /-[0-9A-Z]{8}\.c?js(?:\.map)?$/.test(file)
  for (const file of [...files.filter(isHashed), ...files.filter((file) => !isHashed(file))]) {
    await rename(join(from, file), join(to, file))
  }
  const now = Date.now()
  for (const entry of await readdir(to, { withFileTypes: true })) {
    if (!entry.isFile() || files.includes(entry.name)) continue
    const { mtimeMs } = await stat(join(to, entry.name)).catch(() => ({ mtimeMs: now }))
    if (now - mtimeMs >= keepMs) await rm(join(to, entry.name), { force: true })
  }
}
