import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { repository } from '../../support/index.ts'

/**
 * Bundles a script of the test folder, so that a process of its own can run it with `node`. Returns the bundle's path: one for each
 * content, in this repository's cache, from where packages are found.
 *
 * @param source relative to the repository
 */
export async function bundleScript(source: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(repository, source)],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    logLevel: 'silent',
  })
  const text = outputFiles[0]?.text as string
  const folder = join(repository, '.cache', 'scripts')
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `${createHash('sha256').update(text).digest('hex').slice(0, 20)}.mjs`)
  writeFileSync(path, text)
  return path
}
