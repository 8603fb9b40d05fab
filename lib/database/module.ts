import { createHash, randomUUID } from 'node:crypto'
import { realpathSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Failure, failed, ok, type Result } from '../model/failure.ts'
import { writeFileAtomic } from '../system/files.ts'

/** What a file in TypeScript is for, in failures: `the seed …`, and their code. */
export type ModulePurpose = { what: 'seed' | 'migration'; code: string }

/** A bundled file: its code as a module, and the local files that it imports (paths from the root, sorted). */
export type BundledModule = { code: string; imports: string[] }

type Message = { text: string; location: { line: number; column: number; lineText: string } | null }

/**
 * Bundles a file in TypeScript with what it imports by path; packages stay imports. tsconfig.json plays no part, so that what runs does not depend on an
 * editor's settings. Failures: what does not compile, with its place, under the purpose's code.
 *
 * @param path from `root`
 */
export async function bundleModule(root: string, path: string, purpose: ModulePurpose): Promise<Result<BundledModule>> {
  const { build } = await import('esbuild')
  const real = realpathSync(root)
  const built = await build({
    entryPoints: [join(real, path)],
    absWorkingDir: real,
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    sourcemap: 'inline',
    logLevel: 'silent',
    tsconfigRaw: '{}',
  }).catch((error: { errors?: Message[] }) => {
    if (!error.errors) throw error
    return error.errors
  })
  if (Array.isArray(built))
    return failed(...(built.map((one) => notCompiled(path, one, purpose)) as [Failure, ...Failure[]]))
  const entry = relative(real, realpathSync(join(real, path)))
  const imports = Object.keys(built.metafile.inputs).filter((file) => file !== entry && file !== path)
  return ok({ code: built.outputFiles[0]?.text ?? '', imports: imports.sort() })
}

/**
 * Loads bundled code; its packages are those of the workspace, so that it is written there for a moment. Failures: what the code throws while it is
 * loaded, under the purpose's code.
 */
export async function loadModule(
  root: string,
  path: string,
  code: string,
  purpose: ModulePurpose,
): Promise<Result<Record<string, unknown>>> {
  const folder = join(root, `.ops/cache/${purpose.what}s`)
  const file = join(folder, `${createHash('sha256').update(code).digest('hex').slice(0, 16)}-${randomUUID()}.mjs`)
  await mkdir(folder, { recursive: true })
  await writeFileAtomic(file, code)
  try {
    return ok((await import(pathToFileURL(file).href)) as Record<string, unknown>)
  } catch (error) {
    return failed({
      code: purpose.code,
      message: `the ${purpose.what} ${path} cannot be loaded`,
      place: { file: path },
      why: error instanceof Error ? error.message : String(error),
      outcome: 'unchanged',
    })
  } finally {
    await rm(file, { force: true })
  }
}

const notCompiled = (path: string, { text, location }: Message, { what, code }: ModulePurpose): Failure => ({
  code,
  message: `the ${what} ${path}: ${text}`,
  place: { file: path, ...(location ? { line: location.line, column: location.column + 1 } : {}) },
  ...(location ? { source: location.lineText } : {}),
  outcome: 'unchanged',
})
