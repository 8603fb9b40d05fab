import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type BuildFailure, build, formatMessages, type Plugin } from 'esbuild'
import type { TestFile } from './file.ts'

/** The bundled files, and those that cannot be bundled with the reason. */
export type Bundled = { files: TestFile[]; broken: { source: string; text: string }[] }

/**
 * Bundles test files into `outdir`, each whole, all in one build. When that fails, each alone, so that one broken file does not hide the others.
 *
 * @param root the folder that `sources` are relative to
 * @param support the folder of this repository's test support, which holds the module that stands in for uvu
 */
export async function bundle(sources: string[], root: string, support: string, outdir: string): Promise<Bundled> {
  const make = (entries: string[]) =>
    build({
      entryPoints: entries,
      absWorkingDir: root,
      outbase: root,
      outdir,
      outExtension: { '.js': '.mjs' },
      bundle: true,
      // No splitting: `import.meta.url` is then the test file's own bundle, whatever else is bundled with it.
      splitting: false,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      packages: 'external',
      sourcemap: 'linked',
      sourcesContent: false,
      logLevel: 'silent',
      plugins: [standInForUvu(support)],
    })
  const file = (source: string): TestFile => ({ source, bundle: join(outdir, source.replace(/\.ts$/, '.mjs')) })
  try {
    await make(sources)
    return { files: sources.map(file), broken: [] }
  } catch {
    const bundled: Bundled = { files: [], broken: [] }
    for (const source of sources) {
      try {
        await make([source])
        bundled.files.push(file(source))
      } catch (error) {
        const messages = await formatMessages((error as BuildFailure).errors, { kind: 'error' })
        bundled.broken.push({ source, text: messages.join('') })
      }
    }
    return bundled
  }
}

/** Makes this run's folder under `parent`, and removes those of runs that are dead. */
export async function folderOfRun(parent: string): Promise<string> {
  await mkdir(parent, { recursive: true })
  for (const name of await readdir(parent)) {
    if (!isAlive(Number(name))) await rm(join(parent, name), { recursive: true, force: true })
  }
  const folder = join(parent, String(process.pid))
  await mkdir(folder, { recursive: true })
  return folder
}

function standInForUvu(support: string): Plugin {
  const standIn = join(support, 'uvu.ts')
  return {
    name: 'stand-in-for-uvu',
    setup(builder) {
      builder.onResolve({ filter: /^uvu$/ }, ({ importer }) =>
        importer === standIn ? { path: 'uvu', external: true } : { path: standIn },
      )
    },
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
