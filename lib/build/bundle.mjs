// @ts-check
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import { entryPoints } from './entry-points.mjs'
import { publish } from './publish.mjs'

/**
 * Bundles lib/ and tasks/ into dist/. Packages stay outside; what several entry points share, and what is imported dynamically, becomes
 * a file of its own, so that a start loads only what it needs. dist/ is usable at every moment.
 *
 * @param {string} repository the folder of package.json
 * @param {{ keepMs: number }} options see `publish`
 * @returns {Promise<string[]>} the entry points that were skipped, since their source does not exist
 * @throws when a required entry point does not exist, and esbuild's BuildFailure
 */
export async function bundle(repository, { keepMs }) {
  const has = (/** @type {{ source: string }} */ entry) => existsSync(join(repository, entry.source))
  const missing = entryPoints.filter((entry) => !has(entry))
  const required = missing.find((entry) => entry.required)
  if (required) throw new Error(`cannot build dist/${required.name}.js: ${required.source} does not exist`)

  await mkdir(join(repository, '.cache'), { recursive: true })
  const temporary = await mkdtemp(join(repository, '.cache', 'build-'))
  try {
    await build({
      entryPoints: entryPoints.filter(has).map(({ name, source }) => ({ out: name, in: source })),
      absWorkingDir: repository,
      outdir: temporary,
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      packages: 'external',
      sourcemap: 'linked',
      sourcesContent: false,
      logLevel: 'silent',
    })
    await publish(temporary, join(repository, 'dist'), { keepMs })
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
  return missing.map(({ source }) => source)
}
