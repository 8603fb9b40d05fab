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
 * @throws when the source of an entry point does not exist, and esbuild's BuildFailure
 */
export async function bundle(repository, { keepMs }) {
  const missing = entryPoints.find(({ source }) => !existsSync(join(repository, source)))
  if (missing) throw new Error(`cannot build dist/${missing.name}.js: ${missing.source} does not exist`)

  await mkdir(join(repository, '.cache'), { recursive: true })
  const temporary = await mkdtemp(join(repository, '.cache', 'build-'))
  try {
    await build({
      entryPoints: entryPoints.map(({ name, source }) => ({ out: name, in: source })),
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
}
