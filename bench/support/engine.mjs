// @ts-check
/** A Docker engine for the benchmark, with the images that tests have: those modules are TypeScript, which Node 20 does not run. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { cacheFolder } from './peers.mjs'

/**
 * Starts an engine that ends with this process, or takes the one that `VITAL_OPS_TEST_DOCKER_HOST` names. Undefined where Docker, or what its
 * images are made of, is not installed.
 *
 * @param {string} repository
 * @returns {Promise<{ host: string, busybox: string, docker(args: readonly string[]): Promise<string> } | undefined>}
 */
export async function benchEngine(repository) {
  const outfile = join(cacheFolder, 'engine.mjs')
  await build({
    stdin: {
      contents: `export { engine } from './docker.ts'\nexport { busybox } from '../images/index.ts'`,
      resolveDir: join(repository, 'test', 'support'),
    },
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    logLevel: 'silent',
  })
  const { engine, busybox } = await import(pathToFileURL(outfile).href)
  try {
    const on = await engine()
    return { host: on.host, busybox: await busybox(on), docker: (args) => on.docker(args) }
  } catch (error) {
    if (/** @type {Error} */ (error).name === 'Skip') return undefined
    throw error
  }
}
