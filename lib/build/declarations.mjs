// @ts-check
import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

/**
 * Writes the TypeScript declarations of what a Taskfile imports into dist/types/. They are not checked here; `npm run check` does that.
 *
 * @param {string} repository the folder of package.json
 * @returns {Promise<boolean>} false when TypeScript is not installed (an installation without development packages)
 */
export async function declarations(repository) {
  let compiler
  try {
    compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')
  } catch {
    return false
  }
  await mkdir(join(repository, '.cache'), { recursive: true })
  const temporary = await mkdtemp(join(repository, '.cache', 'types-'))
  try {
    const project = join(repository, 'lib', 'build', 'tsconfig.json')
    await promisify(execFile)(process.execPath, [compiler, '--project', project, '--outDir', temporary])
    const types = join(repository, 'dist', 'types')
    await rm(types, { recursive: true, force: true })
    await chmod(temporary, 0o755)
    await rename(temporary, types)
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
  return true
}
