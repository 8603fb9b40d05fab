import { mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { temporaryFolder } from './folders.ts'

/** Makes a folder with files in it, by their relative paths; gives its real path. */
export function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = realpathSync(temporaryFolder())
  writeFiles(folder, files)
  return folder
}

/** Writes files into a folder, by their relative paths. */
export function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
}
