// @ts-check

/**
 * `npm run build`: dist/, its declarations, and the links that let scripts and `node_modules/.bin/task` find this repository's own
 * commands. With `--if-changed` (`npm run prepare`, which npm calls after an installation in a clone, before packing, and in the first
 * `npx task` of a clone) nothing is built that is as it would be.
 */
import { existsSync } from 'node:fs'
import { rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatMessages } from 'esbuild'
import { bundle } from './bundle.mjs'
import { isCurrent, noteBuild, sourcesOf } from './current.mjs'
import { declarations } from './declarations.mjs'

const repository = fileURLToPath(new URL('../..', import.meta.url)).slice(0, -1)

try {
  if (!process.argv.includes('--if-changed') || !(await isCurrent(repository))) {
    const from = await sourcesOf(repository)
    await bundle(repository, { keepMs: 0 })
    // What is not whole is not noted: the next build makes what is missing.
    if (await declarations(repository)) await noteBuild(repository, from)
    else console.log('build: typescript is not installed, no declarations made')
  }
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
