import { realpathSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Runs `task` with these words for the workspace that the calling script belongs to (`<workspace>/bin/<script>`), and with what was
 * written behind the script's name. Works from any folder, and through symbolic links to the script.
 */
export async function enter(...words: string[]): Promise<void> {
  const [node = process.execPath, script = '', ...more] = process.argv
  const workspace = dirname(dirname(realpathSync(script)))
  process.argv = [node, script, '--workspace', workspace, ...words, ...more]
  await import('./main.ts')
}
