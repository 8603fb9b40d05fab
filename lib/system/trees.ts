import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * A digest (SHA-256, hex) of what a folder holds: paths, whether executable, link targets, contents. Times, owners, empty folders and
 * other permission bits do not count, since git does not keep them. `skip` names entries to leave out, at any depth.
 */
export async function treeDigest(folder: string, skip: readonly string[] = ['.git']): Promise<string> {
  const hash = createHash('sha256')
  for (const path of await filesBelow(folder, '', new Set(skip))) {
    const full = join(folder, path)
    const found = await lstat(full)
    const link = found.isSymbolicLink()
    const mode = link ? 'link' : found.mode & 0o111 ? 'executable' : 'file'
    const content = link ? digestOf(await readlink(full)) : await fileDigest(full)
    hash.update(`${JSON.stringify(path)} ${mode} ${content}\n`)
  }
  return hash.digest('hex')
}

/** The SHA-256 of a file's bytes, hex. */
export async function fileDigest(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

async function filesBelow(folder: string, prefix: string, skip: ReadonlySet<string>): Promise<string[]> {
  const paths: string[] = []
  for (const entry of await readdir(join(folder, prefix), { withFileTypes: true })) {
    if (skip.has(entry.name)) continue
    const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`
    if (entry.isDirectory()) paths.push(...(await filesBelow(folder, path, skip)))
    else if (entry.isFile() || entry.isSymbolicLink()) paths.push(path)
  }
  // By code units: the same on every machine, whatever its locale.
  return prefix === '' ? paths.sort() : paths
}
