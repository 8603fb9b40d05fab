// @ts-check

/**
 * `npm run build`, which npm also runs after an installation in a clone and before packing: dist/, its declarations, and the link that
 * lets `npx task` find this repository's own command.
 */
import { existsSync } from 'node:fs'
import { rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatMessages } from 'esbuild'
import { bundle } from './bundle.mjs'
import { declarations } from './declarations.mjs'

const repository = fileURLToPath(new URL('../..', import.meta.url)).slice(0, -1)

try {
  await bundle(repository, { keepMs: 0 })
  if (!(await declarations(repository))) console.log('build: typescript is not installed, no declarations made')
  await linkOwnCommands()
} catch (error) {
  console.error(await textOf(error))
  process.exitCode = 1
}

/**
 * What went wrong, for people: esbuild's and TypeScript's messages with their places.
 *
 * @param {unknown} error
 */
async function textOf(error) {
  const { errors, stdout, message } = /** @type {Partial<import('esbuild').BuildFailure> & { stdout?: string }} */ (
    error
  )
  if (errors) return (await formatMessages(errors, { kind: 'error' })).join('')
  return `build: ${stdout || message}`
}

/** npm links the commands of dependencies, not the root package's own. */
async function linkOwnCommands() {
  const folder = join(repository, 'node_modules', '.bin')
  if (!existsSync(folder)) return
  for (const name of ['task', 'vital-ops']) {
    const link = join(folder, name)
    await rm(link, { force: true })
    await symlink(join('..', '..', 'bin', name), link)
  }
}
