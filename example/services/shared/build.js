import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { build } from 'esbuild'

/**
 * Bundles a service's `src/main.ts` with all that it imports into `dist/main.js`, so that a release needs Node and nothing
 * else. The same source gives the same bytes wherever it lies: unminified, it would hold paths.
 *
 * @param {string} folder the service's folder
 */
export async function bundle(folder) {
  await build({
    absWorkingDir: folder,
    entryPoints: ['src/main.ts'],
    outfile: 'dist/main.js',
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    // pg is CommonJS: its `require` of Node's own modules needs one in an ES module.
    banner: { js: "import { createRequire } from 'node:module';const require = createRequire(import.meta.url);" },
    external: ['pg-native'],
    minify: true,
    keepNames: true,
    tsconfigRaw: {},
    logLevel: 'warning',
  })
  // Says that main.js is an ES module, wherever the folder is copied to.
  await writeFile(path.join(folder, 'dist', 'package.json'), '{ "type": "module" }\n')
}
