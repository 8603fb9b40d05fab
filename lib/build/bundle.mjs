// @ts-check
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { build } from 'esbuild'
import { entryPoints } from './entry-points.mjs'
import { publish } from './publish.mjs'

/**
 * Bundles lib/ and tasks/ into dist/. Packages stay outside; what several entry points share, and what is imported dynamically, becomes
 * a file of its own, so that a start loads only what it needs; but for an entry point that is `alone`. dist/ is usable at every moment.
 *
 * @param {string} repository the folder of package.json
 * @param {{ keepMs: number }} options see `publish`
 * @throws when the source of an entry point does not exist, and esbuild's BuildFailure
 */
export async function bundle(repository, { keepMs }) {
  const missing = entryPoints.find(({ source }) => !existsSync(join(repository, source)))
  if (missing) throw new Error(`cannot build dist/${missing.name}.js: ${missing.source} does not exist`)

  const dist = join(repository, 'dist')
  await mkdir(join(repository, '.cache'), { recursive: true })
  const temporary = await mkdtemp(join(repository, '.cache', 'build-'))
  try {
    for (const alone of [false, true]) {
      const { outputFiles } = await build({
        entryPoints: entryPoints
          .filter((entry) => (entry.alone ?? false) === alone)
          .map(({ name, source }) => ({ out: name, in: source })),
        absWorkingDir: repository,
        // Not written there: source maps are relative to where the files will be.
        outdir: dist,
        write: false,
        bundle: true,
        splitting: !alone,
        format: 'esm',
        platform: 'node',
        target: 'node20',
        packages: 'external',
        sourcemap: 'linked',
        sourcesContent: false,
        logLevel: 'silent',
      })
      for (const { path, contents } of outputFiles) await writeFile(join(temporary, relative(dist, path)), contents)
    }
    await publish(temporary, dist, { keepMs })
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}
