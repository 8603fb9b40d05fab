import { mkdir, rm } from 'node:fs/promises'
import { fetchFile } from '../fetch.ts'
import { extract } from '../tar.ts'
import { fileOf, firstThatWorks, type Opened } from './files.ts'

/** Whether owners can be restored. */
export const isRoot = process.getuid?.() === 0

/** Unpacks the archive of a source into a folder, which is made anew. Throws `FailureError`. */
export function extractTree(opened: Opened, source: string, folder: string): Promise<void> {
  const file = fileOf(opened, source, 'tree')
  return firstThatWorks(opened, async (target) => {
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const content = fetchFile(target, opened.prefix, file, opened.identities, opened.signal)
    await extract(content, folder, {
      name: file.name,
      rename: (name) => (name.replace(/\/$/, '') === 'tree' ? '.' : name.replace(/^tree\//, '')),
    })
  })
}
