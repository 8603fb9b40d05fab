import { realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'

const require = createRequire(import.meta.url)

/**
 * Runs `task` with these words for the workspace that the calling script belongs to (`<workspace>/bin/<script>`), and with what was
 * written behind the script's name. Works from any folder, and through symbolic links to the script.
 */
export function enter(...words: string[]): void {
  const [node = process.execPath, script = '', ...more] = process.argv
  const workspace = dirname(dirname(realpathSync(script)))
  process.argv = [node, script, '--workspace', workspace, ...words, ...more]
  // What bin/task is, built beside this: it has the packs.
  require('./start.cjs')
}
