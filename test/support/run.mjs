/**
 * `npm test [-- filter… --long --only-long --jobs N]`: bundles the test runner (test/support/runner/main.ts) and starts it. Plain
 * JavaScript, because Node 20 does not run TypeScript.
 */
import { mkdir, rm } from 'node:fs/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const repository = fileURLToPath(new URL('../..', import.meta.url))
const outfile = `${repository}.cache/runner/${process.pid}.mjs`

await mkdir(`${repository}.cache/runner`, { recursive: true })
await build({
  entryPoints: [`${repository}test/support/runner/main.ts`],
  outfile,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  sourcemap: 'inline',
  logLevel: 'error',
})
process.setSourceMapsEnabled(true)
const { main } = await import(pathToFileURL(outfile).href)
await rm(outfile)
process.exitCode = await main(repository, process.argv.slice(2))
