import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { markerVariable } from './runner/events.ts'

const made: string[] = []

/** This repository's folder, absolute. Bundled tests lie elsewhere than their sources: use it instead of `import.meta.url`. */
export const repository = findRepository()

/**
 * Makes an empty folder. It is removed when the process ends, however that happens: the runner gives each test file a `TMPDIR` of its
 * own, which it removes; the process itself removes what lies elsewhere, for large folders would look as if it did not end. Other users may enter it (a database server under another user lives there).
 *
 * @param options.parent where to make it; default the system's temporary folder
 */
export function temporaryFolder(options: { parent?: string } = {}): string {
  const folder = mkdtempSync(join(realpathSync(options.parent ?? tmpdir()), 'test-'))
  chmodSync(folder, 0o755)
  if (process.env[markerVariable] !== undefined && folder.startsWith(realpathSync(tmpdir()))) return folder
  if (made.length === 0) process.on('exit', removeAll)
  made.push(folder)
  return folder
}

function removeAll(): void {
  for (const folder of made) rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
}

function findRepository(): string {
  // From the source (test/support) as well as from a bundle below .cache.
  let folder = dirname(fileURLToPath(import.meta.url))
  while (/[/\\](?:\.cache|test)(?:[/\\]|$)/.test(folder)) folder = dirname(folder)
  return folder
}
