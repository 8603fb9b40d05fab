// @ts-check
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'

/** What a build is made from; a file may be absent. */
const sources = ['lib', 'tasks', 'package.json', 'package-lock.json', 'tsconfig.json']

/**
 * Whether dist/ is what a build would make: neither its sources nor its own files have changed since the last build that was noted.
 * The first `npx task` in a clone has npm run `prepare` once more, with nothing changed since `npm install`.
 *
 * @param {string} repository the folder of package.json
 * @returns {Promise<boolean>}
 */
export async function isCurrent(repository) {
  try {
    const noted = await readFile(record(repository), 'utf8')
    return noted === textOf(await sourcesOf(repository), await digest(repository, ['dist']))
  } catch {
    // Never built here, or a file went away while it was read: to build is always right.
    return false
  }
}

/**
 * What a build is about to be made from.
 *
 * @param {string} repository the folder of package.json
 */
export const sourcesOf = (repository) => digest(repository, sources)

/**
 * Notes that dist/ is what was built.
 *
 * @param {string} repository the folder of package.json
 * @param {string} from what `sourcesOf` said before the build: who edits meanwhile gets another one
 */
export async function noteBuild(repository, from) {
  await mkdir(join(repository, '.cache'), { recursive: true })
  const temporary = `${record(repository)}.${process.pid}.tmp`
  await writeFile(temporary, textOf(from, await digest(repository, ['dist'])))
  await rename(temporary, record(repository))
}

const record = (/** @type {string} */ repository) => join(repository, '.cache', 'build.sha256')
const textOf = (/** @type {string} */ from, /** @type {string} */ built) => `${from}\n${built}\n`

/**
 * @param {string} repository
 * @param {string[]} paths
 */
async function digest(repository, paths) {
  const hash = createHash('sha256')
  for (const path of paths) {
    for (const file of await filesOf(join(repository, path))) {
      const name = relative(repository, file)
      // What programs have compiled is kept beside them, and differs from start to start.
      if (name.startsWith(join('dist', '.code-'))) continue
      const contents = await readFile(file)
      hash.update(`${name}\0${contents.length}\0`).update(contents)
    }
  }
  return hash.digest('hex')
}

/**
 * A file itself, or all files of a folder, in an order that does not depend on the file system; none where there is nothing.
 *
 * @param {string} path
 * @returns {Promise<string[]>}
 */
async function filesOf(path) {
  try {
    const entries = await readdir(path, { withFileTypes: true })
    const found = entries.map((entry) =>
      entry.isDirectory() ? filesOf(join(path, entry.name)) : entry.isFile() ? [join(path, entry.name)] : [],
    )
    return (await Promise.all(found)).flat().sort()
  } catch (error) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (error)
    if (code === 'ENOTDIR') return [path]
    if (code === 'ENOENT') return []
    throw error
  }
}
