import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { WorkspaceTexts } from '../../../lib/validate/files.ts'
import { temporaryFolder } from '../../support/index.ts'
import { basePaths } from '../../validate/base-workspace.ts'

/** Writes a workspace into a temporary folder, with the paths that the base workspace names, and returns the folder. */
export function writeWorkspace(texts: WorkspaceTexts): string {
  const folder = temporaryFolder()
  for (const path of basePaths) {
    const absolute = join(folder, path)
    mkdirSync(dirname(absolute), { recursive: true })
    if (path.endsWith('.yaml')) writeFileSync(absolute, '')
    else mkdirSync(absolute, { recursive: true })
  }
  for (const [path, text] of texts) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text, { mode: path.startsWith('.env.') ? 0o600 : 0o644 })
  }
  return folder
}

/** Every file below a folder with its mode and content, to see that nothing was changed. */
export function snapshot(folder: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name)
    const mode = lstatSync(path).mode.toString(8)
    found[path.slice(folder.length + 1)] = entry.isFile() ? `${mode} ${readFileSync(path, 'utf8')}` : mode
  }
  return found
}
